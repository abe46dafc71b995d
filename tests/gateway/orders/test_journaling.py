"""What the journal keeps of an order is all that was known of it, in little memory."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.models import (
    AccountName,
    Fill,
    Liquidity,
    OrderStatus,
    Side,
    Symbol,
    VenueClientId,
    VenueName,
    VenueOrderId,
)
from gateway.journal import Entry
from gateway.orders.identity import Identities, OrderIdentity
from gateway.orders.journaling import JournaledFill, decode_fill, decode_step, encode_fill, encode_step
from gateway.orders.record import Intent, OrderRecord, Result, State
from gateway.orders.records import Added, Records
from gateway.settings import OrderSettings
from gateway.store import keys
from gateway.store.client import Store
from tests.gateway.orders.replica import make_ready
from tests.gateway.orders.samples import INTENT
from tests.gateway.orders.test_record import intents, results
from tests.redis_process import RedisProcess

IDENTITIES = Identities(b"k" * 32)
VENUE, ACCOUNT = VenueName("backpack"), AccountName("main-01")
AT_VENUE = VenueOrderId("112233445566778899")


def minted(client_id: str) -> OrderRecord:
    said = OrderIdentity(VENUE, ACCOUNT, Symbol("SOL-USDC-PERP"), "sa-01", VenueClientId(client_id))
    intent = replace(
        INTENT,
        order_id=IDENTITIES.order_id(said),
        venue=VENUE,
        account=ACCOUNT,
        owner=said.owner,
        symbol=said.symbol,
        venue_client_id=said.venue_client_id,
        client_order_id=f"quote-{client_id}",
    )
    return OrderRecord(intent, State.LIVE, version=3, created_ms=1_700_000_000_000, updated_ms=1_700_000_000_500)


def entry(data: bytes) -> Entry:
    return Entry.read(b"1700000000500-0", {b"kind": b"order", b"owner": b"sa-01", b"data": data})


@given(intents, results, st.sampled_from(State), st.none() | st.integers(1, 10**13))
@settings(max_examples=60)
def test_a_step_is_read_back_as_it_was(intent: Intent, result: Result, state: State, send_ms: int | None) -> None:
    record = minted("77")
    said = ("order_id", "venue", "account", "owner", "symbol", "venue_client_id")
    asked = replace(intent, **{name: getattr(record.intent, name) for name in said})
    record = replace(record, intent=asked, result=result, state=state, send_ms=send_ms)
    assert decode_step(entry(encode_step(record))) == record


FILL = Fill(
    venue=VENUE,
    symbol=Symbol("SOL-USDC-PERP"),
    venue_order_id=AT_VENUE,
    venue_client_id=VenueClientId("77"),
    trade_id="990011",
    side=Side.BUY,
    price=Decimal("143.27"),
    quantity=Decimal("5.25"),
    fee=Decimal("-0.00000001"),
    fee_asset="USDC",
    liquidity=Liquidity.MAKER,
    venue_time_us=1_700_000_000_123_456,
)


def test_a_trade_is_read_back_as_it_was() -> None:
    intent = minted("77").intent
    told = decode_fill(entry(encode_fill(intent, FILL)))
    assert told == JournaledFill(intent.order_id, "quote-77", "sa-01", FILL)


@pytest.mark.parametrize("data", [b"", b"{}", b"\x93\x01\x02\x03", b"\x01", b"\xc1"])
def test_what_is_no_step_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_step(entry(data))


async def test_an_entry_takes_less_than_250_bytes_of_redis(orders_redis: RedisProcess) -> None:
    async with Store.open(orders_redis.url) as store:
        records = Records(store, VENUE, IDENTITIES, OrderSettings(assume_none_sent=True))
        await make_ready(records, ACCOUNT)
        await store.command("DEL", keys.journal(VENUE, ACCOUNT))  # the epoch's entry
        for number in range(400):
            record = minted(str(3_000_000_000 + number))
            claimed = replace(record.intent, valid_until_ms=9_999_999_999_999)
            await records.claim([claimed], nonce="a", content=b"c", lease_ms=60_000)
            result = Result(status=OrderStatus.PENDING, venue_order_id=AT_VENUE)
            live = replace(record, version=1, nonce="a", result=result)
            assert await records.write(live)
            done = replace(live, version=2, state=State.DONE, result=replace(result, status=OrderStatus.CANCELLED))
            assert await records.write(done)
            trade = replace(FILL, trade_id=str(990_000 + number))
            assert await records.add_fill(replace(done, version=3), trade) is Added.ENTERED
        key = keys.journal(VENUE, ACCOUNT)
        entries = await store.command("XLEN", key)
        memory = await store.command("MEMORY", "USAGE", key, "SAMPLES", 0)
    assert entries == 1_600
    assert memory / entries < 250

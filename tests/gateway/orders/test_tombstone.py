"""What is left of a finished order answers for it, and takes little."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models import (
    OrderOptions,
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
    Symbol,
    TimeInForce,
    VenueOrderId,
)
from gateway.errors import Code, Refusal
from gateway.orders import tombstone
from gateway.orders.identity import Identities, OrderIdentity
from gateway.orders.record import Amend, AmendState, CancelState, OrderRecord, RefusalRecord, Result, State
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import (
    ACCOUNT,
    BOT,
    KEY,
    QUICK,
    Replica,
    limit_order,
    market_order,
    replica,
)
from tests.gateway.orders.samples import INTENT
from tests.redis_process import RedisProcess

IDENTITIES = Identities(KEY)
CONTENT = bytes(range(32))

numbers = st.decimals(min_value=0, max_value=10**17, places=8).map(lambda one: one.normalize())
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=64)


def some(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | values


refusals = st.builds(RefusalRecord, code=st.sampled_from(Code), message=texts, venue_code=st.none() | texts)
results = st.builds(
    Result,
    status=st.sampled_from(OrderStatus),
    venue_order_id=st.none() | (st.integers(0, 10**17).map(str) | texts).map(VenueOrderId),
    filled_quantity=numbers,
    average_price=st.none() | numbers,
    reason=st.none() | st.sampled_from(["NOT_PLACED", "VENUE_REJECTED", "Post only taker"]),
    refusal=st.none() | refusals,
    evidence=st.none() | st.sampled_from(["order history", "resolved by desk: 12"]),
    cancel=st.none() | st.sampled_from(CancelState),
    cancel_ms=st.none() | st.integers(0, 2**42),
    fees=st.lists(st.tuples(st.sampled_from(["SOL", "USDC"]), numbers), max_size=2).map(tuple),
    price=st.none() | numbers,
    quantity=st.none() | numbers,
    amend=st.none()
    | st.builds(Amend, st.none() | numbers, numbers, st.sampled_from(AmendState), st.integers(0, 2**42), texts),
    operations=st.lists(texts, max_size=3).map(tuple),
)
intents = st.builds(
    replace,
    st.just(INTENT),
    owner=st.sampled_from(["bot", "maker-2"]),
    symbol=st.sampled_from([Symbol("SOL-USDC"), Symbol("BTC-USDC-PERP")]),
    client_order_id=st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z"),
    side=st.sampled_from(Side),
    type=st.sampled_from(OrderType),
    quantity=st.none() | numbers,
    quote_quantity=st.none() | numbers,
    price=st.none() | numbers,
    time_in_force=st.sampled_from(TimeInForce),
    reduce_only=st.booleans(),
    self_trade_prevention=st.none() | st.sampled_from(SelfTradePrevention),
    valid_until_ms=st.integers(0, 2**42),
    options=st.builds(OrderOptions, stop_price=st.none() | numbers, venue_params=st.just({"postOnly": True})),
    cancel_if_unknown=st.booleans(),
)


@given(intents, results, st.integers(1, 2**42), st.integers(0, 10**9))
def test_all_but_labels_is_read_back(intent, result, created_ms: int, took_ms: int) -> None:  # type: ignore[no-untyped-def]
    identity = OrderIdentity(intent.venue, intent.account, intent.symbol, intent.owner, intent.venue_client_id)
    intent = replace(intent, order_id=IDENTITIES.order_id(identity))
    record = OrderRecord(intent, State.DONE, 4, created_ms, created_ms + took_ms, result)
    kept = tombstone.encode(record, CONTENT)
    left = tombstone.decode(
        kept,
        venue=intent.venue,
        account=intent.account,
        venue_client_id=intent.venue_client_id,
        identities=IDENTITIES,
    )
    assert left.record == record
    assert left.is_of(intent.owner, intent.client_order_id)
    assert left.is_content(CONTENT)
    assert not left.is_content(CONTENT[1:])


@pytest.fixture
async def on(orders_redis: RedisProcess, exchange: Exchange) -> AsyncIterator[Replica]:
    """Finished orders shrink with the next sweep."""
    async with replica(orders_redis.url, exchange, settings=QUICK.model_copy(update={"full_record_ms": 0})) as running:
        yield running


async def test_a_shrunk_order_still_answers_for_its_ids(on: Replica) -> None:
    before = (await on.placing.place(BOT, market_order())).record
    await on.sweep.once()
    assert await on.keys_of_orders() == {"reserved", "past", "spans"}
    again = await on.placing.place(BOT, market_order())
    assert (again.is_new, again.record.result.status) == (False, OrderStatus.FILLED)
    assert len(on.exchange.arrivals) == 1
    named = await on.finding.by_client_order_id(BOT, ACCOUNT, "one")
    found, _ = await on.finding.get(BOT, before.intent.order_id)
    assert named == found == again.record
    assert found.intent == before.intent
    assert [one.intent.order_id for one in (await on.finding.list(BOT, ACCOUNT, lambda _: True)).records] == [
        before.intent.order_id
    ]
    with pytest.raises(Refusal) as caught:
        await on.placing.place(BOT, market_order(quantity=Decimal(2)))
    assert caught.value.code is Code.IDEMPOTENCY_CONFLICT


async def test_a_venues_id_that_another_order_has_left_behind_is_stepped_around(
    orders_redis: RedisProcess, exchange: Exchange
) -> None:
    exchange.client_ids = 7  # of that many, three are tried
    settings = QUICK.model_copy(update={"full_record_ms": 0})
    async with replica(orders_redis.url, exchange, settings=settings) as on:
        placed = []
        for name in map(str, range(20)):
            with suppress(Refusal):  # all three that it tries are taken
                assert (await on.placing.place(BOT, market_order(name))).is_new
                placed.append(name)
            await on.sweep.once()
        assert len({order.venue_client_id for order in exchange.orders.values()}) == len(placed) > 3
        for name in placed:
            assert not (await on.placing.place(BOT, market_order(name))).is_new


async def test_a_cancel_of_a_shrunk_order_says_how_it_ended(on: Replica) -> None:
    record = (await on.placing.place(BOT, limit_order())).record
    await on.cancelling.cancel(BOT, record.intent.order_id)
    await on.sweep.once()
    assert (await on.cancelling.cancel(BOT, record.intent.order_id)).result.status is OrderStatus.CANCELLED


async def test_live_and_fresh_orders_stay_whole(one: Replica) -> None:
    await one.placing.place(BOT, limit_order("rests"))
    await one.placing.place(BOT, market_order("done"))
    await one.sweep.once()
    assert {(await one.known(name)).nonce != "" for name in ("rests", "done")} == {True}


async def test_a_shrunk_order_takes_few_bytes(on: Replica) -> None:
    async def taken() -> int:
        found = await on.store.command("KEYS", f"cg:{{{on.venue}}}:order:*")
        kept = [name for name in found if b":readiness:" not in name]
        return sum([await on.store.command("MEMORY", "USAGE", name) for name in kept])

    for number in range(10):
        await on.placing.place(BOT, market_order(f"01990a5d-ac96-774b-bcce-{number:012}"))
    await on.sweep.once()
    assert await taken() / 10 + 64 < 400  # a key that expires takes some bytes more

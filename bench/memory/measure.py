"""Orders through the scripts of the order path, on a Redis of their own; what they take is Redis' own figure."""

import asyncio
from dataclasses import dataclass, replace
from decimal import Decimal

from adapters.models import (
    AccountName,
    OrderStatus,
    OrderType,
    Side,
    Symbol,
    TimeInForce,
    VenueClientId,
    VenueName,
    VenueOrderId,
)
from gateway.orders.identity import Identities, OrderIdentity
from gateway.orders.record import Intent, Result, State
from gateway.orders.records import Records
from gateway.settings import OrderSettings
from gateway.store import keys
from gateway.store.client import Store

VENUE, ACCOUNT = VenueName("backpack"), AccountName("main-01")
_SYMBOL, _NONCE, _AT_ONCE = Symbol("SOL-USDC"), "0123456789abcdef", 100
_IDENTITIES = Identities(bytes(32))
_RESULT = Result(
    status=OrderStatus.FILLED,
    venue_order_id=VenueOrderId("3000000000"),
    filled_quantity=Decimal("1.5"),
    average_price=Decimal("100.0125"),
)


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes an order takes: every key, index and member of it, without its entries in the journal."""

    whole: float
    """From its claim until some time after its end."""
    shrunk: float

    def of_a_day(self, per_minute: int, whole_minutes: int) -> float:
        """Of so many a minute, each whole for so long."""
        return per_minute * (whole_minutes * self.whole + 24 * 60 * self.shrunk)


async def measure(redis_url: str, count: int) -> Bytes:
    """Place, fill and shrink that many orders."""
    settings = OrderSettings(assume_none_sent=True, full_record_ms=0)
    async with Store.open(redis_url, timeout_s=5.0) as store:
        records = Records(store, VENUE, _IDENTITIES, settings)
        seen = await records.readiness.see(ACCOUNT)
        await records.readiness.make_ready(ACCOUNT, seen.epoch)
        await _place(records, store, range(_AT_ONCE), "warm")  # so that Redis knows the scripts
        await _shrink(records, store)
        empty = await _used(store)
        await _place(records, store, range(count), "01990a5d-ac96-774b-bcce")
        whole = await _used(store)
        await _shrink(records, store)
        return Bytes((whole - empty) / count, (await _used(store) - empty) / count)


async def _place(records: Records, store: Store, numbers: range, prefix: str) -> None:
    now_ms = await store.time_us() // 1_000
    for start in numbers[::_AT_ONCE]:
        some = range(start, start + _AT_ONCE)
        await asyncio.gather(*(_fill(records, number, f"{prefix}-{number:012d}", now_ms) for number in some))
        await store.command("DEL", keys.journal(VENUE, ACCOUNT))  # it has bounds of its own


async def _shrink(records: Records, store: Store) -> None:
    now_ms = await store.time_us() // 1_000 + 1
    while await records.shrink(ACCOUNT, now_ms):
        pass


async def _used(store: Store) -> int:
    memory = await store.command("INFO", "memory")
    return int(memory.partition(b"used_memory:")[2].partition(b"\r")[0])


async def _fill(records: Records, number: int, client_order_id: str, now_ms: int) -> None:
    digest = _IDENTITIES.client_id_digest(VENUE, ACCOUNT, "quoter-07", client_order_id, 0)
    venue_client_id = VenueClientId(str(int.from_bytes(digest[:4], "big")))
    identity = OrderIdentity(VENUE, ACCOUNT, _SYMBOL, "quoter-07", venue_client_id)
    intent = Intent(
        order_id=_IDENTITIES.order_id(identity),
        venue=VENUE,
        account=ACCOUNT,
        owner=identity.owner,
        symbol=_SYMBOL,
        client_order_id=client_order_id,
        venue_client_id=venue_client_id,
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal("1.5"),
        quote_quantity=None,
        price=Decimal("100.02"),
        time_in_force=TimeInForce.GTC,
        reduce_only=False,
        self_trade_prevention=None,
        labels=(),
        valid_until_ms=now_ms + 600_000,
    )
    await records.claim([intent], nonce=_NONCE, content=bytes(32), lease_ms=10_000)
    await records.begin_send(intent, nonce=_NONCE, clock_difference_ms=0, window_ms=2_000, lease_ms=10_000)
    record = await records.get(intent.order_id)
    if record is None:
        raise AssertionError("the order was not claimed")
    result = replace(_RESULT, venue_order_id=VenueOrderId(str(3 * 10**9 + number)))
    await records.write(record.with_result(State.DONE, result))

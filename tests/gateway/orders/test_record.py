"""A record is read back as it was written, with every number exact."""

from dataclasses import replace
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.models import (
    AccountName,
    OrderOptions,
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
    Symbol,
    TimeInForce,
    TriggerPriceType,
    VenueClientId,
    VenueName,
    VenueOrder,
    VenueOrderId,
)
from gateway.errors import Code
from gateway.orders.identity import OrderIdentity
from gateway.orders.record import (
    CancelState,
    Intent,
    RefusalRecord,
    Result,
    State,
    decode,
    encode,
    from_venue,
)
from tests.gateway.orders.samples import INTENT

numbers = st.decimals(min_value=0, max_value=10**18 - 1, places=18, allow_nan=False, allow_infinity=False)
texts = st.none() | st.text(max_size=40)
times = st.none() | st.integers(0, 10**13)

intents = st.builds(
    Intent,
    order_id=st.text(max_size=20),
    venue=st.just(VenueName("v")),
    account=st.just(AccountName("a")),
    owner=st.just("bot"),
    symbol=st.just(Symbol("SOL-USDC")),
    client_order_id=texts,
    venue_client_id=st.just(VenueClientId("7")),
    side=st.sampled_from(Side),
    type=st.sampled_from(OrderType),
    quantity=st.none() | numbers,
    quote_quantity=st.none() | numbers,
    price=st.none() | numbers,
    time_in_force=st.sampled_from(TimeInForce),
    reduce_only=st.booleans(),
    self_trade_prevention=st.none() | st.sampled_from(SelfTradePrevention),
    labels=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    valid_until_ms=st.integers(0, 10**13),
    options=st.builds(
        OrderOptions,
        stop_price=st.none() | numbers,
        trigger_price_type=st.none() | st.sampled_from(TriggerPriceType),
        callback_rate=st.none() | numbers,
        activation_price=st.none() | numbers,
        visible_quantity=st.none() | numbers,
        expire_time_ms=times,
        venue_params=st.dictionaries(st.text(max_size=9), st.booleans() | st.text(max_size=9), max_size=2),
    ),
)
results = st.builds(
    Result,
    status=st.none() | st.sampled_from(OrderStatus),
    venue_order_id=st.none() | st.just(VenueOrderId("9")),
    filled_quantity=numbers,
    average_price=st.none() | numbers,
    reason=texts,
    refusal=st.none() | st.builds(RefusalRecord, st.sampled_from(Code), st.text(max_size=9), texts),
    unknown_since_ms=times,
    unknown_cause=texts,
    evidence=texts,
    absent_since_ms=times,
    cancel=st.none() | st.sampled_from(CancelState),
    cancel_ms=times,
)


@settings(max_examples=40)
@given(intents, results, st.sampled_from(State), st.none() | st.integers(0, 10**13))
def test_what_was_written_is_read_back(intent: Intent, result: Result, state: State, send_ms: int | None) -> None:
    fields = {
        b"intent": encode(intent),
        b"result": encode(result),
        b"state": state.encode(),
        b"version": b"3",
        b"nonce": b"n",
        b"created_ms": b"1",
        b"updated_ms": b"2",
        b"lease_until_ms": b"4",
    }
    if send_ms is not None:
        fields |= {b"send_ms": str(send_ms).encode(), b"window_ms": b"2000"}
    record = decode(fields)
    assert (record.intent, record.result, record.state, record.send_ms) == (intent, result, state, send_ms)
    assert (record.version, record.nonce, record.lease_until_ms) == (3, "n", 4)


@given(intents)
def test_numbers_are_kept_in_plain_notation(intent: Intent) -> None:
    kept = msgspec.json.decode(encode(intent))
    kept |= kept["options"]
    for name in ("quantity", "quote_quantity", "price", "stop_price", "callback_rate", "visible_quantity"):
        assert kept.get(name) is None or set(kept[name]) <= set("0123456789.")


def test_an_order_without_a_record_shows_what_its_id_and_the_venue_say() -> None:
    identity = OrderIdentity(VenueName("v"), AccountName("a"), Symbol("SOL-USDC"), "bot", VenueClientId("7"))
    shown = VenueOrder(
        venue=VenueName("v"),
        symbol=Symbol("SOL-USDC"),
        venue_order_id=VenueOrderId("9"),
        venue_client_id=VenueClientId("7"),
        side=Side.SELL,
        type=OrderType.LIMIT,
        status=OrderStatus.CANCELLED,
        filled_quantity=Decimal(0),
        created_time_us=5_000,
        quantity=Decimal(2),
        price=Decimal(3),
    )
    record = from_venue(identity, "id", shown)
    assert (record.intent.owner, record.intent.account, record.intent.side) == ("bot", "a", Side.SELL)
    assert record.intent.client_order_id is None
    assert record.created_ms == 5


def test_an_order_under_way_is_running() -> None:
    fields = {b"intent": encode(INTENT), b"result": encode(Result()), b"state": b"claimed", b"version": b"1"}
    fields |= {b"nonce": b"n", b"created_ms": b"1", b"updated_ms": b"1", b"lease_until_ms": b"9"}
    record = decode(fields)
    running = {state for state in State if replace(record, state=state).is_running}
    assert running == {State.CLAIMED, State.SENT}

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.common.session import OutOfStep
from adapters.contract import Channel
from adapters.models import (
    AccountName,
    BalanceEvent,
    BookDelta,
    BookSnapshot,
    FillEvent,
    OrderEvent,
    OrderStatus,
    PositionEvent,
    StreamEvent,
    Symbol,
    Ticker,
    Trade,
    VenueSymbol,
)
from adapters.zanbara.session import AccountSession, PublicSession
from tests.adapters.zanbara.samples import NOW_MS, SOL, VENUE, frame, golden_bytes

ETH = replace(SOL, venue_symbol=VenueSymbol("ETH-PERP"))
SNAPSHOTS = {channel: golden_bytes(f"stream_{channel}_snapshot_synthetic") for channel in Channel}
BOOK_UPDATE = golden_bytes("stream_orderbook_update_synthetic")
TRADES_UPDATE = golden_bytes("stream_trades_update_synthetic")


def sent(session: PublicSession | AccountSession, now_ms: int = NOW_MS) -> list[dict[str, Any]]:
    """What is sent besides the heartbeat."""
    frames = [json.loads(frame) for frame in session.frames_to_send(venue_time_ms=now_ms)]
    return [frame for frame in frames if frame["type"] != "ping"]


@pytest.fixture
def session() -> PublicSession:
    session = PublicSession(VENUE)
    session.opened()
    return session


def test_wishes_become_frames_once(session: PublicSession) -> None:
    session.subscribe(Channel.ORDERBOOK, SOL)
    session.subscribe(Channel.TICKER, ETH)
    session.subscribe(Channel.ORDERBOOK, SOL)
    assert sent(session) == [
        {"type": "subscribe", "channel": "orderbook", "symbol": "SOL-PERP", "id": 1, "depth": 100},
        {"type": "subscribe", "channel": "ticker", "symbol": "ETH-PERP", "id": 2},
    ]
    assert sent(session) == []
    session.unsubscribe(Channel.TICKER, ETH)
    session.subscribe(Channel.TRADES, SOL)
    assert sent(session) == [
        {"type": "unsubscribe", "channel": "ticker", "symbol": "ETH-PERP", "id": 2},
        {"type": "subscribe", "channel": "trades", "symbol": "SOL-PERP", "id": 3},
    ]


def test_a_wish_taken_back_before_it_was_sent_is_never_sent(session: PublicSession) -> None:
    session.subscribe(Channel.TRADES, SOL)
    session.unsubscribe(Channel.TRADES, SOL)
    session.unsubscribe(Channel.TICKER, SOL)
    assert sent(session) == []


def test_a_new_connection_gets_every_wish_again(session: PublicSession) -> None:
    session.subscribe(Channel.TRADES, SOL)
    first = sent(session)
    session.opened()
    assert sent(session) == first


def test_the_heartbeat_goes_with_the_wishes_and_a_pong_answers_it(session: PublicSession) -> None:
    assert session.frames_to_send(venue_time_ms=NOW_MS) == ['{"type":"ping"}']
    with pytest.raises(OutOfStep):
        session.frames_to_send(venue_time_ms=NOW_MS + 10_001)
    assert session.received(golden_bytes("stream_pong"), received_time_us=5) is None
    assert session.frames_to_send(venue_time_ms=NOW_MS + 10_001) == []


def started(session: PublicSession) -> None:
    for channel in Channel:
        session.subscribe(channel, SOL)
    sent(session)
    for snapshot in SNAPSHOTS.values():
        session.received(snapshot, received_time_us=5)


def test_frames_become_events_from_their_snapshot_on(session: PublicSession) -> None:
    assert session.received(SNAPSHOTS[Channel.ORDERBOOK], received_time_us=5) is None
    for channel in Channel:
        session.subscribe(channel, SOL)
    sent(session)
    assert session.received(BOOK_UPDATE, received_time_us=5) is None
    assert session.received(TRADES_UPDATE, received_time_us=5) is None
    assert session.skipped_frames == 3
    assert isinstance(session.received(SNAPSHOTS[Channel.ORDERBOOK], received_time_us=5), BookSnapshot)
    assert isinstance(session.received(SNAPSHOTS[Channel.TICKER], received_time_us=5), Ticker)
    assert session.received(SNAPSHOTS[Channel.TRADES], received_time_us=5) == ()
    delta = session.received(BOOK_UPDATE, received_time_us=5)
    assert isinstance(delta, BookDelta)
    assert (delta.previous_id, delta.last_id) == (10_021, 10_023)


def test_trades_of_one_frame_come_oldest_first(session: PublicSession) -> None:
    started(session)
    trades = session.received(TRADES_UPDATE, received_time_us=5)
    assert isinstance(trades, tuple)
    assert [trade.trade_id for trade in trades if isinstance(trade, Trade)] == [
        "trd_0000000000000042",
        "trd_0000000000000043",
    ]


def test_frames_of_an_earlier_subscription_are_left_out(session: PublicSession) -> None:
    started(session)
    session.unsubscribe(Channel.ORDERBOOK, SOL)
    sent(session)
    session.subscribe(Channel.ORDERBOOK, SOL)
    sent(session)
    assert session.received(BOOK_UPDATE, received_time_us=5) is None
    assert session.received(SNAPSHOTS[Channel.ORDERBOOK], received_time_us=5) is not None


def test_a_book_may_jump_since_it_says_itself_what_it_follows(session: PublicSession) -> None:
    started(session)
    jump = frame("stream_orderbook_update_synthetic", sequence=10_099, data_changes={"prev_sequence": 10_050})
    delta = session.received(jump, received_time_us=5)
    assert isinstance(delta, BookDelta)
    assert (delta.previous_id, delta.last_id) == (10_050, 10_099)


@pytest.mark.parametrize(
    "spoiled",
    [
        frame("stream_trades_update_synthetic", sequence=3),
        frame("stream_trades_update_synthetic", data_changes={"items": [{"price": "0"}]}),
        frame("stream_trades_update_synthetic", data={}),
        frame("stream_orderbook_update_synthetic", sequence=None),
        frame("stream_orderbook_update_synthetic", data_changes={"prev_sequence": 10_023}),
        frame("stream_orderbook_update_synthetic", data_changes={"bids": [["1"]]}),
        frame("stream_orderbook_update_synthetic", data_changes={"bids": [["NaN", "1"]]}),
        frame("stream_orderbook_snapshot_synthetic", data_changes={"symbol": "ETH-PERP"}),
        b'{"type":"update","channel":"orderbook","symbol":"SOL-PERP"}',
        b"not JSON",
        b"\xff",
        b"[]",
        b'{"type":1}',
    ],
)
def test_a_frame_that_cannot_be_trusted_ends_the_connection(session: PublicSession, spoiled: bytes) -> None:
    started(session)
    with pytest.raises(OutOfStep):
        session.received(spoiled, received_time_us=5)


def test_a_ticker_that_cannot_be_read_costs_only_itself(session: PublicSession) -> None:
    started(session)
    for change in ({"last_price": "N/A"}, {"last_price": "0"}, {"symbol": "ETH-PERP"}):
        spoiled = frame("stream_ticker_snapshot_synthetic", type="update", data_changes=change)
        assert session.received(spoiled, received_time_us=5) is None
    assert session.skipped_frames == 3
    assert session.received(frame("stream_ticker_snapshot_synthetic", type="update"), received_time_us=5) is not None


@pytest.mark.parametrize(
    "other", [b'{"type":"welcome","connection_id":"c_1"}', b'{"type":"subscribed"}', b'{"type":"new one"}']
)
def test_other_frames_say_nothing(session: PublicSession, other: bytes) -> None:
    assert session.received(other, received_time_us=5) is None


def test_a_refused_public_subscription_is_named_in_the_log_and_keeps_the_connection(
    session: PublicSession, caplog: pytest.LogCaptureFixture
) -> None:
    started(session)
    assert session.received(golden_bytes("stream_error_symbol_synthetic"), received_time_us=5) is None
    assert "ticker/SOL-PERP" in caplog.text
    assert "SYMBOL_NOT_FOUND" in caplog.text


@pytest.fixture
def account_session() -> AccountSession:
    session = AccountSession(VENUE, AccountName("main"))
    session.opened()
    session.token = "one"
    return session


AUTH_AND_WISHES = [
    {"type": "auth", "token": "one"},
    {"type": "subscribe", "channel": "orders"},
    {"type": "subscribe", "channel": "fills"},
    {"type": "subscribe", "channel": "positions"},
    {"type": "subscribe", "channel": "balance"},
]


def test_private_wishes_follow_the_token_on_every_connection(account_session: AccountSession) -> None:
    assert sent(account_session) == AUTH_AND_WISHES
    assert sent(account_session) == []
    account_session.opened()
    assert sent(account_session) == AUTH_AND_WISHES


def test_a_newer_token_is_shown_on_the_same_connection(account_session: AccountSession) -> None:
    sent(account_session)
    account_session.token = "two"
    assert sent(account_session) == [{"type": "auth", "token": "two"}]
    assert sent(account_session) == []


def test_order_and_fill_frames_become_events(account_session: AccountSession) -> None:
    sent(account_session)
    assert account_session.received(golden_bytes("stream_authenticated_synthetic"), received_time_us=5) is None
    assert account_session.received(golden_bytes("stream_pong"), received_time_us=5) is None
    snapshot = account_session.received(golden_bytes("stream_orders_snapshot_synthetic"), received_time_us=5)
    update = account_session.received(golden_bytes("stream_orders_update_synthetic"), received_time_us=5)
    fill = account_session.received(golden_bytes("stream_fills_update_synthetic"), received_time_us=5)
    assert isinstance(snapshot, tuple)
    assert isinstance(update, tuple)
    orders = [event for event in (*snapshot, *update) if isinstance(event, OrderEvent)]
    assert [event.order.status for event in orders] == [OrderStatus.PENDING, OrderStatus.PARTIAL_FILLED]
    assert [(event.account, event.fill) for event in orders] == [("main", None)] * 2
    assert isinstance(fill, FillEvent)
    assert (fill.account, fill.fill.venue_order_id) == ("main", "ord_0000000000000001")


def test_positions_and_balances_become_events(account_session: AccountSession) -> None:
    told: list[StreamEvent] = []
    for name in ("positions_snapshot", "positions_update", "balance_snapshot", "balance_update"):
        event = account_session.received(golden_bytes(f"stream_{name}_synthetic"), received_time_us=5)
        assert event is not None
        told.extend(event if isinstance(event, tuple) else [event])
    opened, closed = (event for event in told if isinstance(event, PositionEvent))
    assert opened.position is not None
    assert (str(opened.symbol), str(opened.position.quantity)) == ("SOL-USDC-PERP", "10.00000000")
    assert closed == PositionEvent(AccountName("main"), Symbol("SOL-USDC-PERP"), None, 1_759_800_000_550_000, 5)
    balances = [event.balance.available for event in told if isinstance(event, BalanceEvent)]
    assert balances == [Decimal("9801.7"), Decimal(9700)]


def test_other_private_channels_are_left_out(account_session: AccountSession) -> None:
    risk = b'{"type":"update","channel":"risk","symbol":null,"data":{},"sequence":4}'
    assert account_session.received(risk, received_time_us=5) is None


@pytest.mark.parametrize(
    "spoiled",
    [
        frame("stream_orders_update_synthetic", sequence=3),
        frame("stream_orders_update_synthetic", data_changes={"status": "paused"}),
        frame("stream_orders_update_synthetic", data_changes={"order_id": None}),
        frame("stream_orders_snapshot_synthetic", data={"items": [{}]}),
        frame("stream_fills_update_synthetic", sequence=2),
        frame("stream_fills_update_synthetic", data_changes={"trade_id": None}),
        golden_bytes("stream_positions_update_synthetic"),
        frame("stream_balance_snapshot_synthetic", data_changes={"balance": "NaN"}),
        golden_bytes("stream_error_symbol_synthetic"),
        b"not JSON",
    ],
)
def test_a_private_stream_that_cannot_be_trusted_ends(account_session: AccountSession, spoiled: bytes) -> None:
    account_session.received(golden_bytes("stream_orders_snapshot_synthetic"), received_time_us=5)
    with pytest.raises(OutOfStep):
        account_session.received(spoiled, received_time_us=5)
    assert account_session.refused_token is None


def test_a_change_before_the_snapshot_ends_the_stream(account_session: AccountSession) -> None:
    with pytest.raises(OutOfStep):
        account_session.received(golden_bytes("stream_orders_update_synthetic"), received_time_us=5)


def test_a_refused_token_is_noted_and_ends_the_connection(account_session: AccountSession) -> None:
    sent(account_session)
    with pytest.raises(OutOfStep) as caught:
        account_session.received(golden_bytes("stream_error_token_synthetic"), received_time_us=5)
    assert account_session.refused_token == "one"
    assert "one" not in str(caught.value).split()

import json
from decimal import Decimal
from typing import Any

import pytest

from adapters.backpack.session import AccountSession, PublicSession
from adapters.backpack.signing import Key
from adapters.common.session import OutOfStep
from adapters.contract import Channel
from adapters.models import (
    AccountName,
    Balance,
    BalanceEvent,
    BookDelta,
    OrderEvent,
    PositionEvent,
    PositionSide,
    Ticker,
    Trade,
)
from tests.adapters.backpack.samples import NOW_MS, PERP, PUBLIC, SEED, SPOT, VENUE, golden, golden_bytes


def sent(session: PublicSession | AccountSession) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in session.frames_to_send(venue_time_ms=NOW_MS)]


@pytest.fixture
def session() -> PublicSession:
    session = PublicSession(VENUE)
    session.opened()
    return session


def test_wishes_become_frames_once(session: PublicSession) -> None:
    session.subscribe(Channel.ORDERBOOK, SPOT)
    session.subscribe(Channel.TICKER, PERP)
    session.subscribe(Channel.ORDERBOOK, SPOT)
    assert sent(session) == [{"method": "SUBSCRIBE", "params": ["depth.SOL_USDC", "ticker.SOL_USDC_PERP"]}]
    assert sent(session) == []
    session.unsubscribe(Channel.TICKER, PERP)
    session.subscribe(Channel.TRADES, SPOT)
    assert sent(session) == [
        {"method": "UNSUBSCRIBE", "params": ["ticker.SOL_USDC_PERP"]},
        {"method": "SUBSCRIBE", "params": ["trade.SOL_USDC"]},
    ]


def test_a_wish_taken_back_before_it_was_sent_is_never_sent(session: PublicSession) -> None:
    session.subscribe(Channel.TRADES, SPOT)
    session.unsubscribe(Channel.TRADES, SPOT)
    session.unsubscribe(Channel.TICKER, SPOT)
    assert sent(session) == []


def test_a_new_connection_gets_every_wish_again(session: PublicSession) -> None:
    session.subscribe(Channel.TRADES, SPOT)
    first = sent(session)
    session.opened()
    assert sent(session) == first


def test_many_wishes_go_in_several_frames(session: PublicSession) -> None:
    from dataclasses import replace

    from adapters.models import VenueSymbol

    for number in range(150):
        session.subscribe(Channel.TRADES, replace(SPOT, venue_symbol=VenueSymbol(f"X{number}_USDC")))
    assert [len(frame["params"]) for frame in sent(session)] == [100, 50]


@pytest.mark.parametrize(
    ("name", "channel", "event_type"),
    [
        ("stream_depth", Channel.ORDERBOOK, BookDelta),
        ("stream_ticker", Channel.TICKER, Ticker),
        ("stream_trade", Channel.TRADES, Trade),
    ],
)
def test_frames_become_events_while_they_are_wanted(
    session: PublicSession, name: str, channel: Channel, event_type: type
) -> None:
    assert session.received(golden_bytes(name), received_time_us=5) is None
    session.subscribe(channel, SPOT)
    event = session.received(golden_bytes(name), received_time_us=5)
    assert isinstance(event, event_type)
    session.unsubscribe(channel, SPOT)
    assert session.received(golden_bytes(name), received_time_us=5) is None
    assert session.skipped_frames == 2


def spoiled(name: str, **changes: Any) -> bytes:
    frame = golden(name)
    frame["data"] |= changes
    return json.dumps(frame).encode()


@pytest.mark.parametrize(
    "frame",
    [
        spoiled("stream_depth", U="x"),
        spoiled("stream_depth", a=[["1"]]),
        spoiled("stream_depth", a=[["NaN", "1"]]),
        spoiled("stream_depth", s="BTC_USDC"),
        spoiled("stream_trade", p="0"),
        spoiled("stream_trade", m=None),
        b"not JSON",
        b"\xff",
        b"[]",
        b'{"stream":1}',
    ],
)
def test_a_frame_that_cannot_be_read_ends_the_connection(session: PublicSession, frame: bytes) -> None:
    session.subscribe(Channel.ORDERBOOK, SPOT)
    session.subscribe(Channel.TRADES, SPOT)
    with pytest.raises(OutOfStep):
        session.received(frame, received_time_us=5)


def test_a_ticker_that_cannot_be_read_costs_only_itself(session: PublicSession) -> None:
    session.subscribe(Channel.TICKER, SPOT)
    for spoil in ({"c": "N/A"}, {"c": "1e39", "o": "1e-39"}):
        assert session.received(spoiled("stream_ticker", **spoil), received_time_us=5) is None
    assert session.received(golden_bytes("stream_ticker"), received_time_us=5) is not None
    assert session.skipped_frames == 2


def test_a_refused_public_subscription_is_logged_with_its_suspects_and_keeps_the_connection(
    session: PublicSession, caplog: pytest.LogCaptureFixture
) -> None:
    session.subscribe(Channel.ORDERBOOK, SPOT)
    session.subscribe(Channel.TICKER, PERP)
    sent(session)
    session.received(golden_bytes("stream_depth"), received_time_us=5)
    assert session.received(golden_bytes("stream_error"), received_time_us=5) is None
    assert "Invalid stream" in caplog.text
    assert "ticker.SOL_USDC_PERP" in caplog.text
    assert "depth.SOL_USDC" not in caplog.text


@pytest.fixture
def account_session() -> AccountSession:
    session = AccountSession(VENUE, AccountName("main"), Key({"api_key": PUBLIC, "api_secret": SEED}))
    session.opened()
    return session


def test_the_private_subscription_is_signed_for_the_time_it_is_sent(account_session: AccountSession) -> None:
    vectors = {vector["id"]: vector for vector in golden("signing")}
    expected = {
        "method": "SUBSCRIBE",
        "params": ["account.orderUpdate", "account.balanceUpdate", "account.positionUpdate"],
        "signature": [PUBLIC, vectors["TV10"]["signature"], "1750793021519", "5000"],
    }
    assert sent(account_session) == [expected]
    assert sent(account_session) == []
    account_session.opened()
    assert sent(account_session) == [expected]


def test_order_frames_become_events(account_session: AccountSession) -> None:
    event = account_session.received(golden_bytes("stream_order_fill"), received_time_us=5)
    assert isinstance(event, OrderEvent)
    assert (event.account, event.fill is not None) == ("main", True)


def test_balance_and_position_frames_become_events(account_session: AccountSession) -> None:
    balance = account_session.received(golden_bytes("stream_balance_update_synthetic"), received_time_us=5)
    assert balance == BalanceEvent(
        AccountName("main"), Balance("USDT", Decimal(10), Decimal(20), Decimal(30)), 1_788_367_600_122_890, 5
    )
    opened = account_session.received(golden_bytes("stream_position_opened_synthetic"), received_time_us=5)
    assert isinstance(opened, PositionEvent)
    assert opened.position is not None
    assert (opened.position.symbol, opened.position.side) == ("SOL-USDC-PERP", PositionSide.LONG)
    assert opened.position.quantity == 1
    assert (opened.position.entry_price, opened.position.liquidation_price) == (Decimal("98.4"), None)
    closed = account_session.received(spoiled("stream_position_opened_synthetic", q="0"), received_time_us=5)
    assert isinstance(closed, PositionEvent)
    assert (closed.symbol, closed.position) == ("SOL-USDC-PERP", None)


def test_other_private_streams_are_left_out(account_session: AccountSession) -> None:
    frame = b'{"data":{"e":"rfqActive"},"stream":"account.rfqUpdate"}'
    assert account_session.received(frame, received_time_us=5) is None


@pytest.mark.parametrize(
    "frame",
    [
        golden_bytes("stream_error"),
        spoiled("stream_order_fill", X="Paused"),
        spoiled("stream_order_fill", t=None),
        spoiled("stream_order_fill", i=None),
        spoiled("stream_balance_update_synthetic", A=None),
        spoiled("stream_position_opened_synthetic", q="NaN"),
    ],
)
def test_a_private_stream_that_cannot_be_trusted_ends(account_session: AccountSession, frame: bytes) -> None:
    with pytest.raises(OutOfStep):
        account_session.received(frame, received_time_us=5)

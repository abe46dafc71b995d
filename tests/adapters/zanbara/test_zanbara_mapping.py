from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError, convert
from msgspec.json import decode

from adapters.models import (
    Balance,
    BookDelta,
    BookSnapshot,
    Level,
    MarginMode,
    MarketStatus,
    Position,
    PositionSide,
    Side,
    Symbol,
    Ticker,
    Trade,
)
from adapters.zanbara import mapping, wire
from tests.adapters.zanbara.samples import SOL, VENUE, data, item, raw

D = Decimal


def level(price: str, quantity: str) -> Level:
    return Level(D(price), D(quantity))


def market(**changes: Any) -> wire.Market:
    return decode(item("symbols_synthetic", **changes), type=wire.Market)


def test_market() -> None:
    assert mapping.normalize_market(VENUE, market()) == SOL


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("trading", MarketStatus.TRADING),
        ("halted", MarketStatus.HALTED),
        ("settling", MarketStatus.CANCEL_ONLY),
        ("auction", MarketStatus.UNKNOWN),
    ],
)
def test_a_status_we_do_not_know_is_not_taken_for_trading(word: str, status: MarketStatus) -> None:
    assert mapping.normalize_market(VENUE, market(status=word)).status is status


def test_a_market_may_lack_whatever_is_not_vital() -> None:
    optional = {"max_quantity", "max_leverage", "maker_fee_rate", "taker_fee_rate", "funding_interval"}
    normalized = mapping.normalize_market(VENUE, market(**dict.fromkeys(optional)))
    assert (normalized.max_quantity, normalized.max_leverage, normalized.funding_interval_ms) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({}, True),
        ({"contract_type": "future"}, False),
        ({"quote_asset": "USDT"}, False),
        ({"settle_asset": "SOL"}, False),
        ({"symbol": "SOL-USDC"}, False),
    ],
)
def test_only_perpetuals_in_usdc_are_known(change: dict[str, str], known: bool) -> None:
    kind = decode(item("symbols_synthetic", **change), type=wire.MarketKind)
    assert mapping.is_known_kind(kind) is known


TICKER = Ticker(
    venue=VENUE,
    symbol=SOL.symbol,
    last_price=D("150.5"),
    received_time_us=5,
    venue_time_us=1_759_800_000_000_000,
    open_price=D("146.2"),
    high_price=D(152),
    low_price=D("145.1"),
    volume=D("125000.5"),
    quote_volume=D(18_650_000),
    change=D("4.3"),
    change_rate=D("0.029412"),
)


def test_ticker() -> None:
    ticker = decode(raw("ticker_synthetic"), type=wire.Ticker)
    assert mapping.normalize_ticker(VENUE, ticker, received_time_us=5) == TICKER


def test_a_ticker_without_a_last_price_is_none() -> None:
    ticker = decode(raw("ticker_synthetic", last_price=None), type=wire.Ticker)
    assert mapping.normalize_ticker(VENUE, ticker, received_time_us=5) is None


def test_book() -> None:
    book = decode(raw("orderbook_synthetic"), type=wire.OrderBook)
    assert mapping.normalize_book(VENUE, book, received_time_us=5) == BookSnapshot(
        venue=VENUE,
        symbol=SOL.symbol,
        bids=(level("150.49", "12"), level("150.48", "30")),
        asks=(level("150.51", "8.5"), level("150.52", "20")),
        update_id=10_021,
        received_time_us=5,
        venue_time_us=1_759_800_000_000_000,
    )


def _swap_bids(book: dict[str, Any]) -> None:
    book["bids"].reverse()


def _repeat_ask(book: dict[str, Any]) -> None:
    book["asks"].append(book["asks"][-1])


def _empty_level(book: dict[str, Any]) -> None:
    book["asks"][0][1] = "0.00000000"


def _nan(book: dict[str, Any]) -> None:
    book["bids"][0][0] = "NaN"


def _other_name(book: dict[str, Any]) -> None:
    book["symbol"] = "SOL_PERP"


@pytest.mark.parametrize("spoil", [_swap_bids, _repeat_ask, _empty_level, _nan, _other_name])
def test_a_book_that_cannot_be_right_is_refused(spoil: Callable[[dict[str, Any]], None]) -> None:
    book = data("orderbook_synthetic")
    spoil(book)
    with pytest.raises(ValueError, match=r".+"):
        mapping.normalize_book(VENUE, convert(book, type=wire.OrderBook, strict=False), received_time_us=5)


def delta(update: bytes, sequence: int = 10_023) -> BookDelta:
    return mapping.normalize_delta(
        VENUE,
        "SOL-PERP",
        decode(update, type=wire.BookUpdate),
        sequence=sequence,
        timestamp_ms=1_759_800_000_012,
        received_time_us=5,
    )


def test_delta() -> None:
    assert delta(raw("stream_orderbook_update_synthetic")) == BookDelta(
        venue=VENUE,
        symbol=SOL.symbol,
        bids=(level("150.49", "0"), level("150.47", "5")),
        asks=(level("150.51", "7.25"),),
        previous_id=10_021,
        last_id=10_023,
        received_time_us=5,
        venue_time_us=1_759_800_000_012_000,
    )


@pytest.mark.parametrize(
    "change", [{"prev_sequence": 10_023}, {"asks": [["1", "-1"]]}, {"bids": [["NaN", "1"]]}, {"bids": [["0", "1"]]}]
)
def test_a_delta_that_cannot_be_right_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        delta(raw("stream_orderbook_update_synthetic", **change))


PRICES = st.decimals(D("0.00000001"), D(10) ** 9, places=8)


@given(st.lists(st.tuples(PRICES, st.decimals(0, D(10) ** 9, places=8)), max_size=20))
def test_levels_keep_their_exact_values(pairs: list[tuple[Decimal, Decimal]]) -> None:
    levels = [[format(price, ".8f"), format(quantity, ".8f")] for price, quantity in pairs]
    update = wire.BookUpdate(bids=[], asks=convert(levels, type=wire.Levels, strict=False), prev_sequence=1)
    normalized = mapping.normalize_delta(VENUE, "SOL-PERP", update, sequence=2, timestamp_ms=None, received_time_us=5)
    assert [(level.price, level.quantity) for level in normalized.asks] == pairs
    assert normalized.venue_time_us is None


TRADE = Trade(
    venue=VENUE,
    symbol=SOL.symbol,
    trade_id="trd_0000000000000042",
    price=D("150.5"),
    quantity=D(4),
    side=Side.SELL,
    venue_time_us=1_759_800_000_450_000,
    received_time_us=5,
)


def test_trade() -> None:
    trade = decode(item("trades_synthetic"), type=wire.Trade)
    assert mapping.normalize_trade(VENUE, trade, received_time_us=5) == TRADE
    without_id = decode(item("trades_synthetic", trade_id=None, side="buy"), type=wire.Trade)
    expected = replace(TRADE, trade_id=None, side=Side.BUY)
    assert mapping.normalize_trade(VENUE, without_id, received_time_us=5) == expected


def test_a_trade_of_an_unknown_side_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown side"):
        mapping.normalize_trade(
            VENUE, decode(item("trades_synthetic", side="Bid"), type=wire.Trade), received_time_us=5
        )


def test_balance() -> None:
    balance = decode(raw("balance_synthetic"), type=wire.Balance)
    assert mapping.normalize_balance(balance) == Balance("USDC", D("9801.7"), D("60.3"), D(10_000))


POSITION = Position(
    venue=VENUE,
    symbol=Symbol("SOL-USDC-PERP"),
    side=PositionSide.LONG,
    quantity=D(10),
    entry_price=D("150.5"),
    mark_price=D("151.75"),
    liquidation_price=D("143.33333333"),
    unrealized_pnl=D("12.5"),
    realized_pnl=D(0),
    margin_mode=MarginMode.ISOLATED,
    leverage=D(10),
)


def position(**changes: Any) -> Position | None:
    return mapping.normalize_position(VENUE, decode(item("positions_synthetic", **changes), type=wire.Position))


def test_position() -> None:
    assert position() == POSITION
    short = position(position_side="short", margin_mode="cross", liquidation_price=None, leverage=None)
    assert short == replace(
        POSITION, side=PositionSide.SHORT, margin_mode=MarginMode.CROSS, liquidation_price=None, leverage=None
    )
    assert position(quantity="0.00000000") is None


@pytest.mark.parametrize("change", [{"position_side": "both"}, {"margin_mode": "portfolio"}, {"quantity": "-1"}])
def test_a_position_that_cannot_be_told_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"unknown|positive"):
        position(**change)


def test_leverage_is_an_integer() -> None:
    with pytest.raises(ValidationError):
        position(leverage="10")


def test_a_missing_field_is_not_made_up() -> None:
    message = data("orderbook_synthetic")
    del message["sequence"]
    with pytest.raises(ValidationError):
        convert(message, type=wire.OrderBook, strict=False)

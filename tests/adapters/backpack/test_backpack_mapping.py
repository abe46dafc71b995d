from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError, convert
from msgspec.json import decode

from adapters.backpack import mapping, wire
from adapters.models import (
    Balance,
    BookDelta,
    BookSnapshot,
    Level,
    MarginMode,
    Market,
    MarketStatus,
    MarketType,
    Position,
    PositionSide,
    Side,
    Symbol,
    Ticker,
    Trade,
    VenueSymbol,
)
from tests.adapters.backpack.samples import VENUE, golden, golden_bytes

D = Decimal
SOL_USDC = VenueSymbol("SOL_USDC")
SOL = Symbol("SOL-USDC")


def level(price: str, quantity: str) -> Level:
    return Level(D(price), D(quantity))


def test_perpetual_market() -> None:
    market = decode(golden_bytes("market_perp"), type=wire.Market)
    assert mapping.normalize_market(VENUE, market) == Market(
        venue=VENUE,
        symbol=Symbol("SOL-USDC-PERP"),
        venue_symbol=VenueSymbol("SOL_USDC_PERP"),
        type=MarketType.PERPETUAL,
        status=MarketStatus.TRADING,
        base="SOL",
        quote="USDC",
        settle="USDC",
        tick_size=D("0.01"),
        step_size=D("0.01"),
        min_quantity=D("0.01"),
        min_price=D("0.01"),
        max_leverage=50,
        funding_interval_ms=3_600_000,
    )


def test_spot_market_has_neither_leverage_nor_funding() -> None:
    market = mapping.normalize_market(VENUE, convert(golden("markets_synthetic")[1], type=wire.Market, strict=False))
    assert (market.symbol, market.type) == ("SOL-USDC", MarketType.SPOT)
    assert (market.max_leverage, market.funding_interval_ms) == (None, None)


@pytest.mark.parametrize(
    ("state", "visible", "status"),
    [
        ("Open", True, MarketStatus.TRADING),
        ("Open", False, MarketStatus.UNKNOWN),
        ("Closed", True, MarketStatus.HALTED),
        ("CancelOnly", False, MarketStatus.CANCEL_ONLY),
        ("LimitOnly", True, MarketStatus.LIMIT_ONLY),
        ("PostOnly", True, MarketStatus.POST_ONLY),
        ("Auction", True, MarketStatus.UNKNOWN),
    ],
)
def test_only_an_open_and_visible_market_trades(state: str, visible: bool, status: MarketStatus) -> None:
    message = golden("market_perp", orderBookState=state, visible=visible)
    assert mapping.normalize_market(VENUE, convert(message, type=wire.Market, strict=False)).status is status


def test_ticker_has_no_time_of_the_venue() -> None:
    ticker = decode(golden_bytes("ticker"), type=wire.Ticker)
    assert mapping.normalize_ticker(VENUE, SOL_USDC, ticker, received_time_us=5) == Ticker(
        venue=VENUE,
        symbol=SOL,
        last_price=D("98.98"),
        received_time_us=5,
        open_price=D("100.95"),
        high_price=D("101.19"),
        low_price=D("97.38"),
        volume=D("15093.82"),
        quote_volume=D("1498534.937"),
        change=D("-1.97"),
        change_rate=D("-0.019515"),
        trade_count=6793,
    )


def test_a_rate_that_is_no_number_is_none() -> None:
    ticker = convert(golden("ticker", priceChangePercent="N/A", trades=None), type=wire.Ticker, strict=False)
    normalized = mapping.normalize_ticker(VENUE, SOL_USDC, ticker, received_time_us=5)
    assert (normalized.change_rate, normalized.trade_count) == (None, None)


def test_a_ticker_of_another_market_is_refused() -> None:
    with pytest.raises(ValueError, match="another market"):
        mapping.normalize_ticker(
            VENUE, VenueSymbol("BTC_USDC"), decode(golden_bytes("ticker"), type=wire.Ticker), received_time_us=5
        )


def stream_data(name: str) -> dict[str, Any]:
    data: dict[str, Any] = golden(name)["data"]
    return data


def test_stream_ticker() -> None:
    ticker = convert(stream_data("stream_ticker"), type=wire.StreamTicker, strict=False)
    assert mapping.normalize_stream_ticker(VENUE, ticker, received_time_us=5) == Ticker(
        venue=VENUE,
        symbol=SOL,
        last_price=D("98.98"),
        received_time_us=5,
        venue_time_us=1_788_367_512_548_305,
        open_price=D("100.95"),
        high_price=D("101.19"),
        low_price=D("97.38"),
        volume=D("15093.82"),
        quote_volume=D("1498534.937"),
        change=D("-1.97"),
        change_rate=D("-0.019515"),
        trade_count=6793,
    )


def test_book_is_best_first_on_both_sides() -> None:
    depth = decode(golden_bytes("depth"), type=wire.Depth)
    assert mapping.normalize_book(VENUE, SOL_USDC, depth, received_time_us=5) == BookSnapshot(
        venue=VENUE,
        symbol=SOL,
        bids=(level("98.97", "239.23"), level("98.96", "12")),
        asks=(level("98.98", "105.52"), level("98.99", "42.17")),
        update_id=4_330_366_476,
        received_time_us=5,
        venue_time_us=1_788_367_519_571_354,
    )


def _swap_bids(depth: dict[str, Any]) -> None:
    depth["bids"].reverse()


def _repeat_ask(depth: dict[str, Any]) -> None:
    depth["asks"].append(depth["asks"][-1])


def _empty_level(depth: dict[str, Any]) -> None:
    depth["asks"][0][1] = "0"


def _nan(depth: dict[str, Any]) -> None:
    depth["bids"][0][0] = "NaN"


def _bad_id(depth: dict[str, Any]) -> None:
    depth["lastUpdateId"] = "4x"


@pytest.mark.parametrize("spoil", [_swap_bids, _repeat_ask, _empty_level, _nan, _bad_id])
def test_a_book_that_cannot_be_right_is_refused(spoil: Callable[[dict[str, Any]], None]) -> None:
    depth = golden("depth")
    spoil(depth)
    with pytest.raises(ValueError, match=r".+"):
        mapping.normalize_book(VENUE, SOL_USDC, convert(depth, type=wire.Depth, strict=False), received_time_us=5)


def test_delta_follows_the_update_before_its_first() -> None:
    depth = convert(stream_data("stream_depth"), type=wire.StreamDepth, strict=False)
    assert mapping.normalize_delta(VENUE, depth, received_time_us=5) == BookDelta(
        venue=VENUE,
        symbol=SOL,
        bids=(),
        asks=(level("98.98", "54.16"), level("99.10", "0.00")),
        previous_id=4_330_366_474,
        last_id=4_330_366_476,
        received_time_us=5,
        venue_time_us=1_788_367_519_571_354,
    )


@pytest.mark.parametrize("change", [{"U": 7, "u": 6}, {"a": [["1", "-1"]]}, {"b": [["NaN", "1"]]}])
def test_a_delta_that_cannot_be_right_is_refused(change: dict[str, Any]) -> None:
    depth = convert(stream_data("stream_depth") | change, type=wire.StreamDepth, strict=False)
    with pytest.raises(ValueError, match=r".+"):
        mapping.normalize_delta(VENUE, depth, received_time_us=5)


PRICES = st.decimals(D("0.01"), D(10) ** 9, places=2)


@given(levels=st.lists(st.tuples(PRICES, st.decimals(0, D(10) ** 9, places=9)), max_size=20), first=st.integers(1, 9))
def test_levels_keep_their_exact_values(levels: list[tuple[Decimal, Decimal]], first: int) -> None:
    message = {"T": 1, "s": "SOL_USDC", "U": first, "u": 9, "b": [], "a": [[str(p), format(q, "f")] for p, q in levels]}
    delta = mapping.normalize_delta(VENUE, convert(message, type=wire.StreamDepth, strict=False), received_time_us=5)
    assert [(level.price, level.quantity) for level in delta.asks] == levels


TRADE = Trade(
    venue=VENUE,
    symbol=SOL,
    trade_id="12345",
    price=D("98.97"),
    quantity=D("1.5"),
    side=Side.SELL,
    venue_time_us=1_788_367_519_594_000,
    received_time_us=5,
)


def test_the_taker_of_a_trade_is_whoever_was_not_the_maker() -> None:
    (trade,) = decode(golden_bytes("trades"), type=list[wire.Trade])
    assert mapping.normalize_trade(VENUE, SOL_USDC, trade, received_time_us=5) == TRADE
    stream = convert(stream_data("stream_trade"), type=wire.StreamTrade, strict=False)
    assert mapping.normalize_stream_trade(VENUE, stream, received_time_us=5) == replace(
        TRADE, price=D("98.98"), quantity=D("0.122"), side=Side.BUY, venue_time_us=1_788_367_519_600_984
    )


def test_a_trade_may_lack_an_id() -> None:
    trade = convert(golden("trades")[0] | {"id": None}, type=wire.Trade, strict=False)
    assert mapping.normalize_trade(VENUE, SOL_USDC, trade, received_time_us=5).trade_id is None


def test_balances() -> None:
    balances = decode(golden_bytes("capital"), type=dict[str, wire.Balance])
    balances["SOL"].staked = D(3)
    assert mapping.normalize_balances(balances) == [
        Balance("SOL", D("1.25"), D("0.5"), D("4.75")),
        Balance("USDC", D("120.5"), D("49.485"), D("169.985")),
    ]


def test_a_negative_net_quantity_is_a_short_position() -> None:
    (position,) = decode(golden_bytes("positions"), type=list[wire.Position])
    assert mapping.normalize_position(VENUE, position) == Position(
        venue=VENUE,
        symbol=Symbol("SOL-USDC-PERP"),
        side=PositionSide.SHORT,
        quantity=D(1),
        entry_price=D("98.4"),
        mark_price=D("98.93"),
        liquidation_price=None,
        unrealized_pnl=D("-0.53"),
        realized_pnl=D(0),
        margin_mode=MarginMode.CROSS,
    )


def test_positions_long_with_a_liquidation_price_or_none_at_all() -> None:
    (message,) = golden("positions")
    long = convert(message | {"netQuantity": "2", "estLiquidationPrice": "50"}, type=wire.Position, strict=False)
    position = mapping.normalize_position(VENUE, long)
    assert position is not None
    assert (position.side, position.quantity, position.liquidation_price) == (PositionSide.LONG, D(2), D(50))
    closed = convert(message | {"netQuantity": "0"}, type=wire.Position, strict=False)
    assert mapping.normalize_position(VENUE, closed) is None


def test_a_missing_field_is_not_made_up() -> None:
    message = golden("depth")
    del message["lastUpdateId"]
    with pytest.raises(ValidationError):
        convert(message, type=wire.Depth, strict=False)

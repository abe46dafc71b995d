"""The text of WebSocket frames, and the data of those about markets. Keys are sorted, times are microseconds."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.backpack import wire
from sandbox.matching import Engine, Market
from sandbox.matching.events import Liquidated, Trade
from sandbox.tape import Candle

Levels = list[tuple[Decimal, Decimal]]
Maker = Callable[[], dict[str, Any]]


def frame(stream: str, data: dict[str, Any]) -> str:
    return wire.encode({"data": data, "stream": stream}).decode()


def error_frame(code: int, message: str) -> str:
    return f'{{"id":null,"error":{{"code":{code},"message":"{message}"}}}}'


def depth(market: Market, ids: tuple[int, int], bids: Levels, asks: Levels, now_us: int) -> dict[str, Any]:
    return {
        "E": now_us,
        "T": now_us,
        "U": ids[0],
        "a": _levels(asks, market),
        "b": _levels(bids, market),
        "e": "depth",
        "s": market.symbol,
        "u": ids[1],
    }


def book_ticker(
    market: Market, bid: tuple[Decimal, Decimal], ask: tuple[Decimal, Decimal], update_id: int, now_us: int
) -> dict[str, Any]:
    return {
        "A": wire.padded_quantity(ask[1], market),
        "B": wire.padded_quantity(bid[1], market),
        "E": now_us,
        "T": now_us,
        "a": wire.padded_price(ask[0], market),
        "b": wire.padded_price(bid[0], market),
        "e": "bookTicker",
        "s": market.symbol,
        "u": update_id,
    }


def ticker(market: Market, candle: Candle, now_us: int) -> dict[str, Any]:
    return {
        "E": now_us,
        "V": wire.plain(candle.quote_volume),
        "c": wire.plain(candle.close),
        "e": "ticker",
        "h": wire.plain(candle.high),
        "l": wire.plain(candle.low),
        "n": candle.trades,
        "o": wire.plain(candle.open),
        "s": market.symbol,
        "v": wire.plain(candle.volume),
    }


def kline(
    symbol: str, candle: Candle | None, start_us: int, end_us: int, now_us: int, *, is_closed: bool
) -> dict[str, Any]:
    """A candle; one in which nothing traded has no prices. Its interval is in the stream's name only."""
    return {
        "E": now_us,
        "T": wire.naive_iso_seconds(end_us),
        "X": is_closed,
        "c": wire.plain(candle.close) if candle else None,
        "e": "kline",
        "h": wire.plain(candle.high) if candle else None,
        "l": wire.plain(candle.low) if candle else None,
        "n": candle.trades if candle else 0,
        "o": wire.plain(candle.open) if candle else None,
        "s": symbol,
        "t": wire.naive_iso_seconds(start_us),
        "v": wire.plain(candle.volume) if candle else "0",
    }


def mark_price(engine: Engine, market: Market, now_us: int) -> dict[str, Any]:
    """A mark; with a perpetual's index, estimated funding rate and next funding, that one in milliseconds."""
    symbol = market.symbol
    data: dict[str, Any] = {
        "E": now_us,
        "T": now_us,
        "e": "markPrice",
        "p": wire.plain(engine.mark(symbol)),
        "s": symbol,
    }
    if market.is_perp:
        data["f"] = wire.plain(engine.funding.rate(symbol))
        data["i"] = wire.plain(engine.prices.index(symbol))
        data["n"] = engine.funding.next_us(symbol, now_us) // 1000
    return data


def open_interest(market: Market, quantity: Decimal, now_us: int) -> dict[str, Any]:
    return {"E": now_us, "e": "openInterest", "o": wire.plain(quantity), "s": market.symbol}


def trade(event: Trade, now_us: int) -> dict[str, Any]:
    return {
        "E": now_us,
        "T": event.time_us,
        "a": str(event.sell_order_id),
        "b": str(event.buy_order_id),
        "e": "trade",
        "m": event.buyer_is_maker,
        "p": wire.plain(event.price),
        "q": wire.plain(event.quantity),
        "s": event.symbol,
        "t": event.id,
    }


def liquidation(event: Liquidated, now_us: int) -> dict[str, Any]:
    return {
        "E": now_us,
        "S": wire.SIDE[event.side],
        "T": event.time_us,
        "e": "liquidation",
        "p": wire.fraction(event.price),
        "q": wire.plain(event.quantity),
        "s": event.symbol,
    }


def _levels(levels: Levels, market: Market) -> list[tuple[str, str]]:
    return [(wire.padded_price(price, market), wire.padded_quantity(quantity, market)) for price, quantity in levels]

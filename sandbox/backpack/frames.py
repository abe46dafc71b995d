"""The text of every WebSocket frame. Keys are sorted, absent values are absent, times are microseconds."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.backpack import wire
from sandbox.backpack.market_data import FUNDING_RATE, next_funding_ms
from sandbox.matching import Market, OrderType, Position
from sandbox.matching.events import BalanceEvent, OrderEvent, OrderEventKind, PositionEvent, PositionEventKind, Trade
from sandbox.tape import Candle

Levels = list[tuple[Decimal, Decimal]]
Maker = Callable[[], dict[str, Any]]

ORDER_EVENTS = {
    OrderEventKind.ACCEPTED: "orderAccepted",
    OrderEventKind.FILLED: "orderFill",
    OrderEventKind.CANCELLED: "orderCancelled",
    OrderEventKind.EXPIRED: "orderExpired",
    OrderEventKind.MODIFIED: "orderModified",
}
POSITION_EVENTS = {
    PositionEventKind.OPENED: "positionOpened",
    PositionEventKind.ADJUSTED: "positionAdjusted",
    PositionEventKind.CLOSED: "positionClosed",
}


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


def mark_price(market: Market, mark: Decimal, now_us: int) -> dict[str, Any]:
    data: dict[str, Any] = {"E": now_us, "T": now_us, "e": "markPrice", "p": wire.plain(mark), "s": market.symbol}
    if market.is_perp:
        data |= {"f": wire.plain(FUNDING_RATE), "i": wire.plain(mark), "n": next_funding_ms(now_us)}
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


def order_update(event: OrderEvent, now_us: int) -> dict[str, Any]:
    """An order's change. `t` is null on an acceptance; otherwise keys without a value are left out."""
    order = event.order
    request, market = order.request, order.market
    data: dict[str, Any] = {
        "E": now_us,
        "O": "USER",
        "S": wire.SIDE[order.side],
        "T": event.time_us,
        "V": wire.SELF_TRADE[request.self_trade],
        "X": wire.STATUS[event.status],
        "Z": wire.plain(event.executed_quote),
        "e": ORDER_EVENTS[event.kind],
        "f": request.time_in_force.value,
        "i": str(order.id),
        "o": "LIMIT" if request.type is OrderType.LIMIT else "MARKET",
        "q": "0" if event.quantity is None else wire.plain(event.quantity),
        "r": request.reduce_only,
        "s": market.symbol,
        "z": wire.plain(event.executed),
    }
    if request.client_id is not None:
        data["c"] = request.client_id
    if order.price is not None and event.quantity is not None:
        data["p"] = wire.plain(order.price)
        data["Q"] = wire.padded_notional(order.price * event.quantity, market)
        data["y"] = request.post_only
    elif request.quote_quantity is not None:
        data["Q"] = wire.plain(request.quote_quantity)
    if event.kind is OrderEventKind.ACCEPTED:
        data["t"] = None
    if event.kind is OrderEventKind.EXPIRED and order.expiry is not None:
        data["R"] = wire.EXPIRY[order.expiry]
    if event.fill is not None:
        fill = event.fill
        data |= {
            "L": wire.plain(fill.price),
            "N": fill.fee_asset,
            "l": wire.padded_quantity(fill.quantity, market),
            "m": fill.is_maker,
            "n": wire.plain(fill.fee),
            "t": fill.trade_id,
        }
    return data


def balance_update(event: BalanceEvent, now_us: int) -> dict[str, Any]:
    return {
        "A": wire.plain(event.available),
        "E": now_us,
        "L": wire.plain(event.locked),
        "S": "0",
        "T": event.time_us,
        "a": event.asset,
        "e": "balanceUpdate",
    }


@dataclass(frozen=True, slots=True)
class PositionFigures:
    """What a position's frame shows besides the position: mark, worst exposure, margin fractions."""

    mark: Decimal
    exposure: Decimal
    imf: Decimal
    mmf: Decimal


def position_update(event: PositionEvent, figures: PositionFigures, now_us: int) -> dict[str, Any]:
    """A position's change, with its state as of the event."""
    state = Position(event.position_id, event.quantity, event.cost, event.realized)
    data = position_snapshot(event.symbol, state, figures, now_us)
    data["T"] = event.time_us
    data["e"] = POSITION_EVENTS[event.kind]
    return data


def position_snapshot(symbol: str, position: Position, figures: PositionFigures, now_us: int) -> dict[str, Any]:
    """What a new subscriber is told about an open position: the same as an update, without an event type."""
    entry = wire.plain(position.entry_price.quantize(Decimal("1e-8")))
    return {
        "B": entry,
        "E": now_us,
        "M": wire.plain(figures.mark),
        "P": wire.plain(position.unrealized(figures.mark)),
        "Q": wire.plain(figures.exposure),
        "T": now_us,
        "b": entry,
        "f": wire.plain(figures.imf),
        "i": position.id,
        "l": "0",
        "m": wire.plain(figures.mmf),
        "n": wire.plain(figures.exposure * figures.mark),
        "p": wire.plain(position.realized),
        "q": wire.plain(position.quantity),
        "s": symbol,
    }


def _levels(levels: Levels, market: Market) -> list[tuple[str, str]]:
    return [(wire.padded_price(price, market), wire.padded_quantity(quantity, market)) for price, quantity in levels]

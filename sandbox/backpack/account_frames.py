"""The data of WebSocket frames about an account: its orders, balances, positions. Absent values are absent."""

from decimal import Decimal
from typing import Any

from sandbox.backpack import wire
from sandbox.backpack.order_wire import trigger_quantity
from sandbox.backpack.positions import break_even
from sandbox.matching import Account, Engine, Leg, OrderType, Origin, Position
from sandbox.matching.events import BalanceEvent, OrderEvent, OrderEventKind, PositionEvent, PositionEventKind
from sandbox.matching.margin import worst_exposure

# Nothing is said when a trigger fires: the order that takes its place is accepted, and points back.
ORDER_EVENTS = {
    OrderEventKind.ACCEPTED: "orderAccepted",
    OrderEventKind.FILLED: "orderFill",
    OrderEventKind.CANCELLED: "orderCancelled",
    OrderEventKind.EXPIRED: "orderExpired",
    OrderEventKind.MODIFIED: "orderModified",
    OrderEventKind.TRIGGER_PLACED: "triggerPlaced",
    OrderEventKind.TRIGGER_FAILED: "triggerFailed",
}
POSITION_EVENTS = {
    PositionEventKind.OPENED: "positionOpened",
    PositionEventKind.ADJUSTED: "positionAdjusted",
    PositionEventKind.CLOSED: "positionClosed",
}
ORIGINS = {Origin.USER: "USER", Origin.LIQUIDATION: "LIQUIDATION_AUTOCLOSE"}


def order_update(event: OrderEvent, now_us: int) -> dict[str, Any]:
    """An order's change. `t` is null on an acceptance."""
    order = event.order
    request, market = order.request, order.market
    data: dict[str, Any] = {
        "E": now_us,
        "O": ORIGINS[order.origin],
        "S": wire.SIDE[order.side],
        "T": event.time_us,
        "V": wire.SELF_TRADE[request.self_trade],
        "X": wire.STATUS[event.status],
        "Z": wire.plain(event.executed_quote),
        "e": ORDER_EVENTS[event.kind],
        "f": request.time_in_force.value,
        "i": str(order.id),
        "o": "LIMIT" if request.type is OrderType.LIMIT else "MARKET",
        "q": "0" if event.quantity is None or request.trigger is not None else wire.plain(event.quantity),
        "r": request.reduce_only,
        "s": market.symbol,
        "z": wire.plain(event.executed),
    }
    if request.client_id is not None:
        data["c"] = request.client_id
    if order.price is not None:
        data["p"] = wire.plain(order.price)
        data["y"] = request.post_only
        if event.quantity is not None and request.trigger is None:
            data["Q"] = wire.padded_notional(order.price * event.quantity, market)
    elif request.quote_quantity is not None:
        data["Q"] = wire.plain(request.quote_quantity)
    if order.related is not None:
        data["I"] = order.related.id
    if request.trigger is not None:
        data["P"] = wire.plain(request.trigger.price or Decimal(0))
        data["B"] = wire.PRICE_SOURCE[request.trigger.source]
        data["Y"] = trigger_quantity(order)
    if request.take_profit is not None:
        _write_leg(data, request.take_profit, ("a", "j", "d"))
    if request.stop_loss is not None:
        _write_leg(data, request.stop_loss, ("b", "k", "g"))
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


def position_update(event: PositionEvent, engine: Engine, now_us: int) -> dict[str, Any]:
    """A position's change, with its quantity as of the event."""
    moved = event.position
    state = Position(
        event.position_id, event.quantity, event.cost, event.realized, fees=moved.fees, funding=moved.funding
    )
    data = position_snapshot(event.account, event.symbol, state, engine, now_us)
    data["T"] = event.time_us
    data["e"] = POSITION_EVENTS[event.kind]
    return data


def position_snapshot(account: Account, symbol: str, position: Position, engine: Engine, now_us: int) -> dict[str, Any]:
    """An open position as it is now: the same as an update, without an event type."""
    market, mark = engine.markets[symbol], engine.mark(symbol)
    exposure = worst_exposure(account, market)
    notional = exposure * mark
    return {
        "B": wire.fraction(position.entry_price),
        "E": now_us,
        "M": wire.plain(mark),
        "P": wire.plain(position.unrealized(mark)),
        "Q": wire.plain(exposure),
        "T": now_us,
        "b": wire.fraction(break_even(position)),
        "f": wire.fraction(engine.margin.initial_rate(account, market, notional)),
        "i": position.id,
        "l": "0",
        "m": wire.fraction(engine.margin.maintenance_rate(account, market, position.quantity * mark)),
        "n": wire.plain(notional),
        "p": wire.plain(position.realized),
        "q": wire.plain(position.quantity),
        "s": symbol,
    }


def _write_leg(data: dict[str, Any], leg: Leg, names: tuple[str, str, str]) -> None:
    trigger_price, limit_price, trigger_by = names
    data[trigger_price] = wire.plain(leg.price)
    if leg.limit is not None:
        data[limit_price] = wire.plain(leg.limit)
    data[trigger_by] = wire.PRICE_SOURCE[leg.source]

"""Reads JSON bodies of orders and cancels, or refuses them in the venue's words."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from sandbox.backpack import wire
from sandbox.backpack.errors import Problem, bad_payload, invalid_request, refused
from sandbox.backpack.parameters import BAD_ENUM, REQUIRED, SYMBOL
from sandbox.matching import OrderRequest, OrderType, Reason, SelfTrade, TimeInForce

MAX_BATCH = 50
ORDER = "OrderExecutePayload"
CANCEL = "OrderCancelPayload"
CANCEL_ALL = "OrderCancelAllPayload"

_DECIMAL = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_SIDES = {name: side for side, name in wire.SIDE.items()}
_TYPES = {name: kind for kind, name in wire.ORDER_TYPE.items()}
_SELF_TRADES = {name: rule for rule, name in wire.SELF_TRADE.items()}
_TIMES = {time.value: time for time in TimeInForce}

E = TypeVar("E", bound=StrEnum)


def parse_json(body: bytes) -> Any:
    """The body as JSON with exact numbers; an empty body is an empty object."""
    if not body:
        return {}
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError) as exc:
        raise invalid_request(f"parse request payload error: parse json: {exc}") from exc


def read_object(value: Any, type_name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise bad_payload(type_name, f'Expected input type "{type_name}", found {_shown(value)}.')
    return value


def read_orders(value: Any) -> list[OrderRequest]:
    """A batch of orders."""
    if not isinstance(value, list):
        raise bad_payload(f"[{ORDER}]", f'Expected input type "[{ORDER}]", found {_shown(value)}.')
    if not value or len(value) > MAX_BATCH:
        raise invalid_request(f"Batch must hold between 1 and {MAX_BATCH} orders")
    return [read_order(read_object(item, ORDER)) for item in value]


def read_order(body: Mapping[str, Any]) -> OrderRequest:
    """One order as the engine takes it; raises `Problem` if it is malformed or asks for what is not simulated."""
    fields = _Fields(body, ORDER)
    symbol = fields.symbol()
    side = fields.enum("side", "Side", _SIDES, None)
    kind = fields.enum("orderType", "OrderType", _TYPES, None)
    time = fields.enum("timeInForce", "TimeInForce", _TIMES, TimeInForce.GTC)
    rule = fields.enum("selfTradePrevention", "SelfTradePrevention", _SELF_TRADES, SelfTrade.REJECT_TAKER)
    price, quantity = fields.decimal("price"), fields.decimal("quantity")
    quote_quantity = fields.decimal("quoteQuantity")
    post_only, reduce_only = fields.boolean("postOnly"), fields.boolean("reduceOnly")
    for name in ("autoLend", "autoLendRedeem", "autoBorrow", "autoBorrowRepay"):
        fields.boolean(name)
    client_id = fields.client_id(accept_text=False)
    _refuse_triggers(body)
    if post_only and (kind is OrderType.MARKET or time is not TimeInForce.GTC):
        raise refused(Reason.INCOMPLETE)
    is_limit = kind is OrderType.LIMIT
    return OrderRequest(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=quantity,
        price=price if is_limit else None,
        quote_quantity=None if is_limit else quote_quantity,
        time_in_force=time,
        post_only=post_only,
        reduce_only=reduce_only,
        self_trade=rule,
        client_id=client_id,
    )


def read_cancel(body: Mapping[str, Any]) -> tuple[str, int | None, int | None]:
    """(symbol, order id, client id) of a cancel; exactly one of the ids is set."""
    fields = _Fields(body, CANCEL)
    symbol = fields.symbol()
    raw = body.get("orderId")
    client_id = fields.client_id(accept_text=True)
    if (raw is None) == (client_id is None):
        raise one_id()
    return symbol, None if raw is None else order_number(str(raw)), client_id


def read_cancel_all(body: Mapping[str, Any]) -> tuple[str, str | None]:
    """(symbol, order kind) of a cancel-all."""
    fields = _Fields(body, CANCEL_ALL)
    kind = body.get("orderType")
    if kind not in (None, "RestingLimitOrder", "ConditionalOrder"):
        raise bad_payload("CancelOrderType", BAD_ENUM, CANCEL_ALL)
    return fields.symbol(), kind


def one_id() -> Problem:
    return invalid_request("Must specify exactly one of `orderId` and `clientId`")


def order_number(text: str) -> int:
    """An order id; what is no number is no order."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1


def _refuse_triggers(body: Mapping[str, Any]) -> None:
    given = [name for name in ("triggerPrice", "triggerQuantity") if body.get(name) is not None]
    if len(given) == 1:
        raise invalid_request("Must specify both `triggerPrice` and `triggerQuantity` or neither")
    if given or any(body.get(name) is not None for name in ("takeProfitTriggerPrice", "stopLossTriggerPrice")):
        raise Problem(400, "NOT_IMPLEMENTED", "Trigger orders are not simulated")


class _Fields:
    """The members of one JSON object, each read as its declared type."""

    def __init__(self, body: Mapping[str, Any], outer: str) -> None:
        self._body = body
        self._outer = outer

    def symbol(self) -> str:
        value = self._body.get("symbol")
        if value is None:
            raise bad_payload("MarketSymbol", REQUIRED, self._outer)
        if not isinstance(value, str) or not SYMBOL.fullmatch(value):
            raise bad_payload("MarketSymbol", "Invalid market symbol", self._outer)
        return value

    def enum(self, name: str, type_name: str, values: Mapping[str, E], default: E | None) -> E:
        value = self._body.get(name)
        if value is None:
            if default is None:
                raise bad_payload(type_name, REQUIRED, self._outer)
            return default
        if not isinstance(value, str) or value not in values:
            raise bad_payload(type_name, BAD_ENUM, self._outer)
        return values[value]

    def decimal(self, name: str) -> Decimal | None:
        value = self._body.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise bad_payload(
                "string_decimal", f'Expected input type "string_decimal", found {_shown(value)}.', self._outer
            )
        if not _DECIMAL.fullmatch(value):
            raise bad_payload("string_decimal", "Invalid decimal", self._outer)
        return Decimal(value)

    def boolean(self, name: str) -> bool:
        value = self._body.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise bad_payload("boolean", f'Expected input type "boolean", found {_shown(value)}.', self._outer)
        return value

    def client_id(self, *, accept_text: bool) -> int | None:
        value = self._body.get("clientId")
        if value is None:
            return None
        if accept_text and isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**32:
            raise bad_payload("integer(uint32)", "Only integers from 0 to 4294967295 are accepted.", self._outer)
        return value


def _shown(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)[:200]

"""Reads the JSON bodies of cancels, and ids wherever they come, or refuses them in the venue's words."""

from collections.abc import Mapping
from typing import Any

from sandbox.backpack.errors import Problem, bad_payload, invalid_request
from sandbox.backpack.fields import Fields, wrong_type
from sandbox.backpack.parameters import BAD_ENUM

CANCEL = "OrderCancelPayload"
CANCEL_ALL = "OrderCancelAllPayload"
# Which orders a cancel-all means: whether those that wait for a trigger.
IS_WAITING = {None: None, "RestingLimitOrder": False, "ConditionalOrder": True}


def read_cancel(body: Mapping[str, Any]) -> tuple[str, int | None, int | None]:
    """(symbol, order id, client id) of a cancel; exactly one of the ids is set."""
    fields = Fields(body, CANCEL)
    symbol = fields.symbol()
    raw = body.get("orderId")
    client_id = fields.unsigned("clientId", 32, accept_text=True)
    if (raw is None) == (client_id is None):
        raise one_id()
    if raw is not None and (isinstance(raw, bool) or not isinstance(raw, str | int)):
        raise wrong_type("string", raw, CANCEL)
    return symbol, None if raw is None else order_number(str(raw)), client_id


def read_cancel_all(body: Mapping[str, Any]) -> tuple[str, bool | None]:
    """(symbol, whether waiting orders are meant; None: all) of a cancel-all."""
    kind = body.get("orderType")
    if not isinstance(kind, str | None) or kind not in IS_WAITING:
        raise bad_payload("CancelOrderType", BAD_ENUM, CANCEL_ALL)
    return Fields(body, CANCEL_ALL).symbol(), IS_WAITING[kind]


def one_id() -> Problem:
    return invalid_request("Must specify exactly one of `orderId` and `clientId`")


def order_number(text: str) -> int:
    """An order id; what is no number is no order."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1

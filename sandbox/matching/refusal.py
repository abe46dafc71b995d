"""A definite no from the engine, given before anything changed."""

from decimal import Decimal
from enum import StrEnum


class Reason(StrEnum):
    UNKNOWN_MARKET = "unknown_market"
    PRICE_TOO_PRECISE = "price_too_precise"
    QUANTITY_TOO_PRECISE = "quantity_too_precise"
    PRICE_OUT_OF_RANGE = "price_out_of_range"
    PRICE_OUT_OF_BAND = "price_out_of_band"
    QUANTITY_OUT_OF_RANGE = "quantity_out_of_range"
    INCOMPLETE = "incomplete"  # a limit order without a price, a market order without a size
    WOULD_TAKE = "would_take"
    NOT_REDUCING = "not_reducing"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    POSITION_LIMIT = "position_limit"
    MARKET_STATE = "market_state"  # the market takes no such orders now


class Refusal(Exception):
    """The order never existed: no id, no lock, no event. `required` and `available` tell how much money was missing."""

    def __init__(self, reason: Reason, *, required: Decimal | None = None, available: Decimal | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.required = required
        self.available = available

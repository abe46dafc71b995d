"""The eight order types: what each needs and allows, and how it is told which of them an order of the engine is.

Conditional types wait for a trigger. Those without a price take the market when their time comes.
"""

from dataclasses import dataclass
from enum import Enum

from sandbox.matching import OrderRequest, OrderType

EVERY_TIME = ("GTC", "IOC", "FOK", "GTT")
RESTING = ("GTC", "GTT")
AT_ONCE = ("IOC",)


class Price(Enum):
    """Whether there is a price."""

    MUST_BE = "must_be"
    MAY_BE = "may_be"
    MUST_NOT_BE = "must_not_be"


@dataclass(frozen=True, slots=True)
class Kind:
    """What one type asks for: `needs` and `allows` are its members besides the common ones.

    `times` are the times in force it allows, the default first.
    """

    price: Price
    times: tuple[str, ...]
    needs: tuple[str, ...] = ()
    allows: tuple[str, ...] = ()

    def times_for(self, *, has_price: bool) -> tuple[str, ...]:
        """Where a price may be left out, the order without it takes the market at once."""
        return AT_ONCE if self.price is Price.MAY_BE and not has_price else self.times


STOP = (("stop_price",), ("trigger_price_type",))
KINDS = {
    "limit": Kind(Price.MUST_BE, EVERY_TIME),
    "market": Kind(Price.MUST_NOT_BE, ("IOC", "FOK")),
    "stop_limit": Kind(Price.MUST_BE, EVERY_TIME, *STOP),
    "stop_market": Kind(Price.MUST_NOT_BE, AT_ONCE, *STOP),
    "take_profit": Kind(Price.MAY_BE, EVERY_TIME, *STOP),
    "trailing_stop": Kind(Price.MUST_NOT_BE, AT_ONCE, ("callback_rate",), ("trigger_price_type", "activation_price")),
    "post_only": Kind(Price.MUST_BE, RESTING),
    "iceberg": Kind(Price.MUST_BE, RESTING, ("visible_quantity",)),
}
SPECIAL_MEMBERS = ("stop_price", "trigger_price_type", "callback_rate", "activation_price", "visible_quantity")


def kind_of(request: OrderRequest) -> str:
    """What the venue calls an order that was asked for like this."""
    is_market, trigger = request.type is OrderType.MARKET, request.trigger
    if trigger is None:
        if request.post_only:
            return "post_only"
        if request.visible is not None:
            return "iceberg"
        return "market" if is_market else "limit"
    if trigger.callback is not None:
        return "trailing_stop"
    if trigger.rises != (request.side == "buy"):
        return "take_profit"
    return "stop_market" if is_market else "stop_limit"

"""What each type of order needs and may have, the same at every venue. Pure.

Whether a venue knows a type at all, its capabilities say.
"""

from dataclasses import dataclass

from adapters.models import OrderType, TimeInForce

_EVERY_TIME = frozenset(TimeInForce)
_RESTING = frozenset({TimeInForce.GTC, TimeInForce.GTT})
_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
_IOC = frozenset({TimeInForce.IOC})


@dataclass(frozen=True, slots=True)
class TypeRules:
    """Members that orders of a type must and may have, of those that not every type has."""

    needs: frozenset[str]
    may_have: frozenset[str] = frozenset()
    times_in_force: frozenset[TimeInForce] = _EVERY_TIME
    times_without_price: frozenset[TimeInForce] = _IOC
    """Where the price may be left out: the times in force of an order without one."""

    def times(self, *, has_price: bool) -> frozenset[TimeInForce]:
        return self.times_in_force if has_price or "price" not in self.may_have else self.times_without_price


RULES = {
    OrderType.LIMIT: TypeRules(frozenset({"price"})),
    OrderType.MARKET: TypeRules(frozenset(), times_in_force=_AT_ONCE),
    OrderType.POST_ONLY: TypeRules(frozenset({"price"}), times_in_force=_RESTING),
    OrderType.ICEBERG: TypeRules(frozenset({"price", "visible_quantity"}), times_in_force=_RESTING),
    OrderType.STOP_LIMIT: TypeRules(frozenset({"price", "stop_price"}), frozenset({"trigger_price_type"})),
    OrderType.STOP_MARKET: TypeRules(frozenset({"stop_price"}), frozenset({"trigger_price_type"}), times_in_force=_IOC),
    OrderType.TAKE_PROFIT: TypeRules(frozenset({"stop_price"}), frozenset({"price", "trigger_price_type"})),
    OrderType.TRAILING_STOP: TypeRules(
        frozenset({"callback_rate"}), frozenset({"activation_price", "trigger_price_type"}), times_in_force=_IOC
    ),
}
"""Every type there is."""

SPECIAL = tuple(sorted(frozenset().union(*(rules.needs | rules.may_have for rules in RULES.values()))))
"""The members that not every type has."""


def default_time_in_force(order_type: OrderType, *, has_price: bool) -> TimeInForce:
    """GTC for whatever may rest, else IOC."""
    times = RULES[order_type].times(has_price=has_price)
    return TimeInForce.GTC if TimeInForce.GTC in times else TimeInForce.IOC

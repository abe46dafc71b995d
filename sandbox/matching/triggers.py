"""Waiting orders by the price they wait for. Changes no order: says which are due.

A trigger level that is reached fires, however it is reached; a trailing one follows the best price first.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.matching.order import Order, PriceSource, Trigger

Waiting = tuple[Decimal, int, Order]  # sorted by how soon its price is reached; ids are unique, orders never compared


@dataclass(slots=True)
class _Trail:
    """A trailing trigger; `best` is None until it has started."""

    order: Order
    trigger: Trigger
    best: Decimal | None = None

    def is_due(self, price: Decimal) -> bool:
        """Follow a price; True once it has come back far enough from the best one."""
        trigger = self.trigger
        if self.best is None:
            start = trigger.price
            if start is not None and (price > start if trigger.rises else price < start):
                return False
            self.best = price
        self.best = min(self.best, price) if trigger.rises else max(self.best, price)
        callback = trigger.callback or Decimal(0)
        return price >= self.best * (1 + callback) if trigger.rises else price <= self.best * (1 - callback)


@dataclass(slots=True)
class _Watch:
    """Everything that waits for one price of one market."""

    above: list[Waiting] = field(default_factory=list)
    below: list[Waiting] = field(default_factory=list)  # by negated level: the highest first
    trails: dict[int, _Trail] = field(default_factory=dict)

    def side(self, trigger: Trigger) -> tuple[list[Waiting], Decimal]:
        level = trigger.price or Decimal(0)
        return (self.above, level) if trigger.rises else (self.below, -level)

    def take_due(self, price: Decimal) -> list[Order]:
        due: list[Order] = []
        for waiting, reached in ((self.above, price), (self.below, -price)):
            while waiting and waiting[0][0] <= reached:
                due.append(waiting.pop(0)[2])
        due.extend(trail.order for trail in list(self.trails.values()) if trail.is_due(price))
        for order in due:
            self.trails.pop(order.id, None)
        return due


class Triggers:
    """All waiting orders of an engine."""

    def __init__(self) -> None:
        self._watches: dict[tuple[str, PriceSource], _Watch] = {}
        self.count = 0

    def add(self, order: Order, trigger: Trigger) -> None:
        watch = self._watches.setdefault((order.market.symbol, trigger.source), _Watch())
        if trigger.callback is not None:
            watch.trails[order.id] = _Trail(order, trigger)
        else:
            waiting, level = watch.side(trigger)
            insort(waiting, (level, order.id, order))
        self.count += 1

    def remove(self, order: Order) -> None:
        """Forget an order that waits; one that does not is not there."""
        trigger = order.request.trigger
        watch = self._watches.get((order.market.symbol, trigger.source)) if trigger else None
        if trigger is None or watch is None:
            return
        if watch.trails.pop(order.id, None) is not None:
            self.count -= 1
            return
        waiting, level = watch.side(trigger)
        at = bisect_left(waiting, (level, order.id), key=lambda entry: entry[:2])
        if at < len(waiting) and waiting[at][1] == order.id:
            del waiting[at]
            self.count -= 1

    def watched(self) -> list[tuple[str, PriceSource]]:
        """The prices anybody waits for."""
        return [key for key, watch in self._watches.items() if watch.above or watch.below or watch.trails]

    def take_due(self, symbol: str, source: PriceSource, price: Decimal) -> list[Order]:
        """The orders this price brings to life, the oldest first; they wait no longer."""
        watch = self._watches.get((symbol, source))
        due = sorted(watch.take_due(price), key=lambda order: order.id) if watch else []
        self.count -= len(due)
        return due

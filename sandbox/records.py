"""An account's finished orders and its fills, as a venue's histories show them: possibly a little late. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import dropwhile

from sandbox.matching.events import Event, Fill, OrderEvent, OrderEventKind
from sandbox.matching.order import Order

KEPT = 100_000


class Records:
    """Histories of all watched accounts, newest first. `lag_us` hides what is younger than that."""

    def __init__(self, *, lag_us: int) -> None:
        self._lag_us = lag_us
        self._orders: dict[str, deque[Order]] = {}
        self._fills: dict[str, deque[Fill]] = {}

    def record(self, events: Iterable[Event]) -> None:
        for event in events:
            if not isinstance(event, OrderEvent):
                continue
            account = event.order.account.name
            if event.fill is not None:
                self._fills.setdefault(account, deque(maxlen=KEPT)).append(event.fill)
            # An order may still be open in its last fill's event only if more is coming.
            if event.kind is not OrderEventKind.ACCEPTED and not event.order.is_open and _is_last(event):
                self._orders.setdefault(account, deque(maxlen=KEPT)).append(event.order)

    def orders(self, account: str, now_us: int) -> Iterator[Order]:
        """Finished orders, the last to finish first."""
        until_us = now_us - self._lag_us
        return dropwhile(lambda order: order.updated_us > until_us, reversed(self._orders.get(account, ())))

    def fills(self, account: str, now_us: int) -> Iterator[Fill]:
        until_us = now_us - self._lag_us
        return dropwhile(lambda fill: fill.time_us > until_us, reversed(self._fills.get(account, ())))


def _is_last(event: OrderEvent) -> bool:
    return event.status == event.order.status and event.executed == event.order.executed

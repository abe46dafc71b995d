"""Every order an account ever had: by id, by client id, in order. Listens to the simulation.

Nothing is dropped, and a client id once used is taken for ever.
"""

from dataclasses import dataclass, field

from sandbox.matching import Account, Order
from sandbox.matching.events import Event, OrderEvent
from sandbox.zanbara.wire import order_number


@dataclass(slots=True)
class _Shelf:
    """One account's orders by their numbers, oldest first, and by client ids."""

    orders: dict[int, Order] = field(default_factory=dict)
    by_client_id: dict[str, Order] = field(default_factory=dict)


class Archive:
    """What idempotency and order look-ups are answered from."""

    def __init__(self) -> None:
        self._shelves: dict[str, _Shelf] = {}

    def on_events(self, events: list[Event], now_us: int) -> None:
        """Put away every order that is heard of for the first time, the venue's own closing orders among them."""
        for event in events:
            if isinstance(event, OrderEvent):
                order = event.order
                shelf = self._shelf(order.account)
                if order.id not in shelf.orders:
                    shelf.orders[order.id] = order
                    if isinstance(order.request.client_id, str):
                        shelf.by_client_id[order.request.client_id] = order

    def by_id(self, account: Account, identifier: str) -> Order | None:
        number = order_number(identifier)
        return None if number is None else self._shelf(account).orders.get(number)

    def by_client_id(self, account: Account, client_order_id: str) -> Order | None:
        return self._shelf(account).by_client_id.get(client_order_id)

    def newest_first(self, account: Account) -> list[Order]:
        return list(reversed(self._shelf(account).orders.values()))

    def _shelf(self, account: Account) -> _Shelf:
        shelf = self._shelves.get(account.name)
        if shelf is None:
            shelf = self._shelves[account.name] = _Shelf()
        return shelf

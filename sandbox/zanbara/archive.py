"""Every order an account ever placed: by id, by client id, in order.

Nothing is dropped, and a client id once used is taken for ever.
"""

from dataclasses import dataclass, field

from sandbox.matching import Account, Order
from sandbox.zanbara.wire import order_id


@dataclass(slots=True)
class _Shelf:
    """One account's orders, oldest first."""

    orders: list[Order] = field(default_factory=list)
    by_id: dict[str, Order] = field(default_factory=dict)
    by_client_id: dict[str, Order] = field(default_factory=dict)


class Archive:
    """What idempotency and order look-ups are answered from."""

    def __init__(self) -> None:
        self._shelves: dict[str, _Shelf] = {}

    def add(self, order: Order) -> None:
        shelf = self._shelves.setdefault(order.account.name, _Shelf())
        shelf.orders.append(order)
        shelf.by_id[order_id(order.id)] = order
        if isinstance(order.request.client_id, str):
            shelf.by_client_id[order.request.client_id] = order

    def by_id(self, account: Account, identifier: str) -> Order | None:
        shelf = self._shelves.get(account.name)
        return shelf.by_id.get(identifier) if shelf else None

    def by_client_id(self, account: Account, client_order_id: str) -> Order | None:
        shelf = self._shelves.get(account.name)
        return shelf.by_client_id.get(client_order_id) if shelf else None

    def newest_first(self, account: Account) -> list[Order]:
        shelf = self._shelves.get(account.name)
        return shelf.orders[::-1] if shelf else []

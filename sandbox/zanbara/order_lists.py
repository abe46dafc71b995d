"""Private lists: orders of every status, and fills. Newest first, paged."""

from typing import Any

from sandbox.matching import Order
from sandbox.simulation import Simulation
from sandbox.zanbara.archive import Archive
from sandbox.zanbara.calls import Call
from sandbox.zanbara.order_kinds import KINDS, kind_of
from sandbox.zanbara.order_wire import fill_object, order_object
from sandbox.zanbara.wire import order_id, status_of

STATUSES = ("pending", "partial_filled", "filled", "cancelled", "expired", "rejected")
OPEN = frozenset(STATUSES[:2])


class OrderLists:
    """Reads the archive and the records; changes nothing."""

    def __init__(self, simulation: Simulation, archive: Archive) -> None:
        self._simulation = simulation
        self._archive = archive

    def orders(self, call: Call) -> Any:
        query, account = call.query, call.account
        page = query.page()
        symbol = query.symbol(self._simulation.engine.markets)
        statuses = query.choices("status", STATUSES)
        side, kind = query.choice("side", ("buy", "sell")), query.choice("type", KINDS)
        start_ms, end_ms = query.times_ms()
        client_order_id = query.text("client_order_id")

        def is_wanted(order: Order) -> bool:
            return (
                (symbol is None or order.market.symbol == symbol)
                and (statuses is None or status_of(order) in statuses)
                and (side is None or order.side == side)
                and (kind is None or kind_of(order.request) == kind)
                and start_ms <= order.created_us // 1000 <= end_ms
            )

        if client_order_id is not None:
            found = self._archive.by_client_id(account, client_order_id)
            candidates = [] if found is None else [found]
        elif statuses is not None and statuses <= OPEN:
            candidates = sorted(account.open_orders.values(), key=lambda order: order.id, reverse=True)
        else:
            candidates = self._archive.newest_first(account)
        return page.of_list([order for order in candidates if is_wanted(order)], order_object)

    def fills(self, call: Call) -> Any:
        query = call.query
        page = query.page()
        symbol = query.symbol(self._simulation.engine.markets)
        identifier = query.text("order_id")
        start_ms, end_ms = query.times_ms()
        rows = [
            fill
            for fill in self._simulation.records.fills(call.account.name, call.now_us)
            if (symbol is None or fill.order.market.symbol == symbol)
            and (identifier is None or order_id(fill.order.id) == identifier)
            and start_ms <= fill.time_us // 1000 <= end_ms
        ]
        return page.of_list(rows, fill_object)

"""Signed histories under /wapi: finished orders and fills, paged, newest first unless asked otherwise.

Open orders are not listed: `GET /api/v1/orders` has those.
"""

from collections.abc import Iterable
from typing import Any

from sandbox.backpack.order_wire import history_fill, history_order
from sandbox.backpack.parameters import Parameters
from sandbox.backpack.payloads import order_number
from sandbox.backpack.wire import market_type
from sandbox.matching import Account, Order
from sandbox.simulation import Simulation

FILL_TYPES = (
    "User",
    "BookLiquidation",
    "Adl",
    "Backstop",
    "Liquidation",
    "AllLiquidation",
    "CollateralConversion",
    "CollateralConversionAndSpotLiquidation",
)


class Histories:
    """Each method returns (rows of the page, total, limit, offset)."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def orders(self, account: Account, query: Parameters, now_us: int) -> tuple[list[Any], int, int, int]:
        chosen = self._selection(query)
        return _page(
            query,
            [order for order in self._simulation.records.orders(account.name, now_us) if chosen(order)],
            history_order,
        )

    def fills(self, account: Account, query: Parameters, now_us: int) -> tuple[list[Any], int, int, int]:
        chosen = self._selection(query)
        from_ms, to_ms = query.integer("from", default=0), query.integer("to", default=2**63 - 1)
        kind = query.choice("fillType", "FillType", FILL_TYPES)
        rows = [
            fill
            for fill in self._simulation.records.fills(account.name, now_us)
            if chosen(fill.order)
            and (from_ms or 0) <= fill.time_us // 1000 <= (to_ms or 0)
            and kind in (None, "User")  # there are no other fills in this simulation
        ]
        return _page(query, rows, history_fill)

    def _selection(self, query: Parameters) -> Any:
        """A predicate over orders for the filters both histories share."""
        market = query.optional_market(self._simulation.engine.markets)
        kinds = query.market_types()
        raw_id = query.text("orderId")
        order_id = None if raw_id is None else order_number(raw_id)
        strategy = query.text("strategyId")

        def chosen(order: Order) -> bool:
            return (
                (order_id is None or order.id == order_id)
                and (market is None or order.market is market)
                and (not kinds or market_type(order.market) in kinds)
                and strategy is None
            )

        return chosen


def page_headers(total: int, shown: int, limit: int, offset: int) -> tuple[tuple[str, str], ...]:
    """The paging headers; an empty result counts as one page of one."""
    return (
        ("X-Total", str(total)),
        ("X-Page-Size", str(max(1, shown))),
        ("X-Page-Count", str(max(1, -(-total // limit)))),
        ("X-Current-Page", str(offset // limit + 1)),
        ("Access-Control-Expose-Headers", "X-Total,X-Page-Size,X-Page-Count,X-Current-Page"),
        ("Cache-Control", "no-store"),
    )


def _page(query: Parameters, rows: list[Any], written: Any) -> tuple[list[Any], int, int, int]:
    limit, offset = query.page()
    if query.choice("sortDirection", "SortDirection", ("Asc", "Desc"), "Desc") == "Asc":
        rows.reverse()
    page: Iterable[Any] = rows[offset : offset + limit]
    return [written(row) for row in page], len(rows), limit, offset

"""Signed histories under /wapi: paged, newest first unless asked otherwise. Each method returns a `Page`.

Open orders are not listed: `GET /api/v1/orders` has those.
"""

from collections.abc import Callable
from typing import Any

from sandbox.backpack.order_wire import history_fill, history_order
from sandbox.backpack.pages import Page, page
from sandbox.backpack.parameters import Parameters
from sandbox.backpack.payloads import order_number
from sandbox.backpack.positions import Positions
from sandbox.backpack.settlements import FILTERS, Settlements, settlement_row
from sandbox.backpack.wire import market_type, naive_iso_seconds, plain
from sandbox.matching import Account, Market, Order, Origin
from sandbox.matching.events import FundingPaid
from sandbox.simulation import Simulation

# Whose fills each filter asks for. There is no auto-deleveraging, backstop or conversion here.
FILL_TYPES: dict[str, Origin | None] = {
    "User": Origin.USER,
    "BookLiquidation": Origin.LIQUIDATION,
    "Adl": None,
    "Backstop": None,
    "Liquidation": Origin.LIQUIDATION,
    "AllLiquidation": Origin.LIQUIDATION,
    "CollateralConversion": None,
    "CollateralConversionAndSpotLiquidation": None,
}
Chosen = Callable[[Market], bool]


class Histories:
    """Reads what was recorded, as late as the records are."""

    def __init__(
        self,
        simulation: Simulation,
        positions: Positions,
        user_ids: dict[str, int],
        settlements: Settlements,
    ) -> None:
        self._simulation = simulation
        self._records = simulation.records
        self._positions = positions
        self._user_ids = user_ids
        self._settlements = settlements

    def orders(self, account: Account, query: Parameters, now_us: int) -> Page:
        chosen = self._chosen_orders(query)
        return page(query, filter(chosen, self._records.orders(account.name, now_us)), history_order)

    def fills(self, account: Account, query: Parameters, now_us: int) -> Page:
        chosen = self._chosen_orders(query)
        from_ms, to_ms = query.period()
        kind = query.choice("fillType", "FillType", tuple(FILL_TYPES))
        rows = (
            fill
            for fill in self._records.fills(account.name, now_us)
            if chosen(fill.order)
            and from_ms <= fill.time_us // 1000 <= to_ms
            and (kind is None or fill.order.origin is FILL_TYPES[kind])
        )
        return page(query, rows, history_fill)

    def funding(self, account: Account, query: Parameters, now_us: int) -> Page:
        chosen = self._chosen_markets(query)
        query.subaccount()
        rows = (
            paid
            for paid in self._records.fundings(account.name, now_us)
            if chosen(self._simulation.engine.markets[paid.settled.symbol])
        )
        return page(query, rows, lambda paid: _funding_row(paid, self._user_ids[account.name]))

    def settlements(self, account: Account, query: Parameters, now_us: int) -> Page:
        source = query.choice("source", "SettlementSourceFilter", FILTERS)
        rows = (
            item for item in self._settlements.shelf.newest_first(account.name, now_us) if source in (None, item.source)
        )
        return page(query, rows, lambda item: settlement_row(item, self._user_ids[account.name]))

    def positions(self, account: Account, query: Parameters, now_us: int) -> Page:
        chosen = self._chosen_markets(query)
        state = query.choice("state", "PositionState", ("Open", "Closed"))
        rows = (
            held
            for held in self._records.positions(account.name, now_us)
            if chosen(self._simulation.engine.markets[held.symbol])
            and state in (None, "Open" if held.position.closed_us is None else "Closed")
        )
        return page(query, rows, lambda held: self._positions.history_row(account, held))

    def _chosen_markets(self, query: Parameters) -> Chosen:
        market = query.optional_market(self._simulation.engine.markets)
        kinds = query.market_types()
        return lambda item: (market is None or item is market) and (not kinds or market_type(item) in kinds)

    def _chosen_orders(self, query: Parameters) -> Callable[[Order], bool]:
        """For the filters that orders and fills share. No order belongs to a strategy."""
        is_chosen = self._chosen_markets(query)
        raw_id = query.text("orderId")
        order_id = None if raw_id is None else order_number(raw_id)
        strategy = query.text("strategyId")
        return lambda order: strategy is None and order_id in (None, order.id) and is_chosen(order.market)


def _funding_row(paid: FundingPaid, user_id: int) -> dict[str, Any]:
    return {
        "fundingRate": plain(paid.settled.rate),
        "intervalEndTimestamp": naive_iso_seconds(paid.settled.time_us),
        "quantity": plain(paid.amount),
        "subaccountId": None,
        "symbol": paid.settled.symbol,
        "userId": user_id,
    }

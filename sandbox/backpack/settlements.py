"""What moved an account's cash on futures: fees, realized profits, funding. Told in the order the engine settled it."""

from collections import defaultdict, deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.backpack.wire import naive_iso, plain
from sandbox.matching.events import Event, Fill, FundingPaid, OrderEvent, PositionEvent
from sandbox.records import Lateness, Shelf

FEES = "TradingFees"
PROFIT = "RealizePnl"
FUNDING = "FundingPayment"
# What a filter asks for; of the others nothing happens here.
FILTERS = (
    "BackstopLiquidation",
    "CulledBorrowInterest",
    "CulledRealizePnl",
    "CulledRealizePnlBookUtilization",
    FUNDING,
    PROFIT,
    FEES,
    "TradingFeesSystem",
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """One movement: positive came, negative went."""

    source: str
    quantity: Decimal
    position_id: int
    sequence: int
    time_us: int


class Settlements:
    """Listens to the simulation."""

    def __init__(self, lateness: Lateness) -> None:
        self.shelf: Shelf[Settlement] = Shelf(lateness)
        self._sequence = 0

    def on_events(self, events: list[Event], now_us: int) -> None:
        positions = _positions_by_fill(events)
        for event in events:
            if isinstance(event, FundingPaid):
                self._add(event.account.name, FUNDING, event.amount, event.position_id, event.time_us)
            elif isinstance(event, OrderEvent) and event.fill is not None and event.order.market.is_perp:
                self._add_fill(event.fill, positions[_key(event.fill)].popleft())

    def _add_fill(self, fill: Fill, position_id: int) -> None:
        account = fill.order.account.name
        self._add(account, FEES, -fill.fee, position_id, fill.time_us)
        if fill.realized:
            self._add(account, PROFIT, fill.realized, position_id, fill.time_us)

    def _add(self, account: str, source: str, quantity: Decimal, position_id: int, time_us: int) -> None:
        self._sequence += 1
        self.shelf.add(account, Settlement(source, quantity, position_id, self._sequence, time_us), time_us)


def settlement_row(item: Settlement, user_id: int) -> dict[str, Any]:
    return {
        "engineSequence": item.sequence,
        "positionId": str(item.position_id),
        "quantity": plain(item.quantity),
        "source": item.source,
        "subaccountId": None,
        "timestamp": naive_iso(item.time_us),
        "userId": user_id,
    }


def _key(fill: Fill) -> tuple[str, str]:
    return fill.order.account.name, fill.order.market.symbol


def _positions_by_fill(events: list[Event]) -> defaultdict[tuple[str, str], deque[int]]:
    """Which position each fill belongs to: the engine tells as many changes of positions as fills, in their order."""
    found: defaultdict[tuple[str, str], deque[int]] = defaultdict(deque)
    for event in events:
        if isinstance(event, PositionEvent):
            found[event.account.name, event.symbol].append(event.position_id)
    return found

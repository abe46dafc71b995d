"""A venue's own word on a run: the orders it took, how often it was asked too much, and its book at every moment."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import httpx

from gateway.cli.venue_control import VenueControl
from tests.chaos.book_watch import SIDES, BookWatch, Sides
from tests.chaos.order_watch import Accepted
from tests.chaos.violations import Promise, Verdict

ACCOUNT = "desk-a"
COMPARED = 25
"""Of what one reader was shown, so many moments are looked up."""
BOOKS: dict[str, dict[str, Any]] = {
    "backpack": {"symbol": "SOL_USDC"},
    "zanbara": {"symbol": "SOL-PERP", "depth": 100},
}
COUNTED_BY = {"backpack": "update_id", "zanbara": "sequence"}


class VenueJudge:
    """Looks only at what came after `begin`."""

    def __init__(self, venue: str, control: VenueControl) -> None:
        self.venue = venue
        self._control = control
        self._orders = 0
        self._breaches = 0

    def begin(self) -> None:
        self._orders = self._accounts_orders()["accepted"]
        self._breaches = self._control.ask("GET", "ledger/limits")["breaches"]

    def accepted(self) -> list[Accepted]:
        """The orders taken since the beginning."""
        orders = self._accounts_orders()
        count = orders["accepted"] - self._orders
        rows = orders["orders"][len(orders["orders"]) - count :]
        return [Accepted(row["order_id"], str(row["client_id"])) for row in rows]

    def judge_limits(self, verdict: Verdict) -> None:
        report = self._control.ask("GET", "ledger/limits")
        if breaches := report["breaches"] - self._breaches:
            verdict.add(Promise.LIMIT, f"{self.venue} was asked too often {breaches} times: {report['callers']}")

    def judge_books(self, watches: Sequence[BookWatch], verdict: Verdict) -> int:
        """Hold what readers were shown against the true book of the same moment; how many moments were compared."""
        compared = 0
        for watch in watches:
            ids = list(watch.books)
            for update_id in ids[:: max(1, len(ids) // COMPARED)] + ids[-1:]:
                truth = self._true_book(update_id)
                if truth is not None:
                    compared += watch.compare(update_id, truth)
        return compared

    def _true_book(self, update_id: int) -> Sides | None:
        """None for what the venue no longer remembers."""
        try:
            book = self._control.ask("GET", "ledger/books", **BOOKS[self.venue], **{COUNTED_BY[self.venue]: update_id})
        except httpx.HTTPStatusError as error:
            if error.response.status_code == 404:
                return None
            raise
        return {side: {Decimal(price): Decimal(quantity) for price, quantity in book[side]} for side in SIDES}

    def _accounts_orders(self) -> Any:
        accounts = self._control.ask("GET", "ledger/orders", account=ACCOUNT)
        return accounts.get(ACCOUNT, {"accepted": 0, "orders": []})

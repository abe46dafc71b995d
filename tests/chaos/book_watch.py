"""One client's view of one book topic: every message is held against the one before, and the books are remembered."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.chaos.violations import Promise, Verdict

SIDES = ("bids", "asks")
KEPT = 2_000
Levels = dict[Decimal, Decimal]
Sides = dict[str, Levels]


class BookWatch:
    """Follows messages as a client does who trusts what the page of the API says, and nothing else."""

    def __init__(self, who: str, verdict: Verdict) -> None:
        self.who = who
        self._verdict = verdict
        self._highest_epoch = 0
        self._position: tuple[int, int] | None = None
        self.book: Sides | None = None
        """None while the book is not to be trusted."""
        self.books: dict[int, Sides] = {}
        """What was shown as sound, by update id."""

    def connected(self) -> None:
        """A new connection starts from a snapshot; nothing older counts any more."""
        self._position, self.book = None, None

    def take(self, message: Mapping[str, Any]) -> None:
        """Check and apply one data message."""
        position = message["epoch"], message["seq"]
        if position[0] < self._highest_epoch and self._position is not None:
            self._break(f"epoch {position[0]} after {self._highest_epoch}")
        self._highest_epoch = max(self._highest_epoch, position[0])
        kind, is_sound = message["type"], message["integrity"] == "ok"
        if kind == "update":
            self._check_follows(position)
            if self.book is None:
                self._break(f"an update at {position} without a book to apply it to")
                self.book = {side: {} for side in SIDES}
        elif kind == "snapshot":
            self.book = {side: {} for side in SIDES}
        self._position = position
        if message["data"] is not None and self.book is not None:
            self._apply(message["data"], is_sound=is_sound)
        if not is_sound:
            self.book = None

    def compare(self, update_id: int, truth: Sides) -> bool:
        """Hold what was shown at this id against the venue's own; False if it was never shown."""
        shown = self.books.get(update_id)
        if shown is None:
            return False
        for side in SIDES:
            if shown[side] != truth[side]:
                wrong = {
                    str(price): (str(shown[side].get(price)), str(truth[side].get(price)))
                    for price in shown[side].keys() | truth[side].keys()
                    if shown[side].get(price) != truth[side].get(price)
                }
                self._break(f"at id {update_id} the {side} shown differ from the venue's (shown, true): {wrong}")
        return True

    def _check_follows(self, position: tuple[int, int]) -> None:
        if self._position is not None and position != (self._position[0], self._position[1] + 1):
            self._break(f"an update at {position} after {self._position}")

    def _apply(self, data: Mapping[str, Any], *, is_sound: bool) -> None:
        assert self.book is not None
        for side in SIDES:
            levels = self.book[side]
            for price, quantity in data[side]:
                if Decimal(quantity):
                    levels[Decimal(price)] = Decimal(quantity)
                else:
                    levels.pop(Decimal(price), None)
        if not is_sound:
            return
        if self.book["bids"] and self.book["asks"] and max(self.book["bids"]) >= min(self.book["asks"]):
            self._break(f"a crossed book at id {data['update_id']}")
        self.books[data["update_id"]] = {side: dict(self.book[side]) for side in SIDES}
        if len(self.books) > KEPT:
            del self.books[next(iter(self.books))]

    def _break(self, what: str) -> None:
        self._verdict.add(Promise.STREAM, f"{self.who}: {what}")

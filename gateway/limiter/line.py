"""The waiters of one kind, in turn. Pure.

Turns are those of start-time fair queueing: each call of a client comes 1 / weight after the one before it, from the
turn that is being served when the client begins to wait. So who floods the line waits behind himself, and what he does
moves nobody else. When one leaves, those behind it of its client move up.
"""

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from adapters.contract import CallKind

T = TypeVar("T")

KINDS = tuple(CallKind)
"""Most urgent first: the order in which `CallKind` lists them."""

_RANKS = {kind: rank for rank, kind in enumerate(KINDS)}
_SERVED_MAX = 128
"""Clients ahead of the others that are remembered, beside twice as many as wait."""


@dataclass(slots=True, eq=False)
class Waiter(Generic[T]):
    """A caller that waits; `ticket` is how it is told."""

    client: str
    weight: int
    kind: CallKind
    units: tuple[int, ...]
    deadline_s: float
    ticket: T
    rank: int = field(init=False)
    """Of its kind, 0 being the most urgent."""
    turn: float = field(default=0.0)
    arrived: int = field(default=0)
    is_judged: bool = field(default=False)
    """Whether its chances were looked at; from then on its deadline is watched."""

    def __post_init__(self) -> None:
        self.rank = _RANKS[self.kind]


class Line(Generic[T]):
    """The waiters of one kind, in turn."""

    def __init__(self) -> None:
        self.ordered: list[tuple[float, int, Waiter[T]]] = []
        self._of_client: dict[str, deque[Waiter[T]]] = {}
        self._weights: dict[str, int] = {}
        self._served: dict[str, float] = {}
        """The turn after the last one that was served, for clients ahead of the others."""
        self._now = 0.0
        """The turn that was served last."""
        self._moved_up: set[str] = set()

    @property
    def weight(self) -> int:
        """Of the clients that wait, together; 1 if there are none."""
        return sum(self._weights.values()) or 1

    def add(self, waiter: Waiter[T]) -> None:
        """Join."""
        if self._moved_up:
            self.tidy()
        own = self._of_client.get(waiter.client)
        if own is None:
            own = self._of_client[waiter.client] = deque()
            self._weights[waiter.client] = waiter.weight
            waiter.turn = max(self._now, self._served.get(waiter.client, 0.0))
        else:
            waiter.turn = own[-1].turn + 1 / waiter.weight
        own.append(waiter)
        insort(self.ordered, (waiter.turn, waiter.arrived, waiter))

    def place(self, waiter: Waiter[T]) -> int:
        """How many of this kind are served before."""
        return bisect_left(self.ordered, (waiter.turn, waiter.arrived, waiter))

    def remove(self, waiter: Waiter[T], *, is_served: bool) -> None:
        own = self._of_client[waiter.client]
        del self.ordered[self.place(waiter)]
        if own[0] is waiter:
            own.popleft()
        else:
            own.remove(waiter)
        if is_served:
            self._serve(waiter.client, waiter.turn, waiter.weight)
        if not own:
            del self._of_client[waiter.client]
            del self._weights[waiter.client]
            self._moved_up.discard(waiter.client)
        elif not is_served:
            self._moved_up.add(waiter.client)

    def pass_by(self, client: str, weight: int) -> None:
        """One was served that never stood in line."""
        own = self._of_client.get(client)
        turn = own[0].turn if own else max(self._now, self._served.get(client, 0.0))
        self._serve(client, turn, weight)

    def _serve(self, client: str, turn: float, weight: int) -> None:
        self._now = max(self._now, turn)
        self._served[client] = turn + 1 / weight
        if len(self._served) > 2 * len(self._of_client) + _SERVED_MAX:
            self._served = {client: turn for client, turn in self._served.items() if turn > self._now}

    def tidy(self) -> None:
        """Give those behind a waiter that left the turns they have now."""
        for client in self._moved_up:
            own = self._of_client[client]
            turn = max(self._served.get(client, 0.0), min(self._now, own[0].turn))
            for waiter in own:
                if waiter.turn > turn:
                    del self.ordered[self.place(waiter)]
                    waiter.turn = turn
                    insort(self.ordered, (waiter.turn, waiter.arrived, waiter))
                turn = waiter.turn + 1 / waiter.weight
        self._moved_up.clear()

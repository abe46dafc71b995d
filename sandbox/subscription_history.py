"""How many connections held each stream over time: what shows that never more than one did at once. Pure."""

from collections import deque
from typing import Any

from sandbox.sockets import Topic

KEPT = 10_000


class SubscriptionHistory:
    """Keeps the last changes, and the most there ever were at once."""

    def __init__(self) -> None:
        self._changes: deque[tuple[int, str | None, str, int]] = deque(maxlen=KEPT)
        self._most: dict[str, int] = {}

    def record(self, topic: Topic, connections: int, now_us: int) -> None:
        """So many connections hold a topic from now on."""
        account, stream = topic
        self._changes.append((now_us // 1000, account, stream, connections))
        self._most[stream] = max(self._most.get(stream, 0), connections)

    def report(self, account: str | None = None) -> dict[str, Any]:
        """Changes, oldest first, of one account's streams or all; and by stream the most that any one account had."""
        return {
            "history": [change for change in self._changes if account in (None, change[1])],
            "most": dict(sorted(self._most.items())),
        }

"""What tells that a connection still carries everything: the heartbeat, and the numbers of frames. Pure.

Rules:

- The heartbeat is a message of the venue's own, sent every 20 s; one that is not answered within 10 s ends the
  connection. Pings of the WebSocket protocol do not count.
- After its snapshot the frames of a topic are numbered without gaps. A book is not counted here: it says itself what
  each update follows.

Source: docs.zanbarax.com, "overview", for the heartbeat; the numbers are inferred, so a frame may lack one.
"""

from adapters.common.session import OutOfStep

_BEAT_EVERY_MS = 20_000
_ANSWER_WITHIN_MS = 10_000

Topic = tuple[str, str]
"""Channel and the venue's symbol."""


class Heartbeat:
    """When to ask the venue whether it is there, and how long it may stay silent."""

    def __init__(self) -> None:
        self._asked_ms: int | None = None
        self._is_answered = True

    def opened(self) -> None:
        self._asked_ms, self._is_answered = None, True

    def answered(self) -> None:
        self._is_answered = True

    def messages(self, now_ms: int) -> list[dict[str, str | int]]:
        """The ping, if it is time for one. Raises `OutOfStep` if the last one was not answered in time."""
        if self._asked_ms is not None:
            since_ms = now_ms - self._asked_ms
            if not self._is_answered and since_ms > _ANSWER_WITHIN_MS:
                raise OutOfStep("the heartbeat was not answered")
            if 0 <= since_ms < _BEAT_EVERY_MS:  # below zero: the clock was set back
                return []
        self._asked_ms, self._is_answered = now_ms, False
        return [{"type": "ping"}]


class Sequences:
    """The numbers of each topic's last frame: sees what is missing."""

    def __init__(self) -> None:
        self._last: dict[Topic, int] = {}

    def begin(self, topic: Topic, number: int | None) -> None:
        """The topic's snapshot came; its frames go on from this number, if it has one."""
        self._last[topic] = 0 if number is None else number

    def end(self, topic: Topic) -> None:
        self._last.pop(topic, None)

    def clear(self) -> None:
        self._last.clear()

    def has_begun(self, topic: Topic) -> bool:
        return topic in self._last

    def follow(self, topic: Topic, number: int | None) -> None:
        """Raises `OutOfStep` if a frame between the last one and this one is missing."""
        if number is None:
            return
        if number != self._last[topic] + 1:
            raise OutOfStep(f"{'/'.join(topic)}: frame {number} after {self._last[topic]}")
        self._last[topic] = number

"""What a venue's stream session has to answer, so that one loop can keep any venue's stream up. Pure."""

from typing import Protocol

from adapters.models import StreamEvent

Received = StreamEvent | tuple[StreamEvent, ...] | None
"""What a frame held: one event, several in their order, or nothing of interest."""


class OutOfStep(Exception):
    """What came over the stream cannot be trusted to continue what came before: connect anew, start over."""


class Session(Protocol):
    """Decides what to send and what a frame means; it survives the connections that it runs over."""

    def opened(self) -> None:
        """A new connection is open; nothing is subscribed on it."""

    def frames_to_send(self, *, venue_time_ms: int) -> list[str]:
        """The frames that bring the connection from what is subscribed to what is wanted.

        Raises `OutOfStep` where the venue owes an answer for too long.
        """

    def received(self, frame: bytes, *, received_time_us: int) -> Received:
        """What a frame says.

        Raises `OutOfStep` for a frame after which the connection must not be trusted.
        """

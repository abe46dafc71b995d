"""What an operator may change about client connections."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SocketSettings:
    idle_s: float = 60.0
    """A client that sends no frame for this long is closed."""
    stalled_s: float = 5.0
    """A client that lets nothing through for this long is closed."""
    mailbox_bytes: int = 64 * 1024
    """What may wait for one client before market data is given up; see `fanout.mailbox`."""

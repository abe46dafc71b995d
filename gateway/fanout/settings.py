"""What an operator may change about the fan-out of one replica; durations in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FanoutSettings:
    silence_s: float = 2.0
    """A venue whose owner was not heard for this long is no longer trusted; the lease's length suits."""
    wish_ttl_s: float = 10.0
    """A replica that died no longer counts as a reader after this long."""
    linger_s: float = 5.0
    """A topic is read on for this long after its last reader left."""
    warm_s: float = 30.0
    """A topic read over REST is kept live this long."""
    ask_again_s: float = 1.0
    """How often to ask for a snapshot that did not come."""
    ring_frames: int = 2000
    ring_bytes: int = 1024 * 1024
    """What is remembered of each topic, for joiners and slow readers."""

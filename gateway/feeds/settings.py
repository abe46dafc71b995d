"""What an operator may change about market data streaming; durations in seconds."""

from dataclasses import dataclass, field

from gateway.fanout.settings import FanoutSettings


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """Defaults suit a handful of replicas on one network."""

    lease_s: float = 2.0
    """A venue's streams are taken over this long after their owner died. Renewed every third of it."""
    linger_s: float = 5.0
    """The owner keeps a topic for this long after the last replica stopped wishing for it."""
    audit_s: float = 30.0
    """A book without a change for this long is compared with the venue's own."""
    fanout: FanoutSettings = field(default_factory=FanoutSettings)

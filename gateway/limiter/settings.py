"""What can be set about the limiter; the limits themselves come from the venue."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LimiterSettings:
    """All replicas of a venue must agree on `hard_timeout_s`; a rule whose settings changed closes for one turnover."""

    hard_timeout_s: float = 10.0
    """After this long a granted call that was not heard of can no longer arrive at the venue: the grant's life plus
    the longest time any call may take."""
    grant_life_s: float = 1.0
    """A grant not started by then is void."""
    max_wait_s: float = 5.0
    """How long a caller waits who does not say."""
    reserve_share: float = 0.05
    """The part of every limit, at least one unit, that only cancels may use."""
    queue_max: int = 8192
    """Callers that may wait per set of rules; more are refused."""
    assume_unspent: bool = False
    """Whether an empty Redis means an unspent budget. Only where nobody can have spent: demo, test, new sandbox."""

    def __post_init__(self) -> None:
        if not 0 < self.grant_life_s < self.hard_timeout_s:
            raise ValueError("grant_life_s must be above 0 and below hard_timeout_s")
        if not 0 <= self.reserve_share < 1:
            raise ValueError("reserve_share must be from 0 to below 1")

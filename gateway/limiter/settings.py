"""What can be set about the limiter; the limits themselves come from the venue."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.models import AccountName


@dataclass(frozen=True, slots=True)
class ClientTerms:
    """How one client shares."""

    weight: int = 1
    """Turns it gets for each turn of a client of weight 1."""
    max_share: float = 1.0
    """The most of any limit that its calls, cancels apart, may have in use."""


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """What the venue grants one account, and what of that is ours."""

    tier: int = 0
    """Which of the venue's tiers it is in."""
    foreign_budget: float = 0.0
    """The part of its own limits that is left to others who use the same account."""


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

    accounts: Mapping[AccountName, AccountTerms] = field(default_factory=dict)
    foreign_budget: float = 0.0
    """The part of the limits by address that is left to others behind the same address."""
    pace: Mapping[str, int] = field(default_factory=dict)
    """By rule: into how many equal parts of its period the limit is spread. Cancels are not held back by it."""

    def __post_init__(self) -> None:
        if not 0 < self.grant_life_s < self.hard_timeout_s:
            raise ValueError("grant_life_s must be above 0 and below hard_timeout_s")
        if not 0 <= self.reserve_share < 1:
            raise ValueError("reserve_share must be from 0 to below 1")
        for share in (self.foreign_budget, *(terms.foreign_budget for terms in self.accounts.values())):
            if not 0 <= share < 1:
                raise ValueError("foreign_budget must be from 0 to below 1")

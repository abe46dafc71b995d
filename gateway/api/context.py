"""What is known of one request while it is served: who, from where, and which budget it touched."""

import time
from dataclasses import dataclass

from gateway.auth.grants import Client
from gateway.errors import Refusal
from gateway.limiter import Presence, RuleStatus


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A budget as the X-RateLimit headers show it; `reset_s` is Unix seconds."""

    limit: int
    remaining: int
    reset_s: int


@dataclass(slots=True)
class RequestContext:
    request_id: str
    address: str
    client: Client | None = None
    auth_refusal: Refusal | None = None
    """Why the token that was sent opens nothing; raised only where a token is needed."""
    budget: BudgetView | None = None
    presence: Presence | None = None
    """Of whoever waits for a read; what a write has begun is seen through."""

    def spent(self, rule: RuleStatus) -> None:
        """A venue's budget was spent from."""
        self.touch(BudgetView(rule.limit, rule.remaining, rule.reset_unix_s))

    def touch(self, budget: BudgetView) -> None:
        """Remember the tightest budget this request spent from."""
        if self.budget is None or budget.remaining * self.budget.limit < self.budget.remaining * budget.limit:
            self.budget = budget


def now_ms() -> int:
    return time.time_ns() // 1_000_000

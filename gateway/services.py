"""Everything a running gateway consists of, as the edges see it; `app` puts it together."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from adapters.contract import Venue
from adapters.models import VenueName
from gateway.accounts import EGRESS, Account, Accounts
from gateway.auth import Clients, Tokens
from gateway.clock import VenueClock
from gateway.feeds import MarketFeeds
from gateway.journal import Journals
from gateway.limiter import Limiter, Throttle
from gateway.market_reads import MarketReads
from gateway.operations.asking import Asking
from gateway.orders.path import OrderPath
from gateway.orders.readiness import Readiness
from gateway.reference import Markets
from gateway.risk.gate import Risk
from gateway.settings import Settings
from gateway.store.client import Store


@dataclass(slots=True)
class Lifecycle:
    """Where in its life this replica is."""

    is_draining: bool = False
    failed_tasks: list[str] = field(default_factory=list)
    """Names of background tasks that ended though they never should: the replica is not ready then."""
    drain: Callable[[float], Awaitable[None]] | None = None
    """Sends whoever uses this replica to another one, and returns after so many seconds; None before it serves."""
    hurry: Callable[[], None] | None = None
    """Has no request wait for a venue's budget any more: those that do are told that nothing was sent."""


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    replica: str
    lifecycle: Lifecycle
    store: Store
    venues: Mapping[VenueName, Venue]
    clocks: Mapping[VenueName, VenueClock]
    limiters: Mapping[VenueName, Limiter]
    markets: Markets
    accounts: Accounts
    clients: Clients
    tokens: Tokens
    risk: Risk
    orders: OrderPath
    operations: Asking
    feeds: MarketFeeds
    market_reads: MarketReads
    journals: Journals

    def readiness(self, account: Account) -> Readiness | None:
        """How the account stood when this replica last looked."""
        return self.orders.records[account.venue.name].readiness.last.get(account.name)

    def is_ready(self, account: Account) -> bool:
        """Whether the account takes new orders, as this replica last saw it."""
        last = self.readiness(account)
        return last is not None and last.is_ready

    def reasons_not_ready(self) -> list[str]:
        """Why no traffic should come here, if anything: this process and its Redis, never a venue."""
        reasons = [f"background task {name} has died" for name in self.lifecycle.failed_tasks]
        if self.lifecycle.is_draining:
            reasons.append("draining")
        if not self.store.is_up:
            reasons.append("Redis cannot be reached")
        elif not self.feeds.state().is_receiving:
            reasons.append("no market data is received from Redis")
        reasons += [f"the limiter of {name} has stopped" for name, one in self.limiters.items() if not one.is_serving]
        return reasons

    def public_throttle(self, venue: VenueName, client: str, max_wait_s: float | None) -> Throttle:
        """The budget of a venue's public reads, as one caller sees it."""
        return public_throttle(self.limiters[venue], client, max_wait_s)


def public_throttle(limiter: Limiter, client: str, max_wait_s: float | None = None) -> Throttle:
    """A limiter's budget for calls that no account makes."""
    return limiter.throttle(client=client, account=None, egress=EGRESS, max_wait_s=max_wait_s)

"""Our limiter by its public ways: one venue with one rule, every call one unit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.contract import Call, CallKind, LimitRule, Limits, LimitScope
from adapters.models import AccountName, VenueName
from gateway.limiter import Limiter, LimiterSettings
from gateway.store.client import Store

ACCOUNT = AccountName("account")
VENUE = VenueName("bench")
NO_LIMIT = 10**9
CALLS = {kind: Call(kind.value, kind, "call") for kind in CallKind}


def limits_of(limit: int, period_ms: int) -> Limits:
    rule = LimitRule("account", LimitScope.ACCOUNT, limit, period_ms)
    return Limits(rules=(rule,), debits={"call": (("account", 1),)})


@asynccontextmanager
async def opened(url: str, limit: int, period_ms: int, *, hard_timeout_s: float = 10.0) -> AsyncIterator[Limiter]:
    """A limiter over that Redis, which is taken for unspent where it is empty."""
    settings = LimiterSettings(hard_timeout_s=hard_timeout_s, assume_unspent=True)
    async with (
        Store.open(url, timeout_s=1.0) as store,
        Limiter(store, VENUE, limits_of(limit, period_ms), settings) as limiter,
    ):
        yield limiter

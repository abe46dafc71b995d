"""Other libraries that share a limit through Redis, each used as its documentation says.

Their synchronous clients, because these are the quicker ones when all a process does is decide.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module

Admit = Callable[[], bool]
"""Takes one unit if there is one; answers whether."""
Open = Callable[[str, int, int], Admit]
"""From a Redis' address, a limit and its period in seconds."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A library, with the way of counting that costs it least and the one that is closest to "so many per period"."""

    name: str
    quickest: Open
    strictest: Open


def _throttled(algorithm: str) -> Open:
    def open_throttled(url: str, limit: int, period_s: int) -> Admit:
        throttled = import_module("throttled")
        quota = throttled.per_duration(timedelta(seconds=period_s), limit)
        throttle = throttled.Throttled(
            key="bench", using=algorithm, quota=quota, store=throttled.store.RedisStore(server=url)
        )
        return lambda: not throttle.limit().limited

    return open_throttled


def _limits(strategy: str) -> Open:
    def open_limits(url: str, limit: int, period_s: int) -> Admit:
        limits = import_module("limits")
        storage = import_module("limits.storage").RedisStorage(url)
        limiter = getattr(import_module("limits.strategies"), strategy)(storage)
        item = limits.RateLimitItemPerSecond(limit, period_s)
        return lambda: bool(limiter.hit(item, "bench"))

    return open_limits


def _pyrate(url: str, limit: int, period_s: int) -> Admit:
    pyrate, redis = import_module("pyrate_limiter"), import_module("redis")
    rates = [pyrate.Rate(limit, pyrate.Duration.SECOND * period_s)]
    limiter = pyrate.Limiter(pyrate.RedisBucket.init(rates, redis.Redis.from_url(url), "bench"))
    return lambda: bool(limiter.try_acquire("bench", blocking=False))


PEERS = {
    peer.name: peer
    for peer in (
        Peer("throttled-py", _throttled("fixed_window"), _throttled("sliding_window")),
        Peer("limits", _limits("FixedWindowRateLimiter"), _limits("MovingWindowRateLimiter")),
        Peer("pyrate-limiter", _pyrate, _pyrate),
    )
}

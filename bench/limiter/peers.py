"""Other libraries that share a limit through Redis, each used as its documentation says."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib import import_module

Admit = Callable[[], bool]
"""Takes one unit if there is one; answers whether."""
AdmitAsync = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Peer:
    """A library, by what opens it on a Redis' address, a limit and its period in seconds."""

    name: str
    quickest: Callable[[str, int, int], Admit]
    """The way of counting that costs it least, by its synchronous client."""
    quickest_async: Callable[[str, int, int], Awaitable[AdmitAsync]]
    """The same by its asynchronous client."""
    strictest: Callable[[str, int, int], Admit]
    """The way of counting that comes closest to "so many in a period"."""


def _throttled(url: str, limit: int, period_s: int, algorithm: str) -> Admit:
    throttled = import_module("throttled")
    quota = throttled.per_duration(timedelta(seconds=period_s), limit)
    store = throttled.store.RedisStore(server=url)
    throttle = throttled.Throttled(key="bench", using=algorithm, quota=quota, store=store)
    return lambda: not throttle.limit().limited


async def _throttled_async(url: str, limit: int, period_s: int) -> AdmitAsync:
    throttled = import_module("throttled.asyncio")
    quota = throttled.per_duration(timedelta(seconds=period_s), limit)
    store = throttled.store.RedisStore(server=url)
    throttle = throttled.Throttled(key="bench", using="fixed_window", quota=quota, store=store)

    async def admit() -> bool:
        return not (await throttle.limit()).limited

    return admit


def _limits(url: str, limit: int, period_s: int, strategy: str) -> Admit:
    item = import_module("limits").RateLimitItemPerSecond(limit, period_s)
    storage = import_module("limits.storage").RedisStorage(url)
    limiter = getattr(import_module("limits.strategies"), strategy)(storage)
    return lambda: bool(limiter.hit(item, "bench"))


async def _limits_async(url: str, limit: int, period_s: int) -> AdmitAsync:
    item = import_module("limits").RateLimitItemPerSecond(limit, period_s)
    storage = import_module("limits.aio.storage").RedisStorage(f"async+{url}", implementation="redispy")
    limiter = import_module("limits.aio.strategies").FixedWindowRateLimiter(storage)

    async def admit() -> bool:
        return bool(await limiter.hit(item, "bench"))

    return admit


def _pyrate(url: str, limit: int, period_s: int) -> Admit:
    pyrate, redis = import_module("pyrate_limiter"), import_module("redis")
    rates = [pyrate.Rate(limit, pyrate.Duration.SECOND * period_s)]
    limiter = pyrate.Limiter(pyrate.RedisBucket.init(rates, redis.Redis.from_url(url), "bench"))
    return lambda: bool(limiter.try_acquire("bench", blocking=False))


async def _pyrate_async(url: str, limit: int, period_s: int) -> AdmitAsync:
    pyrate, redis = import_module("pyrate_limiter"), import_module("redis.asyncio")
    rates = [pyrate.Rate(limit, pyrate.Duration.SECOND * period_s)]
    limiter = pyrate.Limiter(await pyrate.RedisBucket.init(rates, redis.Redis.from_url(url), "bench"))

    async def admit() -> bool:
        return bool(await limiter.try_acquire_async("bench", blocking=False))

    return admit


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "throttled-py",
            quickest=partial(_throttled, algorithm="fixed_window"),
            quickest_async=_throttled_async,
            strictest=partial(_throttled, algorithm="sliding_window"),
        ),
        Peer(
            "limits",
            quickest=partial(_limits, strategy="FixedWindowRateLimiter"),
            quickest_async=_limits_async,
            strictest=partial(_limits, strategy="MovingWindowRateLimiter"),
        ),
        Peer("pyrate-limiter", quickest=_pyrate, quickest_async=_pyrate_async, strictest=_pyrate),
    )
}

"""The venue's clock as this replica knows it, and how far it is from Redis's.

Send times of orders are Redis time plus the measured difference, so that replicas with wrong clocks agree. Both are
measured against the steady clock: a step of this machine's own clock moves neither.
"""

import asyncio
import time
from contextlib import suppress

import structlog

from adapters.common.clock_offset import ClockOffset
from adapters.contract import Throttle, Venue
from adapters.errors import VenueError
from gateway.errors import Refusal, StoreUnavailable
from gateway.store.client import Store

_log = structlog.get_logger()

_MEASURE_EVERY_S = 30.0
_PAUSE_S = 1.0


class VenueClock:
    """Fulfils `adapters.contract.Clock` for one venue."""

    def __init__(self) -> None:
        self._venue = ClockOffset()
        self._redis = ClockOffset(resolution_us=1)
        self._doubted = asyncio.Event()

    def time_us(self) -> int:
        return time.time_ns() // 1_000

    def venue_time_ms(self) -> int:
        estimate = self._venue.estimate(_steady_us())
        return (self.time_us() if estimate is None else _steady_us() + estimate.offset_us) // 1_000

    def doubt(self) -> None:
        self._doubted.set()

    @property
    def is_measured(self) -> bool:
        now_us = _steady_us()
        return self._venue.estimate(now_us) is not None and self._redis.estimate(now_us) is not None

    @property
    def offset_ms(self) -> int:
        """Venue's clock minus ours; 0 while it is not measured."""
        return self.venue_time_ms() - self.time_us() // 1_000

    @property
    def venue_minus_redis_ms(self) -> int:
        """0 while either is not measured: one alone would say nothing of the other."""
        now_us = _steady_us()
        venue, redis = self._venue.estimate(now_us), self._redis.estimate(now_us)
        return 0 if venue is None or redis is None else (venue.offset_us - redis.offset_us) // 1_000

    def redis_time_ms(self) -> int:
        """Redis' time, which all replicas agree on, whatever their own clocks show; ours while it is not measured."""
        estimate = self._redis.estimate(_steady_us())
        return (self.time_us() if estimate is None else _steady_us() + estimate.offset_us) // 1_000

    async def keep_measured(self, venue: Venue, throttle: Throttle, store: Store) -> None:
        """Measure now and then, and when in doubt, but not more often than once a second.

        Ends only by cancellation.
        """
        while True:
            self._doubted.clear()
            try:
                await self._measure(venue, throttle, store)
            except (VenueError, Refusal, StoreUnavailable) as error:
                _log.warning("clock_not_measured", venue=venue.name, error=str(error))
                self.doubt()
            await asyncio.sleep(_PAUSE_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(_MEASURE_EVERY_S):
                    await self._doubted.wait()

    async def _measure(self, venue: Venue, throttle: Throttle, store: Store) -> None:
        sent_us = _steady_us()
        redis_us = await store.time_us()
        self._redis.add(sent_us=sent_us, received_us=_steady_us(), server_time_us=redis_us)
        # A wait for the limiter widens the sample; the estimator believes the tightest ones.
        sent_us = _steady_us()
        venue_ms = await venue.market_data.server_time_ms(throttle)
        self._venue.add(sent_us=sent_us, received_us=_steady_us(), server_time_us=venue_ms * 1_000)


def _steady_us() -> int:
    return time.monotonic_ns() // 1_000

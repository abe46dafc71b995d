"""What this process knows of itself, brought into its metrics once a second: readiness, clocks, tokens, Redis.

What happens is counted where it happens; here is what simply is.
"""

import asyncio
import time
from collections.abc import Mapping

import structlog
from prometheus_client import Gauge, Histogram

from gateway.errors import StoreUnavailable
from gateway.services import Services
from gateway.venue_calls import VenueCalls

_log = structlog.get_logger()

_READY = Gauge("crossgate_ready", "Whether this replica wants traffic, as /readyz says")
_DRAINING = Gauge("crossgate_draining", "Whether this replica is about to end")
_DEAD_TASKS = Gauge("crossgate_background_tasks_dead", "Background tasks that ended though they never should")
_LOOP_LAG = Histogram(
    "crossgate_loop_lag_seconds",
    "How much later than it asked a task of this process wakes up",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
_CLOCK_OFFSET = Gauge("crossgate_clock_offset_seconds", "The venue's clock minus ours", ["venue"])
_CLOCK_MEASURED = Gauge(
    "crossgate_clock_measured", "Whether the venue's clock is known well enough to order", ["venue"]
)
_CIRCUITS_OPEN = Gauge(
    "crossgate_venue_circuits_open", "Circuits that let no call through but probes", ["venue", "kind"]
)
_TOKEN_LEFT = Gauge("crossgate_token_lifetime_left_seconds", "How long the account's token is good for", ["account"])
_FEED_CONNECTED = Gauge("crossgate_feed_connected", "Whether the owner of the venue's streams is connected", ["venue"])
_UNSOUND = Gauge(
    "crossgate_fanout_topics_unsound", "Topics read here whose state is not to be trusted", ["venue", "channel"]
)
_IN_FLIGHT = Gauge("crossgate_orders_in_flight", "Orders that this replica is about to send, or to hear of")
_MEMORY_USED = Gauge("crossgate_redis_memory_used_bytes", "What Redis holds, overhead included")
_MEMORY_MAX = Gauge("crossgate_redis_memory_max_bytes", "What Redis may hold; 0 if it has no limit")

_EVERY_S = 0.25
_LOOKS_EVERY = 4
_MEMORY_EVERY = 20
"""Of those waits."""


class Vitals:
    """Shows one replica's state."""

    def __init__(self, services: Services, calls: VenueCalls):
        self._the = services
        self._calls = calls

    async def run(self) -> None:
        """Look again and again; ends only by cancellation."""
        turn = 0
        while True:
            try:
                if turn % _LOOKS_EVERY == 0:
                    self.show()
                if turn % _MEMORY_EVERY == 0:
                    await self._show_memory()
            except Exception:  # what cannot be shown is no reason not to serve
                _log.exception("vitals_not_shown")
            turn += 1
            due_s = time.monotonic() + _EVERY_S  # uvloop's own clock counts milliseconds
            await asyncio.sleep(_EVERY_S)
            _LOOP_LAG.observe(max(0.0, time.monotonic() - due_s))

    def show(self) -> None:
        """How it is now."""
        the = self._the
        _READY.set(not the.reasons_not_ready())
        _DRAINING.set(the.lifecycle.is_draining)
        _DEAD_TASKS.set(len(the.lifecycle.failed_tasks))
        _IN_FLIGHT.set(len(the.orders.in_flight))
        for name, clock in the.clocks.items():
            _CLOCK_MEASURED.labels(name).set(clock.is_measured)
            _CLOCK_OFFSET.labels(name).set(clock.offset_ms / 1000)
        for account in the.accounts.all():
            if account.at_venue.log_in is not None:
                _TOKEN_LEFT.labels(account.name).set(account.tokens.left_s)
        for (venue, kind), count in self._calls.open_circuits(asyncio.get_running_loop().time()).items():
            _CIRCUITS_OPEN.labels(venue, kind).set(count)
        for venue, state in the.feeds.state().venues.items():
            _FEED_CONNECTED.labels(venue).set(state.is_connected)
        unsound = the.feeds.hub.unsound()
        for venue, adapter in the.venues.items():
            for channel in adapter.capabilities.channels:
                _UNSOUND.labels(venue, channel).set(unsound[venue, channel])

    async def _show_memory(self) -> None:
        try:
            said: bytes = await self._the.store.command("INFO", "memory")
        except StoreUnavailable:
            return
        memory = _fields(said.decode())
        _MEMORY_USED.set(float(memory.get("used_memory", 0)))
        _MEMORY_MAX.set(float(memory.get("maxmemory", 0)))


def _fields(info: str) -> Mapping[str, str]:
    return dict(line.split(":", 1) for line in info.splitlines() if ":" in line)

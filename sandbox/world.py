"""Everything one simulated venue consists of, wired together, and its start over."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.backpack.face import LIMITS as BACKPACK_LIMITS
from sandbox.backpack.face import BackpackFace
from sandbox.clock import Clock
from sandbox.config import SandboxConfig
from sandbox.door import Door
from sandbox.errands import Errands
from sandbox.face import Face, Surroundings
from sandbox.faults import Faults
from sandbox.ledger import Ledger
from sandbox.limits import Limits, VenueLimits
from sandbox.simulation import Simulation
from sandbox.sockets import Hub
from sandbox.subscription_history import SubscriptionHistory
from sandbox.tampering import StreamFaults
from sandbox.true_books import TrueBooks
from sandbox.zanbara.face import ZanbaraFace
from sandbox.zanbara.limits import LIMITS as ZANBARA_LIMITS


@dataclass(frozen=True, slots=True)
class Stage:
    """What a venue's factory builds: the market and its face."""

    simulation: Simulation
    face: Face


@dataclass(frozen=True, slots=True)
class VenueKind:
    """A venue there is a face for: how to build it, and what it limits by itself."""

    build: Callable[[SandboxConfig, Surroundings, int], Stage]
    limits: VenueLimits


def _backpack(config: SandboxConfig, around: Surroundings, now_us: int) -> Stage:
    face = BackpackFace(config, around, now_us=now_us)
    return Stage(face.simulation, face)


def _zanbara(config: SandboxConfig, around: Surroundings, now_us: int) -> Stage:
    face = ZanbaraFace(config, around, now_us=now_us)
    return Stage(face.simulation, face)


VENUES: dict[str, VenueKind] = {
    "backpack": VenueKind(_backpack, BACKPACK_LIMITS),
    "zanbara": VenueKind(_zanbara, ZANBARA_LIMITS),
}


class World:
    """One venue: simulation, face, hub, limits, ledger, faults and what they put off."""

    def __init__(self, config: SandboxConfig, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.hub = Hub()
        self.door: Door | None = None  # only a venue that is served has one
        self._build()

    def _build(self) -> None:
        kind = VENUES[self.config.venue]
        subscriptions = self.subscriptions = SubscriptionHistory()
        self.hub = Hub(lambda topic, connections: subscriptions.record(topic, connections, self.clock.now_us()))
        self.limits = Limits(self.config.limits, kind.limits)
        self.ledger = Ledger(self.config.ledger_size)
        self.faults, self.errands = Faults(), Errands()
        self.stream_faults = StreamFaults(self.faults, self.hub, self.errands)
        stage = kind.build(self.config, Surroundings(self.hub, self.limits, self.ledger), self.clock.now_us())
        self.simulation, self.face = stage.simulation, stage.face
        self.ledger.write_order_id = self.face.order_id
        self.true_books = TrueBooks(self.simulation.engine.books)
        self.simulation.listeners += [self.ledger.record_events, self.true_books.record]

    def reset(self) -> None:
        """Start over: accounts, books, counts, faults and ledger as at the start.

        Open sockets are closed, an outage is over.
        """
        old, code = self.hub, self.face.going_away_code
        self.errands.end()
        if self.door is not None:
            self.door.open()
        self._build()
        old.close_all(code)

    def step_clock(self, by_ms: int) -> None:
        """Put the clock forward or back. Clients see it; the market, limits and streams go on as if it were not so."""
        self.advance()
        self.clock.step(by_ms)
        self.limits.clock_stepped(by_ms * 1000)
        self.simulation.clock_stepped(by_ms * 1000)
        self.face.clock_stepped(by_ms * 1000)

    def advance(self) -> None:
        """Let time pass: the house trades, periodic streams are sent."""
        now_us = self.clock.now_us()
        self.simulation.advance(now_us)
        self.face.advance(now_us)

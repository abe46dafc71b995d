"""Everything one simulated venue consists of, wired together, and its start over."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.backpack.face import BackpackFace
from sandbox.clock import Clock
from sandbox.config import SandboxConfig
from sandbox.face import Face
from sandbox.faults import Faults
from sandbox.ledger import Ledger
from sandbox.limits import Limits
from sandbox.simulation import Simulation
from sandbox.sockets import Hub


@dataclass(frozen=True, slots=True)
class Stage:
    """What a venue's factory builds: the market and its face."""

    simulation: Simulation
    face: Face


def _backpack(config: SandboxConfig, hub: Hub, now_us: int) -> Stage:
    face = BackpackFace(config, hub, now_us=now_us)
    return Stage(face.simulation, face)


VENUES: dict[str, Callable[[SandboxConfig, Hub, int], Stage]] = {"backpack": _backpack}


class World:
    """One venue: simulation, face, hub, limits, ledger, faults."""

    def __init__(self, config: SandboxConfig, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.hub = Hub()
        self._build()

    def _build(self) -> None:
        self.hub = Hub()
        self.limits = Limits(self.config.limits)
        self.ledger = Ledger(self.config.ledger_size)
        self.faults = Faults()
        stage = VENUES[self.config.venue](self.config, self.hub, self.clock.now_us())
        self.simulation, self.face = stage.simulation, stage.face
        self.simulation.listeners.append(self.ledger.record_events)

    def reset(self) -> None:
        """Start over: accounts, books, counts, faults and ledger as at the start. Open sockets are closed."""
        old = self.hub
        self._build()
        old.close_all(1012)

    def advance(self) -> None:
        """Let time pass: the house trades, periodic streams are sent."""
        now_us = self.clock.now_us()
        self.simulation.advance(now_us)
        self.face.advance(now_us)

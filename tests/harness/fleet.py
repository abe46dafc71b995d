"""Replicas of the gateway, Redis and simulated venues as real processes, each pair joined through a fault proxy.

    with fleet(FleetOptions(replicas=2)) as ours:
        ours.replicas[0].pause()
        ours.redis.fail_over()
        ours.heal()

All calls are plain ones. Enter it, and start processes, from the main thread. Everything ends with the block, and with
the test process, whatever state it is in.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.auth.secrets import new_client_secret
from gateway.cli.stack import CLIENT, StackOptions, write_config
from tests.harness.fault_proxy import HOST, FaultProxy
from tests.harness.gateways import Replica
from tests.harness.loop_thread import LoopThread
from tests.harness.nursery import Nursery
from tests.harness.redis_pair import RedisPair
from tests.harness.venues import Venue

_WELL_S = 20.0
_UNKNOWN_PORT = 1
"""Where a proxy points until its server is up."""


@dataclass(frozen=True, slots=True)
class Extra:
    """What one replica is started with beyond the others."""

    env: Mapping[str, str] = field(default_factory=dict)
    arguments: Sequence[str] = ()
    plants: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What to start."""

    replicas: int = 2
    venues: Sequence[str] = ("backpack", "zanbara")
    seed: int = 7
    sandbox_arguments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By venue."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Sections of the gateway's configuration, laid over the fleet's own."""
    extras: Mapping[int, Extra] = field(default_factory=dict)
    """By the replica's number."""


@dataclass(slots=True)
class Fleet:
    """A running set."""

    replicas: Sequence[Replica]
    venues: Mapping[str, Venue]
    redis: RedisPair
    api_key: str
    api_secret: str
    accounts: Sequence[str]
    """Granted to the client, the ordinary one of each venue first."""
    directory: Path
    """Configuration, secrets and logs; gone with the set."""
    proxies: Sequence[FaultProxy]
    """All between replicas and clients, Redis and venues."""
    nursery_pid: int

    @property
    def urls(self) -> list[str]:
        """Of the replicas, through the proxies in front of them."""
        return [replica.url for replica in self.replicas]

    @property
    def pids(self) -> list[int]:
        """Of all processes, in their present or last life."""
        members = [*self.replicas, *self.venues.values()]
        return [*(member.pid for member in members), *self.redis.pids, self.nursery_pid]

    def heal(self) -> None:
        """Undo every fault, and wait until each replica says that all is well. Raises `TimeoutError`."""
        members = [*self.venues.values(), *self.replicas]
        for member in members:
            member.resume()
        for proxy in self.proxies:
            proxy.heal()
        self.redis.heal()
        for replica in self.replicas:
            replica.skew_ms = 0
        ended = [member for member in members if not member.is_running]
        for member in ended:
            member.begin()
        for member in ended:
            member.wait_until_up()
        for venue in self.venues.values():
            venue.control.clear_faults()
            if stepped_ms := venue.control.ask("GET", "clock")["stepped_ms"]:
                venue.control.step_clock(-stepped_ms)
        self._wait_until_well()

    def _wait_until_well(self) -> None:
        give_up = time.monotonic() + _WELL_S
        for replica in self.replicas:
            while not replica.is_well:
                if time.monotonic() > give_up:
                    raise TimeoutError(f"{replica.direct_url} is not well within {_WELL_S:.0f} s; see {replica.log}")
                time.sleep(0.01)


@contextmanager
def fleet(options: FleetOptions | None = None) -> Iterator[Fleet]:
    """Start the set and end it with the block. Raises `ChildFailed`, and what the embedded Redis raises."""
    options = options or FleetOptions()
    stack_options = StackOptions(seed=options.seed, settings=options.settings)
    with ExitStack() as exits:
        directory = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="crossgate-")))
        nursery = exits.enter_context(Nursery(directory / "nursery.log"))
        thread = exits.enter_context(LoopThread())

        def proxy() -> FaultProxy:
            proxies.append(exits.enter_context(FaultProxy(HOST, _UNKNOWN_PORT, seed=len(proxies), thread=thread)))
            return proxies[-1]

        proxies: list[FaultProxy] = []
        replicas = [
            Replica(number, directory, nursery, proxy(), proxy(), {name: proxy() for name in options.venues})
            for number in range(options.replicas)
        ]
        venues = {
            name: Venue(
                name,
                replace(stack_options, sandbox_arguments=options.sandbox_arguments.get(name, ())),
                directory,
                [replica.to_venue[name] for replica in replicas],
            )
            for name in options.venues
        }
        for venue in venues.values():
            exits.callback(venue.close)
            exits.callback(_kill, venue)
            venue.begin()
        redis = RedisPair(directory / "redis", [replica.to_redis for replica in replicas], thread=thread)
        exits.enter_context(redis)
        for venue in venues.values():
            venue.wait_until_up()
        secret = new_client_secret()
        known = {name: venue.known for name, venue in venues.items() if venue.known is not None}
        config, accounts = write_config(stack_options, directory, known, secret)
        for number, replica in enumerate(replicas):
            extra = options.extras.get(number, Extra())
            replica.env, replica.arguments, replica.plants = dict(extra.env), extra.arguments, extra.plants
            replica.configure(config, known)
            exits.callback(_kill, replica)
            replica.begin()
        for replica in replicas:
            replica.wait_until_up()
        yield Fleet(replicas, venues, redis, CLIENT, secret, accounts, directory, proxies, nursery.pid)


def _kill(member: Replica | Venue) -> None:
    if member.is_running:
        member.kill()

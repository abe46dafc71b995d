"""A replica of the gateway, and the proxies between it and all it speaks with."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.cli.children import ChildFailed
from gateway.cli.stack import VenueProcess, gateway_environment, is_ready, listening_url
from tests.harness.fault_proxy import HOST, FaultProxy
from tests.harness.member import Member, Process
from tests.harness.nursery import Nursery
from tests.harness.skew import write_skew

_UP_S = 20.0


class Replica(Member):
    """What is changed in `env`, `arguments` and `plants` holds from its next life on."""

    def __init__(  # noqa: PLR0917 - made by the fleet alone
        self,
        number: int,
        directory: Path,
        nursery: Nursery,
        front: FaultProxy,
        to_redis: FaultProxy,
        to_venue: Mapping[str, FaultProxy],
    ):
        super().__init__([front])
        self.front = front
        """Between it and its clients."""
        self.to_redis = to_redis
        self.to_venue = to_venue
        self.env: dict[str, str] = {}
        self.arguments: Sequence[str] = ()
        self.plants: Sequence[str] = ()
        self._name = f"gateway-{number}"
        self._directory = directory
        self._nursery = nursery
        self._lives = 0
        self._port = 0
        self._skew_ms = 0
        self._settings: Mapping[str, str] = {}
        self.skew_ms = 0

    @property
    def url(self) -> str:
        """Through the proxy in front; the same all its lives."""
        return f"http://{HOST}:{self.front.port}"

    @property
    def direct_url(self) -> str:
        """Of its present life, past the proxy."""
        return f"http://{HOST}:{self._port}"

    @property
    def log(self) -> Path:
        """Of its present life."""
        return self._directory / f"{self._name}.{self._lives}.log"

    @property
    def skew_ms(self) -> int:
        """How far its wall clock is ahead of the true one."""
        return self._skew_ms

    @skew_ms.setter
    def skew_ms(self, ahead_ms: int) -> None:
        write_skew(self._skew_file, ahead_ms * 1_000)
        self._skew_ms = ahead_ms

    @property
    def is_well(self) -> bool:
        """Whether it says so itself, asked past the proxy."""
        return is_ready(self.direct_url)

    def configure(self, config: Path, venues: Mapping[str, VenueProcess]) -> None:
        """Its configuration, where each venue, and Redis, is the proxy's address."""
        settings = gateway_environment(config, f"redis://{HOST}:{self.to_redis.port}/0", port=0)
        for name, venue in venues.items():
            for kind, url in (("REST", venue.url), ("WS", venue.ws_url)):
                settings[f"CROSSGATE_VENUES__{name.upper()}__{kind}_URL"] = _through(self.to_venue[name], url)
        self._settings = settings

    @property
    def _skew_file(self) -> Path:
        return self._directory / f"{self._name}.skew"

    def _spawn(self) -> Process:
        self._lives += 1
        return self._nursery.fork(
            {
                "arguments": ["serve", *self.arguments],
                "env": {**self._settings, **self.env},
                "log": str(self.log),
                "skew": str(self._skew_file),
                "plants": list(self.plants),
            }
        )

    def _wait_until_up(self, process: Process) -> int:
        give_up = time.monotonic() + _UP_S
        while time.monotonic() < give_up:
            if process.poll() is not None:
                raise ChildFailed(f"{self._name} has ended:\n{self.log.read_text(errors='replace')[-2_000:]}")
            url = listening_url(self.log) if self.log.exists() else None
            if url is not None:
                self._port = int(url.rpartition(":")[2])
                if is_ready(url):
                    return self._port
            time.sleep(0.01)
        raise ChildFailed(f"{self._name} was not ready within {_UP_S:.0f} s; see {self.log}")


def _through(proxy: FaultProxy, url: str) -> str:
    """The same URL, at the proxy."""
    scheme, _, rest = url.partition("://")
    _, slash, path = rest.partition("/")
    return f"{scheme}://{HOST}:{proxy.port}{slash}{path}"

"""The whole set on one machine: Redis, simulated venues, gateways; for the demo, for tests and for users' own CI.

Each part is a process of its own, speaking to the others as in production. Nothing is kept when it ends.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from gateway.auth.secrets import new_client_secret, new_seed, secret_sha256
from gateway.cli.children import ChildFailed, child, first_line, require_running
from gateway.cli.loopback import ask
from gateway.cli.venue_control import VenueControl
from gateway.settings import ENV_PREFIX
from gateway.store.embedded import EmbeddedServer

CLIENT = "demo-bot"

PREFIXES = {"backpack": "bp", "zanbara": "zb"}
"""What our accounts at each simulated venue begin with: `bp-desk-a`."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """Port 0 picks a free one; `replicas` gateways share one Redis and the venues."""

    seed: int = 7
    gateway_port: int = 0
    venue_ports: Mapping[str, int] = field(default_factory=lambda: {"backpack": 0})
    """The simulated venues to start, and where they listen."""
    metrics_port: int = 0
    replicas: int = 1
    sandbox_arguments: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Sections of the gateway's configuration, laid over the stack's own."""


@dataclass(slots=True)
class Gateway:
    """One replica."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


@dataclass(slots=True)
class VenueProcess:
    """One simulated venue."""

    name: str
    url: str
    ws_url: str
    process: subprocess.Popen[bytes]
    accounts: Sequence[Mapping[str, Any]]
    """As the venue lists them: names and credentials."""

    @property
    def control(self) -> VenueControl:
        """Faults, prices, the clock and the ledger of this venue."""
        return VenueControl(self.url)


@dataclass(slots=True)
class Stack:
    """A running set."""

    gateways: Sequence[Gateway]
    venues: Mapping[str, VenueProcess]
    redis: EmbeddedServer
    api_key: str
    api_secret: str
    accounts: Sequence[str]
    """Granted to the client, the ordinary one of each venue first."""
    directory: Path
    """Configuration, secrets and logs; gone with the set."""

    @property
    def urls(self) -> list[str]:
        return [gateway.url for gateway in self.gateways]

    @property
    def url(self) -> str:
        """Of the first replica."""
        return self.gateways[0].url

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/v1/ws"

    def token(self) -> str:
        """Log in as the client; good for an hour."""
        credentials = {"api_key": self.api_key, "api_secret": self.api_secret}
        answer = ask("POST", f"{self.url}/v1/auth/token", json=credentials).raise_for_status()
        return str(answer.json()["data"]["token"])


@contextmanager
def running(options: StackOptions) -> Iterator[Stack]:
    """Start the set and end it with the block.

    Call it from the main thread, before any event loop. Raises `ChildFailed`, and what the embedded Redis raises.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crossgate-")))
        redis = stack.enter_context(EmbeddedServer(directory / "redis"))
        venues = _start_venues(options, directory, stack)
        secret = new_client_secret()
        config, accounts = write_config(options, directory, venues, secret)
        started = [
            _start_gateway(options, number, directory, config, redis.url, stack) for number in range(options.replicas)
        ]
        gateways = [_when_ready(process, log) for process, log in started]
        yield Stack(gateways, venues, redis, CLIENT, secret, accounts, directory)


@contextmanager
def running_venues(options: StackOptions) -> Iterator[Mapping[str, VenueProcess]]:
    """Start the simulated venues alone, and end them with the block. Raises `ChildFailed`."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crossgate-")))
        yield _start_venues(options, directory, stack)


def _start_venues(options: StackOptions, directory: Path, stack: ExitStack) -> dict[str, VenueProcess]:
    started = []
    for name, port in options.venue_ports.items():
        log = directory / f"{name}.log"
        arguments = venue_arguments(name, port, options)
        started.append((name, stack.enter_context(child("sandbox", arguments, log=log, env=os.environ)), log))
    return {name: venue_when_ready(name, process, log) for name, process, log in started}


def venue_arguments(name: str, port: int, options: StackOptions) -> list[str]:
    """The simulated venue's command line."""
    return ["--venue", name, "--port", str(port), "--seed", str(options.seed), *options.sandbox_arguments]


def venue_when_ready(name: str, process: subprocess.Popen[bytes], log: Path) -> VenueProcess:
    """The simulated venue, once it answers. Raises `ChildFailed`."""
    line = first_line(process, log, timeout_s=20)
    try:
        ready = json.loads(line)
    except ValueError:
        raise ChildFailed(f"the simulated {name} did not start: {line}") from None
    accounts = ask("GET", f"{ready['url']}/sim/accounts").raise_for_status().json()["accounts"]
    return VenueProcess(name, ready["url"], ready["ws_url"], process, accounts)


def write_config(
    options: StackOptions, directory: Path, venues: Mapping[str, VenueProcess], secret: str
) -> tuple[Path, list[str]]:
    """The configuration the gateways read, its secrets as files beside it; and the accounts in it."""
    for name in ("tokens", "ids", "seal"):
        (directory / f"{name}.key").write_text(new_seed())
    accounts: dict[str, Any] = {}
    for venue in venues.values():
        for account in venue.accounts:
            name = f"{PREFIXES[venue.name]}-{account['name']}".replace("_", "-")
            accounts[name] = {
                "venue": venue.name,
                "credentials": {
                    field: {"file": str(_write_secret(directory, f"{name}.{field}", value))}
                    for field, value in account["credentials"].items()
                },
            }
    config: dict[str, Any] = {
        "keys": {
            "tokens": [{"file": str(directory / "tokens.key")}],
            "ids": {"file": str(directory / "ids.key")},
            "seal": {"file": str(directory / "seal.key")},
        },
        "venues": {
            venue.name: {"environment": "sandbox", "rest_url": venue.url, "ws_url": venue.ws_url}
            for venue in venues.values()
        },
        "accounts": accounts,
        "clients": {
            CLIENT: {
                "scopes": ["read", "trade"],
                "accounts": dict.fromkeys(accounts, "own"),
                "key_sha256": [secret_sha256(secret)],
            },
        },
        "server": {"drain_s": 0},  # nobody balances between them
        # The venues began with us, so nobody can have spent their limits before.
        "limiter": {"assume_unspent": True},
        "orders": {"assume_none_sent": True},
    }
    path = directory / "crossgate.yaml"
    path.write_text(yaml.safe_dump(_over(config, options.settings), sort_keys=False))
    return path, sorted(accounts, key=lambda name: not name.endswith("-desk-a"))


def _write_secret(directory: Path, name: str, value: str) -> Path:
    path = directory / name
    path.write_text(value)
    return path


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        merged[key] = _over(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return merged


def _start_gateway(  # noqa: PLR0917 - private to this module
    options: StackOptions, number: int, directory: Path, config: Path, redis_url: str, stack: ExitStack
) -> tuple[subprocess.Popen[bytes], Path]:
    log = directory / f"gateway-{number}.log"
    env = {
        **gateway_environment(config, redis_url, port=options.gateway_port + number if options.gateway_port else 0),
        "CROSSGATE_SERVER__METRICS_PORT": str(options.metrics_port),
    }
    return stack.enter_context(child("gateway", ["serve"], log=log, env=env)), log


def gateway_environment(config: Path, redis_url: str, *, port: int) -> dict[str, str]:
    """Our own environment, for a gateway that shall see no other settings than these."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)},
        "CROSSGATE_CONFIG": str(config),
        "CROSSGATE_REDIS_URL": redis_url,
        "CROSSGATE_SERVER__PORT": str(port),
        "CROSSGATE_SERVER__METRICS_PORT": "0",
    }


def _when_ready(process: subprocess.Popen[bytes], log: Path) -> Gateway:
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        require_running(process, log)
        url = listening_url(log)
        if url is not None and is_ready(url):
            return Gateway(url, process, log)
        time.sleep(0.02)
    raise ChildFailed(f"the gateway was not ready within 20 s; see {log}")


def listening_url(log: Path) -> str | None:
    """Where the gateway says in its log that it listens, once it does."""
    for line in log.read_text(errors="replace").splitlines():
        if '"event": "listening"' in line and line.endswith("}"):
            return str(json.loads(line)["url"])
    return None


def is_ready(url: str) -> bool:
    """Whether the gateway answers, and that all is well."""
    try:
        status = ask("GET", f"{url}/v1/system/status", timeout_s=2).json()
    except httpx.TransportError:
        return False
    return bool(status["data"]["status"] == "ok")

"""The whole set on one machine: Redis, simulated venue, gateways; for the demo and for tests.

Each part is a process of its own, speaking to the others as in production. Nothing is kept when it ends.
"""

import json
import os
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
from gateway.store.embedded import EmbeddedServer

CLIENT = "demo-bot"
ACCOUNT = "desk-a"


@dataclass(frozen=True, slots=True)
class StackOptions:
    """`0` picks a free port; `replicas` gateways share one Redis and one venue."""

    seed: int = 7
    gateway_port: int = 8080
    sandbox_port: int = 9101
    metrics_port: int = 0
    replicas: int = 1
    sandbox_arguments: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Sections of the gateway's configuration, laid over the stack's own."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running set."""

    urls: Sequence[str]
    """One for each gateway."""
    venue_url: str
    api_key: str
    api_secret: str
    account: str
    logs: Path
    redis_url: str


@contextmanager
def running(options: StackOptions) -> Iterator[Stack]:
    """Start the set and end it with the block.

    Call it from the main thread, before any event loop. Raises `ChildFailed`, and what the embedded Redis raises.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crossgate-")))
        redis_url = stack.enter_context(EmbeddedServer(directory / "redis")).url
        venue = _start_sandbox(options, directory, stack)
        accounts = httpx.get(f"{venue['url']}/sim/accounts", trust_env=False).raise_for_status().json()["accounts"]
        secret = new_client_secret()
        config = _write_config(options, directory, venue, accounts, secret)
        urls = [
            _start_gateway(options, number, directory, config, redis_url, stack) for number in range(options.replicas)
        ]
        yield Stack(urls, venue["url"], CLIENT, secret, ACCOUNT, directory, redis_url)


def _start_sandbox(options: StackOptions, directory: Path, stack: ExitStack) -> dict[str, str]:
    log = directory / "sandbox.log"
    arguments = ["--port", str(options.sandbox_port), "--seed", str(options.seed), *options.sandbox_arguments]
    process = stack.enter_context(child("sandbox", arguments, log=log, env=os.environ))
    line = first_line(process, log, timeout_s=20)
    try:
        ready: dict[str, str] = json.loads(line)
    except ValueError:
        raise ChildFailed(f"the sandbox did not start: {line}") from None
    return ready


def _write_config(
    options: StackOptions, directory: Path, venue: Mapping[str, str], accounts: Sequence[Mapping[str, str]], secret: str
) -> Path:
    """The configuration a gateway of this set reads; its secrets are files beside it."""
    for name in ("tokens", "ids", "seal"):
        (directory / f"{name}.key").write_text(new_seed())
    for account in accounts:
        (directory / f"{account['name']}.secret").write_text(account["secret_key"])
        (directory / f"{account['name']}.key").write_text(account["public_key"])
    names = [account["name"] for account in accounts]
    config: dict[str, Any] = {
        "keys": {
            "tokens": [{"file": str(directory / "tokens.key")}],
            "ids": {"file": str(directory / "ids.key")},
            "seal": {"file": str(directory / "seal.key")},
        },
        "venues": {
            venue["venue"]: {"environment": "sandbox", "rest_url": venue["url"], "ws_url": venue["ws_url"]},
        },
        "accounts": {
            name: {
                "venue": venue["venue"],
                "credentials": {
                    "api_key": {"file": str(directory / f"{name}.key")},
                    "api_secret": {"file": str(directory / f"{name}.secret")},
                },
            }
            for name in names
        },
        "clients": {
            CLIENT: {
                "scopes": ["read", "trade"],
                "accounts": dict.fromkeys(names, "own"),
                "key_sha256": [secret_sha256(secret)],
            },
        },
        # The venue began with us, so nobody can have spent its limits before.
        "limiter": {"assume_unspent": True},
    }
    path = directory / "crossgate.yaml"
    path.write_text(yaml.safe_dump(_over(config, options.settings), sort_keys=False))
    return path


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        merged[key] = _over(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return merged


def _start_gateway(  # noqa: PLR0917 - private to this module
    options: StackOptions, number: int, directory: Path, config: Path, redis_url: str, stack: ExitStack
) -> str:
    log = directory / f"gateway-{number}.log"
    port = options.gateway_port + number if options.gateway_port else 0
    env = {
        **os.environ,
        "CROSSGATE_CONFIG": str(config),
        "CROSSGATE_REDIS_URL": redis_url,
        "CROSSGATE_SERVER__PORT": str(port),
        "CROSSGATE_SERVER__METRICS_PORT": str(options.metrics_port),
    }
    process = stack.enter_context(child("gateway", ["serve"], log=log, env=env))
    url = _listening_url(process, log)
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        require_running(process, log)
        if _is_ready(url):
            return url
        time.sleep(0.02)
    raise ChildFailed(f"the gateway was not ready within 20 s; see {log}")


def _listening_url(process: Any, log: Path) -> str:
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        for line in log.read_text(errors="replace").splitlines():
            if '"event": "listening"' in line and line.endswith("}"):
                return str(json.loads(line)["url"])
        require_running(process, log)
        time.sleep(0.02)
    raise ChildFailed(f"the gateway did not listen within 20 s; see {log}")


def _is_ready(url: str) -> bool:
    try:
        status = httpx.get(f"{url}/v1/system/status", trust_env=False, timeout=2).json()
    except httpx.TransportError:
        return False
    return bool(status["data"]["status"] == "ok")

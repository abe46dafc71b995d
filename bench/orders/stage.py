"""What is measured and what it stands beside: venue, Redis and gateway, and nginx, each a process of its own.

Gateway and nginx have the measured core; the venue, Redis and whoever sends share the other one.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from nacl.signing import SigningKey

from bench.cores import driving_core, measured_core
from bench.orders.load import Address
from bench.orders.venue import HOST
from gateway.auth.secrets import new_client_secret
from gateway.cli.children import child, first_line, require_running
from gateway.cli.loopback import ask
from gateway.cli.stack import (
    CLIENT,
    StackOptions,
    VenueProcess,
    gateway_environment,
    is_ready,
    listening_url,
    write_config,
)
from gateway.store.embedded import EmbeddedServer

READY_S = 20
SEED = bytes(32)
"""Of the account's key: the venue does not look at signatures."""
NO_LIMIT = 10**9
_NGINX = """
worker_processes 1; daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log error;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
  uwsgi_temp_path {directory}; scgi_temp_path {directory};
  upstream venue {{ server {host}:{venue_port}; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen {host}:{port};
    location / {{ proxy_pass http://venue; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """Who is asked, where, and with what."""

    address: Address
    requests: Iterator[bytes]
    pid: int


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process and its children have used."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    fields = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in (str(pid), *children)]
    return sum(int(of_one[11]) + int(of_one[12]) for of_one in fields) / os.sysconf("SC_CLK_TCK")


@contextmanager
def staged() -> Iterator[Mapping[str, Measured]]:
    """All of it: the gateway, nginx, and the venue by itself."""
    before, measured, driving = os.sched_getaffinity(0), measured_core(), driving_core()
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, before)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crossgate-bench-")))
        os.sched_setaffinity(0, {driving})  # children are born where we are
        port = _free_port()
        url, log = f"http://{HOST}:{port}", directory / "venue.log"
        process = stack.enter_context(child("bench.orders.venue", [str(port)], log=log, env=os.environ))
        first_line(process, log, timeout_s=READY_S)
        credentials = {"api_key": _text(bytes(SigningKey(SEED).verify_key)), "api_secret": _text(SEED)}
        venue = VenueProcess(
            "backpack", url, url.replace("http", "ws"), process, [{"name": "bench", "credentials": credentials}]
        )
        redis = stack.enter_context(
            EmbeddedServer(directory / "redis")
        )  # every write is on the disk when it is answered
        venue_orders = _venue_orders()
        os.sched_setaffinity(0, {measured})
        everybody = {
            "gateway": _gateway(directory, redis, venue, stack),
            "nginx": _nginx(directory, port, venue_orders, stack),
            "venue": Measured((HOST, port), venue_orders, process.pid),
        }
        os.sched_setaffinity(0, {driving})
        yield everybody


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _gateway(directory: Path, redis: EmbeddedServer, venue: VenueProcess, stack: ExitStack) -> Measured:
    secret = new_client_secret()
    lots = {rule: {"limit": NO_LIMIT, "period_ms": 60_000} for rule in ("account", "ip")}
    options = StackOptions(
        settings={"venues": {venue.name: {"limits": lots}}, "server": {"client_requests_per_s": NO_LIMIT}}
    )
    config, (account,) = write_config(options, directory, {venue.name: venue}, secret)
    log = directory / "gateway.log"
    environment = gateway_environment(config, redis.url, port=0)
    process = stack.enter_context(child("gateway", ["serve"], log=log, env=environment))
    url = _when_ready(process, log)
    credentials = {"api_key": CLIENT, "api_secret": secret}
    token = ask("POST", f"{url}/v1/auth/token", json=credentials).raise_for_status().json()["data"]["token"]
    host, _, port = url.removeprefix("http://").partition(":")
    return Measured((host, int(port)), _orders(account, token), process.pid)


def _when_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    give_up = time.monotonic() + READY_S
    while time.monotonic() < give_up:
        require_running(process, log)
        if (url := listening_url(log)) is not None and is_ready(url):
            return url
        time.sleep(0.05)
    raise TimeoutError(f"the gateway was not ready within {READY_S} s: {log.read_text()[-2000:]}")


def _nginx(directory: Path, venue_port: int, requests: Iterator[bytes], stack: ExitStack) -> Measured:
    program = shutil.which("nginx")
    if program is None:
        raise FileNotFoundError("no nginx here; the Debian package nginx-light has it")
    port = _free_port()
    config = directory / "nginx.conf"
    config.write_text(_NGINX.format(directory=directory, host=HOST, port=port, venue_port=venue_port))
    process = subprocess.Popen([program, "-c", str(config), "-e", str(directory / "error.log")])
    stack.callback(process.wait, 10)
    stack.callback(process.terminate)
    give_up = time.monotonic() + READY_S
    while time.monotonic() < give_up:
        with suppress(OSError), socket.create_connection((HOST, port)):
            return Measured((HOST, port), requests, process.pid)
        time.sleep(0.02)
    raise TimeoutError(f"nginx was not ready within {READY_S} s")


def _orders(account: str, token: str) -> Iterator[bytes]:
    """A bot's orders, each with an id of its own."""
    for number in count():
        body = {
            "account": account,
            "symbol": "SOL-USDC",
            "side": "buy",
            "type": "limit",
            "price": "120.50",
            "quantity": "0.05",
            "client_order_id": f"bench-{number:012}",
        }
        yield _post("/v1/orders", json.dumps(body).encode(), f"Authorization: Bearer {token}")


def _venue_orders() -> Iterator[bytes]:
    """The same orders as they reach the venue; it does not look at signatures, so one does for all."""
    for number in count(1):
        body = {
            "clientId": number,
            "orderType": "Limit",
            "price": "120.5",
            "quantity": "0.05",
            "side": "Bid",
            "symbol": "SOL_USDC",
            "timeInForce": "GTC",
        }
        signature = (
            "X-API-Key: " + "k" * 44,
            "X-Timestamp: 1700000000000",
            "X-Window: 2000",
            "X-Signature: " + "s" * 88,
        )
        yield _post("/api/v1/order", json.dumps(body).encode(), *signature)


def _post(path: str, body: bytes, *headers: str) -> bytes:
    lines = (f"POST {path} HTTP/1.1", f"Host: {HOST}", "Content-Type: application/json", f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, *headers)).encode() + b"\r\n\r\n" + body


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])

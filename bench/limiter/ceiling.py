"""What Redis does by itself: the limiter's own script for one unit of one rule, as fast as a pipeline of 16 asks."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import hiredis

from adapters.contract import CallKind
from bench.limiter.ours import ACCOUNT, NO_LIMIT, VENUE, limits_of
from gateway.limiter import LimiterSettings
from gateway.limiter.claims import RANKS, Wanted
from gateway.limiter.redis_spend import SharedBudget
from gateway.limiter.rules import Rulebook
from gateway.store import keys
from gateway.store.scripts import Script
from gateway.store.wire import Argument, pack

PIPELINE = 16
CONNECTIONS = 20
MEASURED_S = 1.5


class _Written(list[tuple[Script, Sequence[Argument], Sequence[Argument]]]):
    """A store that only writes down what it is asked to run."""

    def run(self, script: Script, names: Sequence[Argument], args: Sequence[Argument] = ()) -> None:
        self.append((script, names, args))


def script_call() -> tuple[Script, list[Argument]]:
    """The script, and its call for one unit, as the limiter makes it."""
    settings, rules = LimiterSettings(), limits_of(NO_LIMIT, 1000)
    route = Rulebook(VENUE, rules, settings).route("call", ACCOUNT, "default")
    written = _Written()
    budget = SharedBudget(written, keys.limit_epoch(VENUE), route.rules, settings.hard_timeout_s)  # type: ignore[arg-type]  # it only runs scripts
    calls = tuple(int(kind is CallKind.ORDER) for kind in CallKind)
    budget.spend(budget.asks(route.units), Wanted(calls, calls, (1,) * RANKS, asker=1))
    ((script, names, args),) = written
    return script, ["EVALSHA", script.sha, len(names), *names, *args]


def benchmark_program() -> str | None:
    return shutil.which("redis-benchmark") or shutil.which("valkey-benchmark")


def per_s(host: str, port: int) -> float:
    """Decisions per second of the script alone: by the server's own benchmark, else by a pipeline of ours."""
    script, call = script_call()
    with socket.create_connection((host, port)) as connection:
        _ask(connection, pack("SET", keys.limit_epoch(VENUE), 0, "NX"))
        _ask(connection, pack("SCRIPT", "LOAD", script.source))
        granted = _ask(connection, pack(*call))[0]
        if granted != 1:
            raise RuntimeError("the script grants nothing, so its speed says nothing")
        program = benchmark_program()
        return _pipelined(connection, pack(*call)) if program is None else _benchmarked(program, host, port, call)


def _benchmarked(program: str, host: str, port: int, call: Sequence[Argument]) -> float:
    options = ["-h", host, "-p", str(port), "-P", str(PIPELINE), "-c", str(CONNECTIONS), "-n", "60000", "-q"]
    words = [word.decode() if isinstance(word, bytes) else str(word) for word in call]
    told = subprocess.run([program, *options, *words], capture_output=True, text=True, check=True, timeout=60)
    found = re.findall(r"([\d.]+) requests per second", told.stdout)
    return float(found[-1])


def _pipelined(connection: socket.socket, call: bytes) -> float:
    """As many in flight as the benchmark keeps; calls are packed once and replies only counted."""
    reader = hiredis.Reader()
    lot = call * PIPELINE
    connection.sendall(lot * CONNECTIONS)
    answered, sent, began_s = 0, CONNECTIONS, time.perf_counter()
    while time.perf_counter() < began_s + MEASURED_S:
        reader.feed(connection.recv(1 << 16))
        while reader.gets() is not False:
            answered += 1
        due = answered // PIPELINE + CONNECTIONS - sent
        connection.sendall(lot * due)
        sent += due
    return answered / (time.perf_counter() - began_s)


def _ask(connection: socket.socket, command: bytes) -> Any:
    reader = hiredis.Reader()
    connection.sendall(command)
    while (reply := reader.gets()) is False:
        reader.feed(connection.recv(1 << 16))
    if isinstance(reply, hiredis.ReplyError):
        raise reply
    return reply

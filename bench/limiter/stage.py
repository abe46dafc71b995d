"""A Redis, a judge and replicas as processes, for one scene; all end with its block."""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.limiter.redis import BenchRedis, running
from bench.limiter.replica import Spec
from gateway.store.embedded import die_with_parent


class Stage:
    """What is on it: `redis`, and `replicas` as the processes they are now."""

    def __init__(self, redis: BenchRedis, folder: Path, limit: int, period_ms: int):
        self.redis = redis
        self.road, self._desk = str(folder / "road"), str(folder / "desk")
        self._specs: list[Spec] = []
        self.replicas: list[subprocess.Popen[bytes]] = []
        spec = {"road": self.road, "desk": self._desk, "limit": limit, "period_ms": period_ms}
        self._judge = _process("bench.limiter.judge", json.dumps(spec), stdout=subprocess.PIPE)
        assert self._judge.stdout is not None  # noqa: S101 - asked for above
        self._judge.stdout.readline()

    def enter(self, specs: Sequence[Spec]) -> None:
        """Start these replicas."""
        self._specs += specs
        self.replicas += [_process("bench.limiter.replica", spec.text()) for spec in specs]

    def kill(self, index: int) -> None:
        """`kill -9` a replica, and start another in its place."""
        self.replicas[index].kill()
        self.replicas[index].wait()
        self.replicas[index] = _process("bench.limiter.replica", self._specs[index].text())

    def report(self) -> dict[str, Any]:
        """What the judge has seen. Raises `RuntimeError` if a replica has ended by itself."""
        if any(replica.poll() is not None for replica in self.replicas):
            raise RuntimeError("a replica has ended by itself")
        report: dict[str, Any] = self._ask(b"report\n")
        return report

    def times_us(self) -> list[int]:
        """When the first requests arrived, as many as the judge keeps."""
        times: list[int] = self._ask(b"times\n")
        return times

    def wait_for(self, arrivals: int, within_s: float) -> dict[str, Any]:
        """Wait until so many have arrived. Raises `TimeoutError`."""
        until_s = time.monotonic() + within_s
        while (report := self.report())["arrivals"] < arrivals:
            if time.monotonic() > until_s:
                raise TimeoutError(f"{report['arrivals']} of {arrivals} requests arrived within {within_s} s")
            time.sleep(0.05)
        return report

    def clear(self) -> None:
        for process in (*self.replicas, self._judge):
            process.kill()
            process.wait()
        if self._judge.stdout is not None:
            self._judge.stdout.close()

    def _ask(self, what: bytes) -> Any:
        with socket.socket(socket.AF_UNIX) as desk:
            desk.connect(self._desk)
            desk.sendall(what)
            told = b""
            while part := desk.recv(1 << 16):
                told += part
        return json.loads(told)


@contextmanager
def staged(limit: int, period_ms: int, *, is_durable: bool = False) -> Iterator[Stage]:
    """A stage without replicas yet. A durable Redis keeps what it was told over being killed."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with running(folder / "data" if is_durable else None) as redis:
            stage = Stage(redis, folder, limit, period_ms)
            try:
                yield stage
            finally:
                stage.clear()


def _process(module: str, spec: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", module, spec],
        stdout=stdout,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - no other thread runs
    )

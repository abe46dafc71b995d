"""Replicas of the gateway at the price of a fork: a process of our own imports it once, and forks them."""

import json
import os
import select
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.cli.children import ChildFailed
from gateway.store.embedded import die_with_parent
from tests.harness.birth import Birth

_ROOT = Path(__file__).parents[2]


class Forked:
    """A child of the nursery, with what we use of `Popen`. Its pid is its own until `poll` or `wait` saw it end."""

    def __init__(self, nursery: "Nursery", pid: int):
        self._nursery = nursery
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Raises `TimeoutError`."""
        if self.poll() is None:
            ended = os.pidfd_open(self.pid)
            try:
                select.select([ended], [], [], timeout)
            finally:
                os.close(ended)
        if (code := self.poll()) is None:
            raise TimeoutError(f"process {self.pid} has not ended within {timeout:.0f} s")
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Nursery:
    """Lives as long as its block, and its children no longer. Enter it from the main thread."""

    def __init__(self, log: Path):
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    def fork(self, birth: Birth) -> Forked:
        """Start a replica; the first one waits until the gateway is imported."""
        return Forked(self, int(self.ask({"fork": birth})))

    def ask(self, order: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{json.dumps(order)}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failed() from None
        answer = self._process.stdout.readline()
        if not answer:
            raise self._failed()
        return json.loads(answer)

    def _failed(self) -> ChildFailed:
        return ChildFailed(f"what forks replicas has ended:\n{self._log.read_text(errors='replace')}")

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.harness.replica"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=_ROOT,
                preexec_fn=partial(die_with_parent, signal.SIGKILL),  # noqa: PLW1509 - it calls the kernel alone
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

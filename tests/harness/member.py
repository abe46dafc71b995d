"""One process of a fleet that has an address, through as many lives as a test gives it."""

import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from tests.harness.fault_proxy import HOST, FaultProxy

_END_S = 15.0


class Process(Protocol):
    """What is common to those we start ourselves and those we have forked."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...
    def send_signal(self, number: signal.Signals, /) -> None: ...


class Member(ABC):
    """Others reach it through `fronts`, which refuse connections while it is not up."""

    def __init__(self, fronts: Sequence[FaultProxy]):
        self._fronts = fronts
        self._process: Process | None = None

    @abstractmethod
    def _spawn(self) -> Process: ...

    @abstractmethod
    def _wait_until_up(self, process: Process) -> int:
        """The port it listens on."""

    @property
    def pid(self) -> int:
        """Of its present or last life."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Paused or not."""
        return self._process is not None and self._process.poll() is None

    def begin(self) -> None:
        """Start it, without waiting."""
        self._process = self._spawn()

    def wait_until_up(self) -> None:
        """After `begin`. Raises `ChildFailed`."""
        assert self._process is not None
        port = self._wait_until_up(self._process)
        for front in self._fronts:
            front.retarget(HOST, port)
            front.accept()

    def start(self) -> None:
        """Start it, or start it again after its end; returns when it is up. From the main thread only."""
        self.begin()
        self.wait_until_up()

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """SIGTERM, and wait until it has ended; its exit code. Raises `TimeoutError`."""
        return self._end(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, and do not wait for what comes of it."""
        assert self._process is not None
        self._process.send_signal(number)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.send(signal.SIGCONT)

    def restart(self) -> None:
        """`kill` and `start`."""
        self.kill()
        self.start()

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(str(error)) from None
        for front in self._fronts:
            front.refuse()
        return code

"""A simulated venue of the fleet."""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from gateway.cli.children import child
from gateway.cli.stack import StackOptions, VenueProcess, venue_arguments, venue_when_ready
from gateway.cli.venue_control import VenueControl
from tests.harness.fault_proxy import FaultProxy
from tests.harness.member import Member, Process


class Venue(Member):
    """Started again it is where it was, and has forgotten everything."""

    def __init__(self, name: str, options: StackOptions, directory: Path, fronts: Sequence[FaultProxy]):
        super().__init__(fronts)
        self.name = name
        self._options = options
        self._directory = directory
        self._life = ExitStack()
        self._lives = 0
        self._port = 0
        self._popen: subprocess.Popen[bytes] | None = None
        self.known: VenueProcess | None = None

    @property
    def url(self) -> str:
        """Past all proxies, for its control plane and its ledger."""
        assert self.known is not None
        return self.known.url

    @property
    def control(self) -> VenueControl:
        return VenueControl(self.url)

    @property
    def log(self) -> Path:
        """Of its present life."""
        return self._directory / f"{self.name}.{self._lives}.log"

    def close(self) -> None:
        self._life.close()

    def _spawn(self) -> Process:
        self._life.close()
        self._lives += 1
        arguments = venue_arguments(self.name, self._port, self._options)
        self._popen = self._life.enter_context(
            child("sandbox", arguments, log=self.log, env=os.environ, death_signal=signal.SIGKILL)
        )
        return self._popen

    def _wait_until_up(self, process: Process) -> int:
        assert self._popen is process
        self.known = venue_when_ready(self.name, self._popen, self.log)
        self._port = int(self.known.url.rpartition(":")[2])
        return self._port

"""A Redis of the bench's own, on a free port of this machine and on the measured core."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cores import measured_core
from gateway.store.embedded import EmbeddedServer

HOST = "127.0.0.1"


class BenchRedis:
    """Listens on the same port after every start. With `data_dir` it keeps what it was told over them."""

    def __init__(self, data_dir: Path | None = None):
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = int(probe.getsockname()[1])
        # What was written survives the end of the process without being forced to the disk, which would slow everybody.
        arguments = ("--bind", HOST, "--port", str(self.port), "--appendfsync", "everysec")
        self._server = EmbeddedServer(data_dir, arguments=arguments)

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        self._server.start()
        if self._server.process is not None:
            os.sched_setaffinity(self._server.process.pid, {measured_core()})

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        if self._server.process is not None:
            self._server.process.kill()
            self._server.process.wait()

    def stop(self) -> None:
        self._server.stop()


@contextmanager
def running(data_dir: Path | None = None) -> Iterator[BenchRedis]:
    redis = BenchRedis(data_dir)
    try:
        redis.start()
        yield redis
    finally:
        redis.stop()

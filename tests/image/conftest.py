"""The image, with a real Redis and simulated venues beside it."""

import os
import shlex
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.cli.stack import StackOptions, VenueProcess, write_config
from tests.image.container import Image, mounted, seconds_until, waited_for_core_s
from tests.redis_process import RedisProcess

SECRET = "cgs_" + "s" * 43


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    with mounted(shlex.split(os.environ["BUILDAH"]), "localhost/crossgate") as found:
        yield found


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisProcess]:
    with RedisProcess(tcp=True) as started:
        yield started


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory, crossgate_sandbox: Mapping[str, VenueProcess]) -> Path:
    """What is mounted at /etc/crossgate: crossgate.yaml and the secrets it names."""
    directory = tmp_path_factory.mktemp("config")
    path, _ = write_config(StackOptions(), directory, crossgate_sandbox, SECRET)
    path.write_text(path.read_text().replace(str(directory), "/etc/crossgate"))
    for file in directory.iterdir():
        file.chmod(0o440)
        os.chown(file, 0, 10001)
    directory.chmod(0o555)
    return directory


@dataclass
class Running:
    """The gateway in the image, idle since it became ready."""

    url: str
    process: "subprocess.Popen[str]"
    ready_s: float
    """From start to ready, less the time in which other work had the cores; of two starts the faster."""


@pytest.fixture(scope="session")
def running(image: Image, redis: RedisProcess, config: Path) -> Iterator[Running]:
    command = [*image.config["Entrypoint"], *image.config["Cmd"]]
    starts: list[float] = []
    for is_last in (False, True):
        port, metrics_port = _free_ports()
        process = image.start(
            command,
            config,
            CROSSGATE_REDIS_URL=redis.url,
            CROSSGATE_SERVER__PORT=str(port),
            CROSSGATE_SERVER__METRICS_PORT=str(metrics_port),
        )
        try:
            took_s = seconds_until(port, "/readyz", process)
            starts.append(took_s - waited_for_core_s(process.pid))
            if is_last:
                yield Running(f"http://127.0.0.1:{port}", process, min(starts))
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]

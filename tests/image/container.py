"""Runs the built image as Kubernetes would: its own user, no capabilities, a root mounted read-only, /tmp in memory.

buildah keeps the image; the mounts are made in a namespace of their own, so that they go with the process. The network
is the machine's: Redis and the simulated venues listen on loopback.
"""

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

_ENTER = """
mount --bind "$ROOT" "$ROOT" && mount -o remount,bind,ro "$ROOT"
mount -t tmpfs -o mode=1777,size=16m tmpfs "$ROOT/tmp"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
mount --bind "$CONFIG" "$ROOT/etc/crossgate" && mount -o remount,bind,ro "$ROOT/etc/crossgate"
exec chroot "$ROOT" /usr/bin/setpriv --reuid "${USER%:*}" --regid "${USER#*:}" --clear-groups \\
  --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
"""


@dataclass
class Image:
    """A built image, its files under `root`."""

    buildah: Sequence[str]
    name: str
    root: Path

    @cached_property
    def description(self) -> dict[str, Any]:
        """As Docker describes an image: `config` holds the user, the command and the labels."""
        command = [*self.buildah, "inspect", "--type", "image", self.name]
        told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return dict(told["Docker"])

    @property
    def config(self) -> dict[str, Any]:
        return dict(self.description["config"])

    @cached_property
    def size_mib(self) -> float:
        """Of all layers, unpacked."""
        listed = json.loads(
            subprocess.run([*self.buildah, "images", "--json", self.name], check=True, capture_output=True).stdout
        )
        number, unit = listed[0]["size"].split()
        return float(number) * {"MB": 1e6, "GB": 1e9}[unit] / 2**20

    def start(self, command: Sequence[str], config: Path, **variables: str) -> "subprocess.Popen[str]":
        """Run `command` in it with `config` at /etc/crossgate; the process started is the command itself."""
        for mount_point in ("etc/crossgate", "tmp", "proc", "dev"):
            (self.root / mount_point).mkdir(exist_ok=True)
        env = dict(entry.split("=", 1) for entry in self.config["Env"])
        # What the entering shell needs goes by names that the image does not use.
        entering = {"ROOT": str(self.root), "CONFIG": str(config), "USER": self.config["User"]}
        return subprocess.Popen(
            ["unshare", "--mount", "sh", "-ec", _ENTER, "enter", *command],
            env=env | entering | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: Sequence[str], config: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run `command` to its end."""
        process = self.start(command, config, **variables)
        told, _ = process.communicate(timeout=50)
        return subprocess.CompletedProcess(command, process.returncode, told)


@contextmanager
def mounted(buildah: Sequence[str], name: str) -> Iterator[Image]:
    """A container of the image, for as long as the block."""

    def call(*arguments: str) -> str:
        return subprocess.run([*buildah, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    container = call("from", "--pull-never", name)
    try:
        yield Image(buildah, name, Path(call("mount", container)))
    finally:
        call("rm", container)


def seconds_until(port: int, path: str, process: "subprocess.Popen[str]", *, at_most_s: float = 60) -> float:
    """Wait until `path` answers 200, and say how long that took."""
    began = time.monotonic()
    while (waited_s := time.monotonic() - began) < at_most_s:
        if process.poll() is not None:
            raise AssertionError(f"it ended: {process.communicate()[0]}")
        connection = HTTPConnection("127.0.0.1", port, timeout=1)  # the lightest there is: it shares the cores
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return waited_s
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.01)
    raise AssertionError(f"{path} did not answer 200 within {at_most_s} s")


def waited_for_core_s(pid: int) -> float:
    """How long the process has stood in the queue for a core so far: on a machine without other work, not at all."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9

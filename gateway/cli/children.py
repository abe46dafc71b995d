"""Child processes that end with us."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from gateway.store.embedded import die_with_parent

_STOP_S = 15.0


class ChildFailed(Exception):
    """A child ended before it was ready; the message ends with what it last said."""


@contextmanager
def child(
    module: str,
    arguments: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    death_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m module`, its output going to `log`.

    It is ended with the block; when we die, the kernel sends it `death_signal`.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            preexec_fn=partial(die_with_parent, death_signal),  # noqa: PLW1509 - the parent has no threads yet
            start_new_session=True,  # Ctrl-C is for the parent, which ends its children in order
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def first_line(process: subprocess.Popen[bytes], log: Path, *, timeout_s: float) -> str:
    """The first whole line the child says. Raises `ChildFailed`."""
    give_up = time.monotonic() + timeout_s
    while time.monotonic() < give_up:
        line, newline, _ = log.read_text(errors="replace").partition("\n")
        if newline:
            return line
        require_running(process, log)
        time.sleep(0.02)
    raise ChildFailed(f"said nothing for {timeout_s:.0f} s; see {log}")


def require_running(process: subprocess.Popen[bytes], log: Path) -> None:
    """Raises `ChildFailed` if the child has ended."""
    if process.poll() is not None:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        raise ChildFailed(f"ended with code {process.returncode}:\n{tail}")

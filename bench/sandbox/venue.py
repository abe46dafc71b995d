"""A simulated venue as a process on the measured core."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.cores import measured_core

NO_LIMIT = 10**9


@dataclass(frozen=True, slots=True)
class RunningVenue:
    """Where it listens, and the accounts it lists."""

    host: str
    port: int
    accounts: Mapping[str, Mapping[str, Any]]


@contextmanager
def running(venue: str, *classes: str, arguments: tuple[str, ...] = ()) -> Iterator[RunningVenue]:
    """Run one for the block, the named classes of requests without a limit."""
    options = [part for name in classes for part in ("--limit", f"{name}={NO_LIMIT}")]
    core = measured_core()
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--venue", venue, "--port", "0", "--with-parent", *options, *arguments],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509 - no threads yet
    )
    try:
        assert process.stdout is not None  # noqa: S101 - asked for above
        ready = json.loads(process.stdout.readline())
        with urllib.request.urlopen(f"{ready['url']}/sim/accounts") as answer:  # noqa: S310 - loopback
            accounts = {account["name"]: account for account in json.load(answer)["accounts"]}
        host, _, port = ready["url"].removeprefix("http://").partition(":")
        yield RunningVenue(host, int(port), accounts)
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()

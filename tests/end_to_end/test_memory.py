"""What an idle replica costs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.stack import Stack, StackOptions, running

MOST_MIB = 150


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running(StackOptions()) as started:
        yield started


def test_an_idle_replica_takes_less_than_150_mib(stack: Stack) -> None:
    [gateway] = stack.gateways
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{gateway.process.pid}/status").read_text())
    assert match is not None
    resident_mib = int(match[1]) / 1024
    print(f"\nidle gateway: {resident_mib:.1f} MiB resident")
    assert resident_mib < MOST_MIB

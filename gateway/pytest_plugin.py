"""pytest fixtures for whoever tests a bot: the whole set on this machine, or simulated venues alone.

Loaded by every pytest run of an environment that has this package, so importing it imports nothing else of it.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gateway.cli.stack import Stack, StackOptions, VenueProcess


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings of the fixtures, for a pytest configuration file."""
    parser.addini("crossgate_seed", "seed of Crossgate's simulated markets", default="7")
    parser.addini("crossgate_venues", "simulated venues to start", type="args", default=["backpack", "zanbara"])
    parser.addini(
        "crossgate_sandbox_arguments", "further options of `crossgate sandbox`, as on its command line", type="args"
    )


@pytest.fixture(scope="session")
def crossgate_stack_options(pytestconfig: pytest.Config) -> "StackOptions":
    """What both sets are started with; override it for anything the configuration file has no word for."""
    from gateway.cli.stack import StackOptions  # noqa: PLC0415 - only who asks for a set pays for it

    return StackOptions(
        seed=int(pytestconfig.getini("crossgate_seed")),
        venue_ports=dict.fromkeys(pytestconfig.getini("crossgate_venues"), 0),
        sandbox_arguments=pytestconfig.getini("crossgate_sandbox_arguments"),
    )


@pytest.fixture(scope="session")
def crossgate_stack(crossgate_stack_options: "StackOptions") -> "Iterator[Stack]":
    """Redis, simulated venues and a gateway: `url`, `ws_url`, `api_key`, `api_secret`, `token()`, `venues`."""
    from gateway.cli.stack import running  # noqa: PLC0415

    with running(crossgate_stack_options) as started:
        yield started


@pytest.fixture(scope="session")
def crossgate_sandbox(crossgate_stack_options: "StackOptions") -> "Iterator[Mapping[str, VenueProcess]]":
    """Simulated venues by name, without a gateway: `url`, `ws_url`, `accounts`, `control`."""
    from gateway.cli.stack import running_venues  # noqa: PLC0415

    with running_venues(crossgate_stack_options) as venues:
        yield venues

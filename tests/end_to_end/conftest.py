"""One set of real processes for all tests that leave it as they found it; the others start their own."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest

from gateway.auth.secrets import new_client_secret, secret_sha256
from gateway.cli.stack import Stack, StackOptions, running
from tests.end_to_end.bots import Bot, VenueControl, bot_of, venue_of

OTHER_CLIENTS: Mapping[str, dict[str, Any]] = {
    "reader": {"scopes": ["read"], "accounts": {"bp-desk-a": "own"}},
    "elsewhere": {"scopes": ["read", "trade"], "accounts": {"bp-desk-a": "own"}, "ip_allow": ["203.0.113.0/24"]},
    "neighbour": {"scopes": ["read", "trade"], "accounts": {"bp-desk-a": "own"}},
    "supervisor": {"scopes": ["read", "cancel"], "accounts": {"bp-desk-a": "account"}},
}


@pytest.fixture(scope="session")
def client_secrets() -> Mapping[str, str]:
    """Secrets of the clients beside the stack's own."""
    return {name: new_client_secret() for name in OTHER_CLIENTS}


@pytest.fixture(scope="session")
def stack(client_secrets: Mapping[str, str]) -> Iterator[Stack]:
    """Two replicas that log all they can; modules that break things override it."""
    clients = {
        name: {**config, "key_sha256": [secret_sha256(client_secrets[name])]} for name, config in OTHER_CLIENTS.items()
    }
    with running(StackOptions(replicas=2, settings={"clients": clients, "log": {"level": "DEBUG"}})) as started:
        yield started


@pytest.fixture
async def bot(stack: Stack) -> AsyncIterator[Bot]:
    """A bot at the first replica."""
    async with bot_of(stack) as one:
        yield one


@pytest.fixture
async def other_bot(stack: Stack) -> AsyncIterator[Bot]:
    """The same client at the second replica."""
    async with bot_of(stack, 1) as one:
        yield one


@pytest.fixture
async def venue(stack: Stack) -> AsyncIterator[VenueControl]:
    async with venue_of(stack) as control:
        yield control

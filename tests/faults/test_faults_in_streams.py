"""What goes wrong between a venue's streams, the replicas and the clients' sockets, with real processes."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import yaml
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from gateway.auth.secrets import secret_sha256
from tests.end_to_end.bots import Bot, bot_of, eventually
from tests.faults.fleets import hear, hear_of, quick, say, socket_of
from tests.harness.fleet import Fleet, fleet


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    with fleet(quick()) as started:
        yield started


@pytest.fixture
def ours(shared: Fleet) -> Iterator[Fleet]:
    yield shared
    shared.heal()


@pytest.fixture
async def bot(ours: Fleet) -> AsyncIterator[Bot]:
    async with bot_of(ours) as one:
        yield one


# --- clients


CLIENT = "demo-bot"
LOSSES: dict[str, Callable[[dict[str, Any]], None]] = {
    "its secret": lambda client: client.update(key_sha256=[secret_sha256("another")]),
    "a scope": lambda client: client.update(scopes=["read"]),
    "an account": lambda client: client["accounts"].__delitem__("zb-desk-b"),
    "its address": lambda client: client.update(ip_allow=["203.0.113.9"]),
}


async def reconfigure(ours: Fleet, change: Callable[[dict[str, Any]], None]) -> None:
    """Have the first replica take up a change of the client."""
    path = ours.directory / "crossgate.yaml"
    config = yaml.safe_load(path.read_text())
    change(config["clients"][CLIENT])
    taken_up = ours.replicas[0].log.read_text().count("configuration_taken_up")
    path.write_text(yaml.safe_dump(config))
    ours.replicas[0].send(signal.SIGHUP)

    async def is_taken_up() -> bool:
        return ours.replicas[0].log.read_text().count("configuration_taken_up") == taken_up + 1

    await eventually(is_taken_up, what="the configuration is taken up")


async def follow_orders(socket: ClientConnection, account: str) -> None:
    await say(socket, op="subscribe", channel="orders", account=account)
    await hear_of(socket, type="replay_complete")


@pytest.fixture
async def configuration(ours: Fleet) -> AsyncIterator[None]:
    """As it was, also afterwards."""
    text = (ours.directory / "crossgate.yaml").read_text()
    yield
    config = yaml.safe_load(text)["clients"][CLIENT]

    def restore(client: dict[str, Any]) -> None:
        client.clear()
        client.update(config)

    await reconfigure(ours, restore)


@pytest.mark.usefixtures("configuration")
async def test_a_client_that_is_granted_more_is_served_on_its_open_socket(ours: Fleet, bot: Bot) -> None:
    async with socket_of(ours, bot.token) as socket, bot_of(ours, 1) as other:
        await follow_orders(socket, bot.account)
        await reconfigure(ours, lambda client: client["key_sha256"].append(secret_sha256("another")))
        order = await other.rest()
        assert (await hear_of(socket, channel="orders"))["data"]["order_id"] == order["order_id"]


@pytest.mark.usefixtures("configuration")
@pytest.mark.parametrize("lost", LOSSES)
async def test_a_client_that_lost_anything_is_closed_and_told_so(ours: Fleet, bot: Bot, lost: str) -> None:
    async with socket_of(ours, bot.token) as socket, socket_of(ours) as stranger:
        await follow_orders(socket, bot.account)
        await reconfigure(ours, LOSSES[lost])
        with pytest.raises(ConnectionClosed):
            await hear(socket)
        assert socket.close_code == 4101
        await say(stranger, type="ping")
        assert (await hear(stranger))["type"] == "pong", "who never logged in lost nothing"

"""What goes wrong between a venue's streams, the replicas and the clients' sockets, with real processes."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import yaml
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from gateway.auth.secrets import secret_sha256
from tests.end_to_end.bots import Bot, answered, bot_of, eventually
from tests.faults.fleets import hear, hear_of, quick, say, socket_of
from tests.harness.fault_proxy import HOST, Connections
from tests.harness.faults import HalfOpen
from tests.harness.fleet import Fleet, fleet


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    options = quick()
    with fleet(replace(options, settings={**options.settings, "server": {"request_timeout_s": 1}})) as started:
        yield started


@pytest.fixture
def ours(shared: Fleet) -> Iterator[Fleet]:
    yield shared
    shared.heal()


@pytest.fixture
async def bot(ours: Fleet) -> AsyncIterator[Bot]:
    async with bot_of(ours) as one:
        yield one


# --- venues' streams


BOOKS = {"backpack": ("SOL-USDC", "SOL_USDC", "depth.*"), "zanbara": ("SOL-USDC-PERP", "SOL-PERP", "orderbook.*")}
"""Our symbol, the venue's, and what its stream is called."""
SPOILT: dict[str, tuple[str, dict[str, Any]]] = {
    "noise": ("backpack", {"garble": True}),
    "another market's": ("backpack", {"change": {"data.s": "BTC_USDC"}}),
    "no JSON": ("zanbara", {"body": "hello"}),
    "half a frame": ("zanbara", {"truncate": 10}),
    "a goodbye": ("zanbara", {"close": 1001}),
    "lost": ("zanbara", {"withhold": True}),
}


@pytest.mark.parametrize("what", SPOILT)
async def test_a_book_that_cannot_be_trusted_is_said_not_to_be_and_begun_anew(ours: Fleet, what: str) -> None:
    name, do = SPOILT[what]
    symbol, venue_symbol, topic = BOOKS[name]
    venue = ours.venues[name].control
    async with socket_of(ours) as socket:
        await say(socket, op="subscribe", channel="orderbook", venue=name, symbol=symbol)
        await hear_of(socket, type="update", integrity="ok")
        venue.fault(do, match={"topic": topic})
        assert (await hear_of(socket, type="status"))["integrity"] == "resyncing"
        shown = (await hear_of(socket, type="snapshot", integrity="ok"))["data"]
    truth = venue.true_book(venue_symbol, shown["update_id"], depth=10)
    for side in ("bids", "asks"):
        assert numbers(shown[side][:10]) == numbers(truth[side][:10])


def numbers(levels: list[list[str]]) -> list[list[Decimal]]:
    return [[Decimal(cell) for cell in level] for level in levels]


async def test_a_fill_that_comes_before_its_orders_answer_is_told_once(ours: Fleet, bot: Bot) -> None:
    rule = {"match": {"method": "POST", "path": "/api/v1/order"}, "when": "after_execute"}
    async with socket_of(ours, bot.token) as socket:
        await say(socket, op="subscribe", channel="fills", account=bot.account)
        await hear_of(socket, type="replay_complete")
        body = bot.order(price=await bot.taking_price(), time_in_force="IOC")
        ours.venues["backpack"].control.fault({"hang_ms": 500}, **rule)
        async with asyncio.TaskGroup() as tasks:
            placing = tasks.create_task(bot.call("POST", "/v1/orders", body))
            fill = (await hear_of(socket, type="update", channel="fills"))["data"]
            assert not placing.done(), "its answer is still on its way"
        order = answered(placing.result(), 201)
        assert (order["order_id"], order["status"]) == (fill["order_id"], "filled")
        await say(socket, type="ping")
        assert (await hear(socket))["type"] == "pong", "and no second fill"


# --- clients


async def test_a_client_that_is_gone_without_a_word_costs_its_request_and_no_more(ours: Fleet) -> None:
    front = ours.replicas[0].front
    before = front.counts.accepted
    reader, writer = await asyncio.open_connection(HOST, front.port)
    with closing(writer):
        writer.write(b"POST /v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")

        async def is_joined() -> bool:
            return front.counts.accepted > before

        await eventually(is_joined)
        front.set(to_server=HalfOpen(), on=Connections.OPEN)
        writer.write(b" " * 99)
        async with asyncio.timeout(10):
            with suppress(ConnectionResetError):
                await reader.read()


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

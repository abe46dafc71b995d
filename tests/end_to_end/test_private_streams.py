"""Orders and fills reach those they were granted to, in order, on any replica; who was away misses nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from gateway.cli.stack import Stack
from tests.end_to_end.bots import Bot, VenueControl, eventually


@asynccontextmanager
async def socket_of(stack: Stack, token: str, replica: int = 0) -> AsyncIterator[ClientConnection]:
    url = stack.urls[replica].replace("http", "ws", 1) + "/v1/ws"
    async with connect(url, proxy=None, max_queue=None) as socket:
        await socket.send(json.dumps({"op": "auth", "token": token}))
        assert (await receive(socket))["type"] == "authenticated"
        yield socket


async def receive(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        message: dict[str, Any] = json.loads(await socket.recv())
        return message


async def subscribe(socket: ClientConnection, channel: str, account: str, after: str | None = None) -> dict[str, Any]:
    """Subscribe; answers with the first message after the acknowledgement."""
    wish = {"op": "subscribe", "channel": channel, "account": account, "id": 1}
    await socket.send(json.dumps(wish if after is None else {**wish, "after": after}))
    answer = await receive(socket)
    if answer["type"] != "subscribed":
        return answer
    assert (answer["channel"], answer["account"], answer["id"]) == (channel, account, 1)
    return await receive(socket)


async def until(socket: ClientConnection, client_order_id: str, status: str) -> dict[str, Any]:
    """The message that tells of this order in this state."""
    while True:
        message = await receive(socket)
        if (message["data"]["client_order_id"], message["data"]["status"]) == (client_order_id, status):
            return message


@pytest.fixture
async def token(stack: Stack, bot: Bot) -> str:
    answer = await bot.ask("POST", "/v1/auth/token", {"api_key": stack.api_key, "api_secret": stack.api_secret})
    return str(answer["token"])


async def test_an_order_and_its_fill_are_told_on_both_replicas(stack: Stack, bot: Bot, token: str) -> None:
    async with socket_of(stack, token, 0) as one, socket_of(stack, token, 1) as other:
        for socket in (one, other):
            assert (await subscribe(socket, "orders", bot.account))["type"] == "replay_complete"
        body = bot.order(price=await bot.taking_price(), time_in_force="IOC")
        await bot.ask("POST", "/v1/orders", body, status=201)
        for socket in (one, other):
            message = await until(socket, body["client_order_id"], "filled")
            assert (message["channel"], message["account"], message["type"]) == ("orders", bot.account, "update")
            assert message["integrity"] == "ok"
            assert message["data"]["filled_quantity"] == body["quantity"]


async def test_a_fill_names_its_order_and_its_fee(stack: Stack, bot: Bot, token: str) -> None:
    async with socket_of(stack, token) as socket:
        assert (await subscribe(socket, "fills", bot.account))["type"] == "replay_complete"
        body = bot.order(price=await bot.taking_price(), time_in_force="IOC")
        order = await bot.ask("POST", "/v1/orders", body, status=201)
        fill = (await receive(socket))["data"]
        assert fill["order_id"] == order["order_id"]
        assert (fill["side"], fill["liquidity"], fill["symbol"]) == ("buy", "taker", order["symbol"])
        assert float(fill["fee"]) > 0

    async def has_fee() -> bool:
        shown = await bot.find(body["client_order_id"])
        return (shown["fee"], shown["fee_asset"]) == (fill["fee"], fill["fee_asset"])

    await eventually(has_fee, what="the order shows what its trade cost")


async def test_a_client_that_was_away_learns_what_happened(stack: Stack, bot: Bot, token: str) -> None:
    async with socket_of(stack, token) as socket:
        cursor = (await subscribe(socket, "orders", bot.account))["cursor"]
    order = await bot.rest()
    await bot.call("DELETE", f"/v1/orders/{order['order_id']}")
    async with socket_of(stack, token, 1) as socket:
        seen = [await subscribe(socket, "orders", bot.account, cursor)]
        while seen[-1]["type"] != "replay_complete":
            seen.append(await receive(socket))
    mine = [one["data"] for one in seen[:-1] if one["data"]["order_id"] == order["order_id"]]
    assert (mine[0]["status"], mine[-1]["status"]) == ("pending", "cancelled")
    assert [one["version"] for one in mine] == sorted(one["version"] for one in mine)
    assert [one["cursor"] for one in seen] == sorted(one["cursor"] for one in seen)


async def test_an_order_whose_answer_was_lost_is_settled_by_the_stream(
    stack: Stack, bot: Bot, token: str, venue: VenueControl
) -> None:
    async with socket_of(stack, token) as socket:
        await subscribe(socket, "orders", bot.account)
        await venue.spoil({"close": True}, when="after_execute")
        body = bot.order()
        await bot.call("POST", "/v1/orders", body)
        message = await until(socket, body["client_order_id"], "pending")
        assert message["data"]["stage"] == "live"
    await bot.call("DELETE", f"/v1/orders/{message['data']['order_id']}")


async def test_an_order_that_wants_it_is_cancelled_when_its_answer_is_lost(bot: Bot, venue: VenueControl) -> None:
    body = bot.order(on_unknown="cancel")

    async def is_lost() -> bool:
        """Else the account's stream told of the order before its answer was lost: then it is known to rest."""
        nonlocal body
        await venue.spoil({"close": True}, when="after_execute")
        body = bot.order(on_unknown="cancel")
        return (await bot.call("POST", "/v1/orders", body)).status_code == 202

    async def is_cancelled() -> bool:
        return bool((await bot.find(body["client_order_id"]))["status"] == "cancelled")

    await eventually(is_lost, what="an answer is lost")
    await eventually(is_cancelled, what="the order is cancelled")


async def test_what_was_not_granted_answers_like_what_is_not_there(
    stack: Stack, bot: Bot, client_secrets: Mapping[str, str]
) -> None:
    answer = await bot.ask("POST", "/v1/auth/token", {"api_key": "reader", "api_secret": client_secrets["reader"]})
    async with socket_of(stack, answer["token"]) as socket:
        for account in ("bp-desk-b", "no-such-account"):
            error = (await subscribe(socket, "orders", account))["error"]
            assert (error["code"], error["field"]) == ("ACCOUNT_NOT_FOUND", "account")
        assert (await subscribe(socket, "orders", "bp-desk-a"))["type"] == "replay_complete"
        await bot.rest()
        # Another client's orders on a granted account are not this one's: the next message is the pong.
        await socket.send(json.dumps({"type": "ping"}))
        assert (await receive(socket))["type"] == "pong"


async def test_private_channels_need_a_token_and_a_real_cursor(stack: Stack, bot: Bot, token: str) -> None:
    async with connect(stack.urls[0].replace("http", "ws", 1) + "/v1/ws", proxy=None) as socket:
        error = (await subscribe(socket, "orders", bot.account))["error"]
        assert error["code"] == "AUTHENTICATION_FAILED"
    async with socket_of(stack, token) as socket:
        error = (await subscribe(socket, "orders", bot.account, "yesterday"))["error"]
        assert (error["code"], error["field"]) == ("INVALID_PARAMETER", "after")


async def test_what_an_account_holds_is_told_as_it_changes(stack: Stack, bot: Bot, token: str) -> None:
    async with socket_of(stack, token) as socket:
        for channel in ("balances", "positions"):
            assert (await subscribe(socket, channel, bot.account))["type"] == "replay_complete"
        body = bot.order(price=await bot.taking_price(), time_in_force="IOC")
        await bot.ask("POST", "/v1/orders", body, status=201)
        while (message := await receive(socket))["data"].get("asset") != "SOL":
            assert message["channel"] == "balances"
        held = await bot.ask("GET", f"/v1/accounts/{bot.account}/balances")
        told = {name: message["data"][name] for name in ("asset", "available", "locked", "total")}
        assert told in held["items"]
    history = await bot.ask(
        "GET", f"/v1/accounts/{bot.account}/events?kind=balance&limit=100&after={message['cursor']}"
    )
    assert {event["client"] for event in history["items"]} <= {None}


async def test_a_grant_on_the_whole_account_hears_all_of_it(
    stack: Stack, bot: Bot, client_secrets: Mapping[str, str]
) -> None:
    answer = await bot.ask(
        "POST", "/v1/auth/token", {"api_key": "supervisor", "api_secret": client_secrets["supervisor"]}
    )
    async with socket_of(stack, answer["token"]) as orders, socket_of(stack, answer["token"]) as fills:
        for socket, channel in ((orders, "orders"), (fills, "fills")):
            assert (await subscribe(socket, channel, bot.account))["type"] == "replay_complete"
        body = bot.order(price=await bot.taking_price(), time_in_force="IOC")
        order = await bot.ask("POST", "/v1/orders", body, status=201)
        assert (await until(orders, body["client_order_id"], "filled"))["data"]["client"] == "demo-bot"
        assert (await receive(fills))["data"]["order_id"] == order["order_id"]

"""After traffic of every kind, with all logs on, no secret is found in any log, error, metric or in Redis."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import httpx
import pytest
from redis import Redis
from websockets.asyncio.client import connect

from gateway.cli.stack import Stack
from tests.end_to_end.bots import MARKET, SYMBOL, VENUE, Bot, VenueControl, answered

SIGNATURE = re.compile(r"(?<![A-Za-z0-9+/])([A-Za-z0-9+/]{86}==|[0-9a-f]{128}(?![A-Za-z0-9+/]))")
"""64 bytes, as an Ed25519 signature is written. The look-behind keeps the search from starting inside every word."""


class Remembering(Bot):
    """A bot that keeps the text of every error it was answered with."""

    errors: list[str]

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        answer = await super().call(method, path, body)
        if not answer.is_success:
            self.errors.append(answer.text + str(answer.headers))
        return answer


@pytest.fixture
async def remembering(bot: Bot) -> Remembering:
    one = Remembering(bot.http, bot.account)
    one.token, one.errors = bot.token, []
    return one


async def test_no_secret_is_found_where_it_does_not_belong(
    stack: Stack, remembering: Remembering, venue: VenueControl, client_secrets: Mapping[str, str]
) -> None:
    await make_traffic(stack, remembering, venue)
    secrets = {
        "client secret": [stack.api_secret, *client_secrets.values()],
        "venue secret": [account["credentials"]["api_secret"] for account in stack.venues[VENUE].accounts],
        "token": [remembering.token, remembering.token.split(".")[2]],
        "key of ours": [(stack.directory / f"{name}.key").read_text() for name in ("tokens", "ids", "seal")],
    }
    places: dict[str, str] = {log.name: log.read_text() for log in stack.directory.glob("*.log")}
    assert {"gateway-0.log", "gateway-1.log", f"{VENUE}.log"} <= places.keys()
    assert "order_sent" in places["gateway-0.log"]
    for number, gateway in enumerate(stack.gateways):
        [address] = re.findall(r'"url": "([^"]+/metrics)"', gateway.log.read_text())
        metrics = (await remembering.http.get(address)).raise_for_status().text
        assert "crossgate_orders" in metrics
        places[f"metrics of {number}"] = metrics
    places["errors"] = "\n".join(remembering.errors)
    places["Redis"] = "\n".join(everything_in(stack.redis.url))
    assert len(remembering.errors) >= 10
    assert remembering.account in places["Redis"]
    for place, text in places.items():
        for kind, values in secrets.items():
            assert not any(value.strip() in text for value in values), f"{kind} in {place}"
        assert not SIGNATURE.search(text), f"a signature in {place}"


async def make_traffic(stack: Stack, bot: Remembering, venue: VenueControl) -> None:
    """Everything a bot may do, right and wrong, at a venue that is well and one that is not."""
    order = await bot.rest()
    await bot.ask("GET", f"/v1/orders/{order['order_id']}")
    await bot.ask("GET", f"/v1/orders?account={bot.account}")
    await bot.ask("DELETE", f"/v1/orders/{order['order_id']}")
    answered(await bot.place(price=await bot.taking_price(), time_in_force="IOC"), 201)
    for what in ("balances", "positions", "rate-limits"):
        await bot.ask("GET", f"/v1/accounts/{bot.account}/{what}")
    for channel in ("ticker", "orderbook", "trades"):
        await bot.ask("GET", f"{MARKET}/{channel}?max_age_ms=0")

    for changes in ({"price": "140.001"}, {"account": "nobody"}, {"price": "1"}, {"quantity": 1}, {"stop_price": "1"}):
        await bot.place(**changes)
    for api_key, api_secret in ((stack.api_key, "wrong"), (stack.api_secret, stack.api_key)):
        await bot.call("POST", "/v1/auth/token", {"api_key": api_key, "api_secret": api_secret})
    await bot.call("POST", "/v1/auth/token", {"api_key": stack.api_key, "api_secret": [stack.api_secret]})
    await bot.call("POST", "/v1/orders", {"account": bot.account, "api_secret": stack.api_secret})
    await bot.call("GET", f"/v1/no-such?token={bot.token}")
    token = bot.http.headers["Authorization"]
    bot.http.headers["Authorization"] = token[:-2]
    await bot.place()
    bot.http.headers["Authorization"] = token

    for method, when, do in (
        ("POST", "after_execute", {"status": 500}),
        ("POST", "before", {"close": True}),
        ("DELETE", "before", {"reset": True}),
    ):
        await venue.spoil(do, method=method, when=when)
        placed = await bot.place()
        await bot.call("DELETE", f"/v1/orders/{placed.json()['data']['order_id']}")
    await venue.spoil({"status": 401, "body": {"code": "UNAUTHORIZED", "message": "Unauthorized"}})
    await bot.place()
    await venue.spoil({"status": 200, "body": "<html>"}, method="GET", path="/api/v1/capital", count=None)
    await bot.call("GET", f"/v1/accounts/{bot.account}/balances")
    await venue.heal()

    async with connect(stack.urls[0].replace("http", "ws", 1) + "/v1/ws", proxy=None, max_queue=None) as socket:
        for frame in (
            {"op": "auth", "token": bot.token},
            {"op": "auth", "token": bot.token[:-2]},
            {"op": "auth", "token": bot.token, "api_secret": stack.api_secret},
            {"op": "subscribe", "channel": "orderbook", "venue": VENUE, "symbol": SYMBOL},
        ):
            await socket.send(json.dumps(frame))
            text = str(await socket.recv())
            if '"error"' in text:
                bot.errors.append(text)


def everything_in(url: str) -> Iterator[str]:
    """Every key and value, as text."""
    with Redis.from_url(url) as redis:
        for key in redis.scan_iter():
            yield from map(as_text, chain([key], values_of(redis, key)))


def values_of(redis: Any, key: bytes) -> list[Any]:
    match redis.type(key):
        case b"string":
            return [redis.get(key)]
        case b"hash":
            return list(chain.from_iterable(redis.hgetall(key).items()))
        case b"zset":
            return list(redis.zrange(key, 0, -1))
        case b"list":
            return list(redis.lrange(key, 0, -1))
        case b"set":
            return list(redis.smembers(key))
        case b"stream":
            return [text for _, entry in redis.xrange(key) for text in chain.from_iterable(entry.items())]
        case other:
            raise AssertionError(f"what is a {other!r}?")


def as_text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")

"""Messages of streams that go wrong on command, at both venues: lost, doubled, late, out of order, spoiled."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.sandbox import zanbara_desks as zanbara
from tests.sandbox.clients import Venue, eventually, venue

TRADES = {"match": {"topic": "trade.*"}}
FOR_EVER = {"count": None}


@dataclass
class Tape:
    """A Backpack whose trades a socket listens to: each is told once, in order, if nothing goes wrong."""

    venue: Venue
    socket: ClientConnection
    first: int = 0

    async def trade(self, times: int = 1) -> None:
        for _ in range(times):
            assert (await self.venue.a.limit("Bid", "151", "0.01")).status_code == 200

    async def text(self) -> str:
        async with asyncio.timeout(5):
            return str(await self.socket.recv())

    async def numbers(self, count: int) -> list[int]:
        """Which trades the next messages tell, the first ever being 1."""
        return [json.loads(await self.text())["data"]["t"] - self.first + 1 for _ in range(count)]

    async def fault(self, do: dict[str, Any], **rule: Any) -> None:
        await add_faults(self.venue, {"do": do, **TRADES, **rule})


async def add_faults(v: Venue, *rules: dict[str, Any]) -> None:
    answer = await v.http.post("/sim/faults", json=rules)
    assert answer.status_code == 200, answer.text


async def listens(v: Venue, stream: str) -> bool:
    return stream in await v.streams()


@asynccontextmanager
async def tape() -> AsyncIterator[Tape]:
    async with venue() as v, connect(v.urls.ws_url) as socket:
        await socket.send(json.dumps({"method": "SUBSCRIBE", "params": ["trade.SOL_USDC"]}))
        await eventually(lambda: listens(v, "trade.SOL_USDC"))
        started = Tape(v, socket)
        await started.trade()
        started.first = json.loads(await started.text())["data"]["t"] + 1
        yield started


@pytest.mark.parametrize(
    ("do", "plan", "told"),
    [
        ({"withhold": True}, {}, [2, 3, 4]),
        ({"withhold": True}, {"count": 2, "skip": 1}, [1, 4]),
        ({"duplicate": True}, {}, [1, 1, 2, 3, 4]),
        ({"reorder": True}, {}, [2, 1, 3, 4]),
        ({"reorder": True}, FOR_EVER, [2, 1, 4, 3]),
        ({"delay_ms": 600_000}, {}, [2, 3, 4]),
        ({"change": {"data.t": 0}}, {"every": 4}, [1, 2, 3, -1]),
    ],
)
async def test_messages_are_lost_doubled_and_put_out_of_order(
    do: dict[str, Any], plan: dict[str, Any], told: list[int]
) -> None:
    async with tape() as t:
        await t.fault(do, **plan)
        await t.trade(4)
        assert [max(number, -1) for number in await t.numbers(len(told))] == told


async def test_a_message_may_come_late() -> None:
    async with tape() as t:
        await t.fault({"delay_ms": 1}, count=2)
        await t.trade(2)
        assert sorted(await t.numbers(2)) == [1, 2]


async def test_the_words_of_a_message_are_spoiled() -> None:
    async with tape() as t:
        for do in ({"garble": True}, {"truncate": 9}, {"body": "so?"}, {"drop": ["data", "none"], "duplicate": True}):
            await t.fault(do)
        await t.trade(4)
        noise, cut, words, first, second = [await t.text() for _ in range(5)]
        with pytest.raises(ValueError, match="Expecting value"):
            json.loads(noise)
        assert (cut, words) == ('{"data":{', "so?")
        assert first == second == '{"stream":"trade.SOL_USDC"}'


async def test_what_was_held_back_goes_out_when_its_rule_is_forgotten() -> None:
    async with tape() as t:
        await t.fault({"reorder": True})
        await t.trade()
        await t.venue.http.delete("/sim/faults")
        assert await t.numbers(1) == [1]
        await t.trade()
        assert await t.numbers(1) == [2]


async def test_a_message_may_close_its_socket_instead() -> None:
    async with tape() as t:
        await t.fault({"close": 4321})
        await t.trade()
        with pytest.raises(ConnectionClosed):
            await t.text()
        assert t.socket.close_code == 4321


async def test_a_message_may_reset_its_connection_instead() -> None:
    async with tape() as t:
        await t.fault({"reset": True})
        await t.trade()
        with pytest.raises(ConnectionClosed) as closed:
            await t.text()
        assert isinstance(closed.value.__cause__, ConnectionResetError)


async def test_each_connection_is_struck_by_itself() -> None:
    async with tape() as t, connect(t.venue.urls.ws_url) as other:
        await other.send(json.dumps({"method": "SUBSCRIBE", "params": ["trade.SOL_USDC"]}))
        await (await other.ping())
        await t.fault({"withhold": True}, skip=1)  # the second meeting: the same trade on its way to the other
        await t.trade(2)
        assert await t.numbers(2) == [1, 2]
        assert json.loads(str(await asyncio.wait_for(other.recv(), 5)))["data"]["t"] == t.first + 1


async def test_a_topic_of_one_account_is_struck_for_that_account_alone() -> None:
    async with venue() as v, connect(v.urls.ws_url) as a, connect(v.urls.ws_url) as b:
        for socket, desk in ((a, v.a), (b, v.b)):
            await socket.send(desk.subscribe("account.orderUpdate"))
            await (await socket.ping())
        match = {"topic": "account.orderUpdate", "account": "desk-a"}
        await add_faults(v, {"match": match, "do": {"body": "mine"}, **FOR_EVER})
        for desk in (v.a, v.b):
            await desk.limit("Bid", "140")
        async with asyncio.timeout(5):
            assert await a.recv() == "mine"
            assert json.loads(await b.recv())["data"]["e"] == "orderAccepted"


async def test_a_snapshot_of_positions_is_a_message_too() -> None:
    async with venue() as v, connect(v.urls.ws_url) as socket:
        await v.a.limit("Bid", "151", "0.1", symbol="SOL_USDC_PERP")
        await add_faults(v, {"match": {"topic": "account.positionUpdate"}, "do": {"body": "lost"}})
        await socket.send(v.a.subscribe("account.positionUpdate"))
        assert await asyncio.wait_for(socket.recv(), 5) == "lost"


@pytest.mark.parametrize("channel", ["orderbook", "trades", "ticker", "funding_rate"])
async def test_zanbara_counts_what_it_withholds(channel: str) -> None:
    """Every channel passes the faults, from its snapshot on; replies do not."""
    async with zanbara.venue() as v, zanbara.socket(v) as s:
        withheld = {"match": {"topic": f"{channel}.SOL-PERP*"}, "do": {"withhold": True}}
        changed = withheld | {"do": {"change": {"type": "lie"}}}
        await v.sim("POST", "faults", [withheld, changed])
        assert (await s.subscribe(channel, "SOL-PERP"))["type"] == "subscribed"
        await v.pin(index="170", mark="170", funding_rate="0.0003")
        await v.a.place(type="market", price=None)
        told = await s.next()
        assert (told["type"], told["channel"]) == ("lie", channel)
        if channel != "orderbook":
            assert told["sequence"] == 2


async def test_zanbaras_private_channels_are_struck_by_account() -> None:
    async with zanbara.venue() as v, zanbara.socket(v) as s:
        await s.authenticate(v.a)
        rule = {"match": {"topic": "orders", "account": "desk-a"}, "do": {"body": "{}"}}
        await v.sim("POST", "faults", rule)
        await s.subscribe("orders")
        assert await s.next() == {}


async def test_a_muted_topic_speaks_again_by_itself() -> None:
    async with tape() as t:
        await t.fault({"withhold": True}, count=None, for_ms=200)
        await t.trade()

        async def is_heard() -> bool:
            await t.trade()
            try:
                async with asyncio.timeout(0.02):
                    return await t.numbers(1) != [1]
            except TimeoutError:
                return False

        await eventually(is_heard)

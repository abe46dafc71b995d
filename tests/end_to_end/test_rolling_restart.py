"""A rolling restart under load: three replicas are ended and begun anew, one after the other, and no client notices.

Clients do what they would behind a Kubernetes Service: a new connection goes to a replica that says it is ready, and a
connection that was refused is tried at another one. Whatever else goes wrong with a request counts.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.chaos.book_watch import BookWatch
from tests.chaos.order_watch import Answer, Wish, judge_orders
from tests.chaos.venue_judge import VenueJudge
from tests.chaos.violations import Verdict
from tests.end_to_end.bots import SYMBOL, TLS, VENUE, eventually, new_id
from tests.harness.fleet import Fleet, FleetOptions, fleet
from tests.harness.gateways import Replica

ACCOUNT = "bp-desk-a"
BOTS, READERS = 3, 3
PROBE_EVERY_S = 0.1
DRAIN_S = 1.0
RESTARTING = 1012


@pytest.fixture(scope="module")
def rolled() -> Iterator[Fleet]:
    options = FleetOptions(replicas=3, venues=(VENUE,), settings={"server": {"drain_s": DRAIN_S}})
    with fleet(options) as ours:
        yield ours


@dataclass
class Service:
    """Where new connections may go: asked of each replica again and again, as a kubelet does."""

    replicas: list[Replica]
    ready: list[str] = field(default_factory=list)
    turns: Iterator[int] = field(default_factory=itertools.count)

    async def probe(self) -> None:
        async with httpx.AsyncClient(timeout=1, trust_env=False, verify=TLS) as http:
            while True:
                urls = [replica.direct_url for replica in self.replicas]
                answers = await asyncio.gather(*(self._is_ready(http, url) for url in urls))
                self.ready = [url for url, is_ready in zip(urls, answers, strict=True) if is_ready]
                await asyncio.sleep(PROBE_EVERY_S)

    @staticmethod
    async def _is_ready(http: httpx.AsyncClient, url: str) -> bool:
        with suppress(httpx.TransportError):
            return (await http.get(f"{url}/readyz")).status_code == 200
        return False

    async def pick(self) -> str:
        while not self.ready:  # noqa: ASYNC110 - a probe is under way
            await asyncio.sleep(0.01)
        return self.ready[next(self.turns) % len(self.ready)]


class Client:
    """A bot with one connection, which it keeps while it uses it."""

    def __init__(self, service: Service, headers: dict[str, str]) -> None:
        self._service = service
        limits = httpx.Limits(max_connections=1, keepalive_expiry=DRAIN_S / 3)
        self._http = httpx.AsyncClient(timeout=5, trust_env=False, verify=TLS, headers=headers, limits=limits)
        self._url: str | None = None

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Any error but a refused connection gets out, and so does any status that says try again."""
        while True:
            url = self._url or await self._service.pick()
            try:
                response = await self._http.request(method, f"{url}{path}", json=body)
            except httpx.ConnectError:
                self._url = None
                continue
            self._url = None if response.headers.get("connection") == "close" else url
            return response

    async def aclose(self) -> None:
        await self._http.aclose()


@dataclass
class Load:
    """What all bots and readers of the test do, and what they saw."""

    service: Service
    headers: dict[str, str]
    wishes: list[Wish] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    closes: list[tuple[int | None, bool]] = field(default_factory=list)
    """Of each stream that was closed: the code, and whether it was told before."""
    cursors: list[str] = field(default_factory=list)
    """What the private channel told, in its order."""
    ended: set[str] = field(default_factory=set)
    """The orders whose end it told."""
    watches: list[BookWatch] = field(default_factory=list)
    is_listening: asyncio.Event = field(default_factory=asyncio.Event)
    """The private channel tells whatever happens from now on."""
    is_over: bool = False

    async def trade(self) -> None:
        client = Client(self.service, self.headers)
        while not self.is_over:
            wish = Wish(ACCOUNT, new_id())
            self.wishes.append(wish)
            order = {
                "account": ACCOUNT,
                "symbol": SYMBOL,
                "side": "buy",
                "type": "limit",
                "price": "140",
                "quantity": "0.1",
                "client_order_id": wish.client_order_id,
            }
            by_client_id = f"/v1/accounts/{ACCOUNT}/orders/by-client-id/{wish.client_order_id}"
            try:
                placed = await client.call("POST", "/v1/orders", order)
                cancelled = await client.call("DELETE", by_client_id)
                read = await client.call("GET", by_client_id)
            except httpx.HTTPError as error:
                self.failures.append(f"{wish.client_order_id}: {error!r}")
                continue
            wish.answers.append(Answer(placed.status_code, placed.json()))
            if (placed.status_code, cancelled.status_code, read.status_code) != (201, 200, 200):
                self.failures.append(f"{placed.text} {cancelled.text} {read.text}")
                continue
            wish.ended, wish.is_settled = read.json()["data"], True
            await asyncio.sleep(0.02)
        await client.aclose()

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[ClientConnection]:
        url = (await self.service.pick()).replace("http", "ws", 1) + "/v1/ws"
        async with connect(url, proxy=None, max_queue=None, ping_interval=None) as socket:
            yield socket

    async def read_book(self, watch: BookWatch) -> None:
        while True:
            async with self.stream() as socket:
                watch.connected()
                wish = {"op": "subscribe", "channel": "orderbook", "venue": VENUE, "symbol": SYMBOL}
                await socket.send(json.dumps(wish))
                was_told = False
                async for text in until_closed(socket):
                    message = json.loads(text)
                    was_told = was_told or (message.get("channel"), message.get("type")) == ("system", "draining")
                    if "seq" in message:
                        watch.take(message)
                self.closes.append((socket.close_code, was_told))

    async def read_orders(self) -> None:
        cursor: str | None = None
        while True:
            async with self.stream() as socket:
                await socket.send(
                    json.dumps({"op": "auth", "token": self.headers["Authorization"].removeprefix("Bearer ")})
                )
                wish = {"op": "subscribe", "channel": "orders", "account": ACCOUNT, "after": cursor}
                await socket.send(json.dumps({name: value for name, value in wish.items() if value is not None}))
                async for text in until_closed(socket):
                    message = json.loads(text)
                    if message.get("type") == "replay_complete":
                        self.is_listening.set()
                    cursor = message.get("cursor") or cursor
                    order = message.get("data")
                    if isinstance(order, dict):
                        self.cursors.append(message["cursor"])
                    if isinstance(order, dict) and order["status"] == "cancelled":
                        self.ended.add(order["client_order_id"])
                self.closes.append((socket.close_code, True))


async def until_closed(socket: ClientConnection) -> AsyncIterator[str | bytes]:
    with suppress(ConnectionClosed):
        while True:
            yield await socket.recv()


async def roll(fleet: Fleet) -> list[int]:
    """End and begin each replica in its turn; with which codes they ended."""
    codes = []
    loop = asyncio.get_running_loop()
    for replica in fleet.replicas:
        codes.append(await loop.run_in_executor(None, replica.terminate))
        replica.begin()
        await loop.run_in_executor(None, replica.wait_until_up)
    return codes


async def token(fleet: Fleet) -> str:
    async with httpx.AsyncClient(trust_env=False, verify=TLS) as http:
        body = {"api_key": fleet.api_key, "api_secret": fleet.api_secret}
        answer = await http.post(f"{fleet.urls[0]}/v1/auth/token", json=body)
    return str(answer.json()["data"]["token"])


async def test_a_rolling_restart_loses_no_order_fails_no_call_and_keeps_every_stream_sound(rolled: Fleet) -> None:
    verdict = Verdict()
    judge = VenueJudge(VENUE, rolled.venues[VENUE].control)
    judge.begin()
    service = Service(list(rolled.replicas))
    load = Load(service, {"Authorization": f"Bearer {await token(rolled)}"})
    load.watches = [BookWatch(f"reader {number}", verdict) for number in range(READERS)]
    async with asyncio.TaskGroup() as tasks:
        lasting = [
            tasks.create_task(service.probe()),
            *(tasks.create_task(load.read_book(watch)) for watch in load.watches),
            tasks.create_task(load.read_orders()),
        ]
        async with asyncio.timeout(10):
            await load.is_listening.wait()
        trading = [tasks.create_task(load.trade()) for _ in range(BOTS)]
        await eventually(_all(load.watches), what="books are read")
        codes = await roll(rolled)
        load.is_over = True
        await asyncio.wait(trading)
        await eventually(_all(load.watches), what="books go on")
        await eventually(_all_told(load), what="every order's end is told on the private channel")
        for task in lasting:
            task.cancel()

    print(f"{len(load.wishes)} orders, {len(load.closes)} streams closed")
    assert codes == [0, 0, 0]
    assert load.failures == []
    judge_orders(load.wishes, judge.accepted(), verdict)
    assert len(judge.accepted()) == len(load.wishes)
    assert judge.judge_books(load.watches, verdict) > 0
    judge.judge_limits(verdict)
    assert len(set(load.cursors)) == len(load.cursors)
    assert len(load.closes) >= READERS
    assert set(load.closes) == {(RESTARTING, True)}
    assert not verdict.found, str(verdict)


def _all(watches: list[BookWatch]) -> Any:
    async def are_sound() -> bool:
        return all(watch.book is not None for watch in watches)

    return are_sound


def _all_told(load: Load) -> Any:
    async def are_told() -> bool:
        return load.ended >= {wish.client_order_id for wish in load.wishes}

    return are_told

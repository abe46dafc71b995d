"""What the ledger says really happened: requests and why they were refused, streams over time, the true books."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from websockets.asyncio.client import connect

from sandbox.config import LimitConfig, SandboxConfig
from sandbox.ledger import Ledger, Seen, client_ids_in
from sandbox.subscription_history import SubscriptionHistory
from tests.sandbox import zanbara_desks as zanbara
from tests.sandbox.clients import eventually, venue

DEPTH = "depth.SOL_USDC"


def test_a_query_is_shown_without_secrets() -> None:
    ledger = Ledger(10)
    query = "symbol=SOL_USDC&signature=c2ln&api_key=k1&token=t1&X-Api-Key=k2&limit=5"
    ledger.record_request(Seen(1_000, "GET", "/order", "desk-a", "desk-a", "standard", 200, None, query))
    (row,) = ledger.requests(account=None, since_ms=0)
    assert row["query"] == "symbol=SOL_USDC&signature=…&api_key=…&token=…&X-Api-Key=…&limit=5"


@pytest.mark.parametrize(
    ("body", "client_ids"),
    [
        (b'[{"clientId": 7, "side": "Bid"}, {"side": "Ask", "clientId":8}]', ["7", "8"]),
        (b'{"client_order_id": "one-1", "quantity": "1"}', ["one-1"]),
        (b'{"quantity": "1"}', []),
    ],
)
def test_an_order_s_request_shows_its_client_ids(body: bytes, client_ids: list[str]) -> None:
    assert list(client_ids_in(body)) == client_ids


async def test_what_backpack_turns_away_for_a_limit_is_so_called() -> None:
    config = SandboxConfig(makers=False, book_levels=5, limits=LimitConfig(limits={"standard": 2}))
    async with venue(config) as v:
        await v.get("/api/v1/depth", symbol="SOL_USDC")
        await v.a.limit("Bid", "140", clientId=4)
        await v.get("/api/v1/time")
        assert (await v.http.get("/api/v1/time")).status_code == 429
        rows = (await v.get("/sim/ledger"))["requests"]
        assert [(row["status"], row["refused"]) for row in rows] == [
            (200, None),
            (200, None),
            (200, None),
            (429, "limit"),
        ]
        assert (rows[0]["query"], rows[1]["client_ids"]) == ("symbol=SOL_USDC", ["4"])


async def test_an_accepted_order_shows_what_was_asked_for_and_what_became_of_it() -> None:
    async with venue(SandboxConfig(makers=False, book_levels=5)) as v:
        await v.a.limit("Bid", "151.50", clientId=4, quantity="0.30", timeInForce="IOC")
        [row] = (await v.get("/sim/ledger/orders"))["desk-a"]["orders"]
    asked = ("limit", "IOC", "buy", "151.50", "0.30")
    assert tuple(row[name] for name in ("type", "time_in_force", "side", "price", "quantity")) == asked
    assert (row["executed"], row["status"]) == ("0.30", "filled")


async def test_zanbara_s_door_says_what_it_missed() -> None:
    limits = LimitConfig(limits={"ip_query": 100, "key_query": 1})
    config = replace(zanbara.STILL, limits=limits, zanbara=replace(zanbara.TESTNET, environment="production"))
    async with zanbara.venue(config) as v:
        await v.a.login()
        for headers in ({"X-API-Key": v.a.api_key}, {"Authorization": "Bearer nonsense"}, {}, {}):
            await v.a.call("GET", "/v1/account/balance", headers=headers)
        rows = [row for row in (await v.sim("GET", "ledger"))["requests"] if row["path"] == "/v1/account/balance"]
        assert [row["refused"] for row in rows] == ["signature", "token", None, "limit"]


def test_the_most_at_once_is_told_by_stream() -> None:
    history = SubscriptionHistory()
    for account, connections in ((None, 1), (None, 2), (None, 1), ("desk-a", 1), ("desk-b", 1)):
        history.record((account, DEPTH if account is None else "orders"), connections, 5_000)
    assert history.report()["most"] == {DEPTH: 2, "orders": 1}
    assert history.report("desk-b")["history"] == [(5, "desk-b", "orders", 1)]


async def test_streams_are_followed_over_time() -> None:
    async def is_open() -> bool:
        return await v.streams() == {DEPTH}

    async def is_closed() -> bool:
        return not await v.streams()

    async with venue() as v:
        for _ in range(2):
            async with connect(v.urls.ws_url) as socket:
                await socket.send(json.dumps({"method": "SUBSCRIBE", "params": [DEPTH]}))
                await eventually(is_open)
            await eventually(is_closed)
        report = await v.get("/sim/ledger/subscriptions")
        assert [row[1:] for row in report["history"]] == [[None, DEPTH, 1], [None, DEPTH, 0]] * 2
        assert report["most"] == {DEPTH: 1}


def numbers(levels: list[list[str]]) -> list[tuple[Decimal, ...]]:
    return [tuple(Decimal(number) for number in level) for level in levels]


async def test_a_book_can_be_asked_for_as_it_was() -> None:
    async with venue() as v:
        before = await v.get("/api/v1/depth", symbol="SOL_USDC")
        await v.a.limit("Bid", "140.5", "3")
        after = await v.get("/api/v1/depth", symbol="SOL_USDC")
        assert (Decimal("140.5"), Decimal(3)) in numbers(after["bids"])
        for told in (before, after):
            true = await v.get("/sim/ledger/books", symbol="SOL_USDC", update_id=told["lastUpdateId"])
            assert numbers(true["bids"]) == numbers(told["bids"])[::-1]
            assert numbers(true["asks"]) == numbers(told["asks"])
        first, last = (await v.get("/sim/ledger/books", symbol="SOL_USDC"))["ids"]
        assert (first, last) == (int(before["lastUpdateId"]), int(after["lastUpdateId"]))
        answer = await v.http.get("/sim/ledger/books", params={"symbol": "SOL_USDC", "update_id": last + 1})
        error = f"no book at {last + 1}: those from {first} to {last} are kept"
        assert (answer.status_code, answer.json()) == (404, {"error": error})


async def test_what_a_zanbara_stream_said_at_a_depth_was_true() -> None:
    async with zanbara.venue(zanbara.LIVELY) as v, zanbara.socket(v) as socket:
        await socket.subscribe("orderbook", "SOL-PERP", depth=5)
        book: dict[str, dict[str, str]] = {}
        for _ in range(5):
            frame = await socket.next()
            for side in ("bids", "asks"):
                levels = {} if frame["type"] == "snapshot" else book[side]
                changed = levels | dict(frame["data"][side])
                book[side] = {price: size for price, size in changed.items() if Decimal(size)}
            query = {"symbol": "SOL-PERP", "depth": "5", "sequence": str(frame["sequence"])}
            true = (await v.http.get("/sim/ledger/books", params=query)).json()
            for side in ("bids", "asks"):
                assert sorted(numbers(true[side])) == sorted(numbers([list(level) for level in book[side].items()]))

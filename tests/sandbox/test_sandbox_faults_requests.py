"""Requests that go wrong on command, over real connections: answered otherwise, in part, twice, late, or not at all."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from sandbox.config import SandboxConfig
from tests.sandbox import zanbara_desks as zanbara
from tests.sandbox.clients import Venue, eventually, venue

ORDER = {"match": {"method": "POST", "path": "/api/v1/order"}}
TIME = {"match": {"path": "/api/v1/time"}}
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def add_fault(v: Venue, do: dict[str, Any], **rule: Any) -> int:
    answer = await v.http.post("/sim/faults", json=ORDER | {"do": do} | rule)
    assert answer.status_code == 200, answer.text
    [added] = answer.json()["added"]
    return int(added)


async def open_orders(v: Venue) -> list[dict[str, Any]]:
    orders: list[dict[str, Any]] = (await v.a.call("GET", "/api/v1/orders")).json()
    return orders


async def seen(v: Venue, path: str = "/api/v1/order") -> list[tuple[int, Any]]:
    """Status and fault of every request to a path, in the ledger's order."""
    rows = (await v.get("/sim/ledger"))["requests"]
    return [(row["status"], row["fault"] and json.loads(row["fault"])) for row in rows if row["path"] == path]


@asynccontextmanager
async def line(v: Venue) -> AsyncIterator[Streams]:
    """A bare connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", v.urls.port)
    try:
        async with asyncio.timeout(5):
            yield reader, writer
    finally:
        writer.close()


def ask(writer: asyncio.StreamWriter, path: str = "/api/v1/time", *more: str) -> None:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *more]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())


async def test_a_fault_before_execution_leaves_no_order() -> None:
    async with venue() as v:
        await add_fault(v, {"status": 503, "body": {"code": "MAINTENANCE", "message": "x"}}, when="before")
        failed = await v.a.limit("Bid", "140")
        assert (failed.status_code, failed.json()["code"]) == (503, "MAINTENANCE")
        assert await open_orders(v) == []
        assert (await v.a.limit("Bid", "140")).status_code == 200


@pytest.mark.parametrize("do", [{"close": True}, {"reset": True}])
async def test_a_fault_after_execution_hides_an_order_that_is_there(do: dict[str, Any]) -> None:
    async with venue() as v:
        await add_fault(v, do, when="after_execute")
        with pytest.raises(httpx.TransportError):
            await v.a.limit("Bid", "140", clientId=77)
        (order,) = await open_orders(v)
        assert order["clientId"] == 77
        assert (0, do) in await seen(v)


async def test_a_hanging_answer_comes_late_or_never() -> None:
    async with venue() as v:
        await add_fault(v, {"hang_ms": 150}, when="after_execute", count=2)
        v.http.timeout = httpx.Timeout(0.05)
        with pytest.raises(httpx.ReadTimeout):
            await v.a.limit("Bid", "140")
        v.http.timeout = httpx.Timeout(5)
        assert (await v.a.limit("Bid", "141")).status_code == 200
        assert len(await open_orders(v)) == 2
        await add_fault(v, {"hang_ms": 1})
        with pytest.raises(httpx.RemoteProtocolError):
            await v.a.limit("Bid", "142")
        assert len(await open_orders(v)) == 2


async def test_faults_are_counted_listed_and_forgotten() -> None:
    async with venue() as v:
        rule = {"match": {"path": "/api/v1/*"}, "do": {"status": 500, "body": "<html>"}, "count": None}
        listed = (await v.http.post("/sim/faults", json=[rule, rule | {"count": 2, "when": "after_execute"}])).json()
        first, second = listed["added"]
        assert [(row["id"], row["left"]) for row in listed["faults"]] == [(first, None), (second, 2)]
        answers = [await v.http.get("/api/v1/status") for _ in range(2)]
        assert [(answer.status_code, answer.headers["content-type"]) for answer in answers] == [(500, "text/html")] * 2
        assert (await v.http.delete("/sim/faults", params={"id": first})).json()["faults"][0]["id"] == second
        await v.http.get("/api/v1/status")
        [row] = (await v.get("/sim/faults"))["faults"]
        assert (row["met"], row["struck"], row["left"]) == (1, 1, 1)
        assert (await v.http.delete("/sim/faults", params={"id": first})).json() == {"error": f"no fault {first}"}
        assert (await v.http.delete("/sim/faults", params={"id": "x"})).json() == {"error": "`id` is a whole number"}
        await v.http.delete("/sim/faults")
        assert (await v.http.get("/api/v1/status")).status_code == 200


async def test_a_rule_that_cannot_be_understood_is_refused_with_its_whole_list() -> None:
    async with venue() as v:
        answer = await v.http.post("/sim/faults", json=[{"do": {"close": True}}, {"do": {"explode": True}}])
        assert (answer.status_code, answer.json()) == (400, {"error": "`do` does not know explode"})
        assert (await v.get("/sim/faults"))["faults"] == []


async def test_an_answer_may_be_any_with_any_headers() -> None:
    async with venue() as v:
        location = {"location": "http://127.0.0.1:1/", "Retry-After": "7"}
        await add_fault(v, {"status": 302, "headers": location, "body": {"n": 1}, "content_type": "text/plain"})
        answer = await v.a.limit("Bid", "140")
        assert (answer.status_code, answer.text, answer.headers["content-type"]) == (302, '{"n":1}', "text/plain")
        assert (answer.headers["location"], answer.headers["retry-after"]) == ("http://127.0.0.1:1/", "7")


async def test_a_rule_may_be_about_one_account() -> None:
    async with venue() as v:
        await add_fault(v, {"status": 500}, match={"account": "desk-b"})
        assert [(await desk.limit("Bid", "140")).status_code for desk in (v.a, v.b, v.b)] == [200, 500, 200]


async def test_a_truncated_answer_says_its_true_length_and_ends_short_of_it() -> None:
    async with venue() as v, line(v) as (reader, writer):
        await add_fault(v, {"truncate": 5}, **TIME)
        ask(writer)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert b"content-length: 13" in head.lower()
        assert len(body) == 5
        await add_fault(v, {"truncate": 9})
        with pytest.raises(httpx.RemoteProtocolError):
            await v.a.limit("Bid", "140")
        assert len(await open_orders(v)) == 1


async def test_a_garbled_answer_is_noise_of_the_same_length() -> None:
    async with venue() as v:
        true = await v.http.get("/api/v1/markets")
        await add_fault(v, {"garble": True}, match={"path": "/api/v1/markets"})
        answer = await v.http.get("/api/v1/markets")
        assert (answer.status_code, len(answer.content)) == (200, len(true.content))
        with pytest.raises(ValueError, match="Expecting value"):
            answer.json()


async def test_members_of_an_answer_change_and_go() -> None:
    async with venue() as v:
        await add_fault(v, {"change": {"status": "Dreaming", "extra": 1.50}, "drop": ["id"]})
        answer = await v.a.limit("Bid", "140")
        assert answer.json().items() >= {"status": "Dreaming", "price": "140"}.items()
        assert "id" not in answer.json()
        assert answer.text.endswith('"extra":1.5}')
        (order,) = await open_orders(v)
        assert order["status"] == "New"


@pytest.mark.parametrize("ending", [{"close": True}, {"reset": True}])
async def test_a_connection_may_end_before_the_body_is_read(ending: dict[str, bool]) -> None:
    async with venue() as v, line(v) as (reader, writer):
        await add_fault(v, ending, when="before_reading")
        writer.write(b"POST /api/v1/order HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nonly so mu")
        try:
            assert await reader.read() == b""
            assert "close" in ending
        except ConnectionResetError:
            assert "reset" in ending
        assert await seen(v) == [(0, ending)]


async def test_a_request_may_be_answered_before_its_body_is_read() -> None:
    async with venue() as v, line(v) as (reader, writer):
        await add_fault(v, {"status": 413}, when="before_reading")
        writer.write(b"POST /api/v1/order HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("when", ["before_reading", "before", "after_execute"])
async def test_a_request_may_hang_until_its_client_leaves(when: str) -> None:
    async with venue() as v:
        await add_fault(v, {"hang": True}, when=when)
        v.http.timeout = httpx.Timeout(0.05)
        with pytest.raises(httpx.ReadTimeout):
            await v.a.limit("Bid", "140")
        v.http.timeout = httpx.Timeout(5)
        await eventually(lambda: was_seen(v, "/api/v1/order", 1))
        assert await seen(v) == [(0, {"hang": True})]
        assert len(await open_orders(v)) == (1 if when == "after_execute" else 0)


async def test_a_reset_ends_what_hangs() -> None:
    async with venue() as v, line(v) as (reader, writer):
        await add_fault(v, {"hang": True}, **TIME)
        ask(writer)
        await eventually(lambda: was_seen(v, "/api/v1/time", 1))
        await v.http.post("/sim/reset")
        assert await reader.read() == b""


async def was_seen(v: Venue, path: str, times: int) -> bool:
    return len(await seen(v, path)) == times


async def test_a_late_order_is_placed_though_its_client_has_left() -> None:
    async with venue() as v:
        await add_fault(v, {"late_ms": 150})
        v.http.timeout = httpx.Timeout(0.05)
        with pytest.raises(httpx.ReadTimeout):
            await v.a.limit("Bid", "140")
        v.http.timeout = httpx.Timeout(5)
        await eventually(lambda: are_open(v, 1))


async def are_open(v: Venue, count: int) -> bool:
    return len(await open_orders(v)) == count


@pytest.mark.parametrize("ending", [{"close": True}, {"status": 504}])
async def test_a_request_may_be_answered_or_ended_at_once_and_executed_late(ending: dict[str, Any]) -> None:
    async with venue() as v:
        for late_ms in (600_000, 1):
            await add_fault(v, {"late_ms": late_ms, **ending})
            assert await open_orders(v) == []
            try:
                assert (await v.a.limit("Bid", "140")).status_code == 504
            except httpx.RemoteProtocolError:
                assert "close" in ending
        await eventually(lambda: are_open(v, 1))


async def test_a_late_answer_is_the_true_one() -> None:
    async with venue() as v:
        await add_fault(v, {"late_ms": 30})
        answer = await v.a.limit("Bid", "140")
        assert answer.json()["id"] == (await open_orders(v))[0]["id"]


async def test_a_reset_drops_what_was_put_off() -> None:
    async with venue() as v, line(v) as (reader, writer):
        await add_fault(v, {"late_ms": 600_000}, **TIME)
        ask(writer)
        await eventually(lambda: fault_struck(v))
        await v.http.post("/sim/reset")
        assert await reader.read() == b""
        assert await seen(v, "/api/v1/time") == []


async def fault_struck(v: Venue) -> bool:
    return bool((await v.get("/sim/faults"))["faults"][0]["struck"])


async def test_an_answer_may_come_twice_on_its_connection() -> None:
    async with venue() as v, line(v) as (reader, writer):
        await add_fault(v, {"twice": True}, **TIME)
        ask(writer)
        ask(writer, "/api/v1/ping", "Connection: close")
        answers = (await reader.read()).split(b"HTTP/1.1 200 OK\r\n")[1:]
        bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers]
        assert len(bodies) == 3
        assert bodies[0] == bodies[1]
        assert re.fullmatch(rb"\d{13}", bodies[0])
        assert answers[0] == answers[1]
        assert bodies[2] == b"pong"


async def test_a_request_sent_again_by_the_way_is_executed_again() -> None:
    async with venue() as v:
        await add_fault(v, {"replay_ms": 20}, count=None)
        assert (await v.a.limit("Bid", "140")).status_code == 200
        await eventually(lambda: are_open(v, 2))
        assert await seen(v) == [(200, {"replay_ms": 20}), (200, {"replayed": True})]


async def test_tokens_may_expire_while_the_request_that_brings_one_goes_on() -> None:
    async with zanbara.venue() as v:
        rule = {"match": {"path": "/v1/order/place", "account": "desk-a"}, "do": {"expire_tokens": True}}
        await v.sim("POST", "faults", rule)
        assert (await v.a.place()).status_code == 201
        assert [(await desk.place()).status_code for desk in (v.a, v.b)] == [401, 201]
    async with venue() as v_without:
        answer = await v_without.http.post("/sim/faults", json={"do": {"expire_tokens": True}})
        assert answer.json() == {"error": "this venue issues no tokens"}


async def test_a_refusal_at_the_door_and_the_control_plane_meet_no_faults() -> None:
    async with zanbara.venue() as v:
        await v.sim("POST", "faults", [{"do": {"close": True}, "count": None}])
        v.a.token = "stale"
        assert (await v.a.place()).status_code == 401
        assert (await v.sim("GET", "faults"))["faults"][0]["met"] == 0


async def test_the_end_of_the_venue_does_not_wait_for_what_hangs() -> None:
    loop = asyncio.get_running_loop()
    async with venue(SandboxConfig(makers=False)) as v, line(v) as (reader, writer):
        await add_fault(v, {"hang": True}, **TIME)
        ask(writer)
        await eventually(lambda: was_seen(v, "/api/v1/time", 1))
        ended = asyncio.ensure_future(reader.read())
        began = loop.time()
    assert await ended == b""
    assert loop.time() - began < 5

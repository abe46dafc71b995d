"""What fails is named, what is not known is called unknown and settled by evidence, nothing is placed twice or lost."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli.children import child, first_line
from gateway.cli.stack import Stack, StackOptions, running
from tests.end_to_end.bots import (
    MARKET,
    PLACE,
    VENUE,
    Bot,
    VenueControl,
    answered,
    bot_of,
    eventually,
    new_id,
    refused,
    venue_of,
)

BALANCES = "/api/v1/capital"
DEPTH = "/api/v1/depth"

LOST_ANSWERS: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "500 in the venue's words": {"status": 500, "body": {"code": "SERVER_ERROR", "message": "Internal error"}},
    "503 of a proxy": {"status": 503, "body": "<html>busy</html>"},
    "a 200 that is not the order": {"status": 200, "body": {"id": "1"}},
    "closed": {"close": True},
    "reset": {"reset": True},
    "hangs": {"hang_ms": 2000},
}
"""Ways in which the venue leaves a client in the dark about an order."""

SETTINGS: dict[str, Any] = {
    "orders": {"window_ms": 500, "clock_error_ms": 100, "history_lag_ms": 200, "claim_lease_ms": 1500},
    "venues": {VENUE: {"order_timeout_s": 0.8, "read_timeout_s": 1}},
    "feeds": {"lease_ms": 800},
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A replica that concludes quickly, from a venue whose histories do not lag."""
    with running(StackOptions(settings=SETTINGS)) as started:
        yield started


@pytest.fixture
def own_stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """One for a test that leaves nothing as it was, with as many replicas as its parameter says."""
    with running(StackOptions(replicas=getattr(request, "param", 1), settings=SETTINGS)) as started:
        yield started


async def place_into_the_dark(bot: Bot, venue: VenueControl, when: str, **changes: Any) -> dict[str, dict[str, Any]]:
    """Place an order for every way to lose its answer; what each is answered with.

    202 `unknown`, or 201 if the account's stream has shown the order by the time the answer is given up.
    """
    orders: dict[str, dict[str, Any]] = {}
    for way, do in LOST_ANSWERS.items():
        await venue.spoil(do, when=when)
        answer = await bot.place(**changes)
        order = orders[way] = answered(answer, answer.status_code)
        if answer.status_code == 201:
            assert order["venue_order_id"] in await venue.orders(), way
            assert when == "after_execute", way
        else:
            assert (answer.status_code, order["status"], order["stage"]) == (202, "unknown", "sending"), way
            assert order["unknown"]["settles_by"] > order["created_at"], way
            assert order["unknown"]["evidence"], way
        answered(await bot.place(), 201)  # between them all is well, or the breaker would open
    return orders


async def test_an_order_that_was_placed_but_not_answered_is_found_to_rest(bot: Bot, venue: VenueControl) -> None:
    before = len(await venue.orders())
    for way, order in (await place_into_the_dark(bot, venue, "after_execute")).items():
        settled = await bot.settled(order["client_order_id"])
        assert (settled["status"], settled["stage"], settled["unknown"]) == ("pending", "live", None), way
        assert settled["venue_order_id"] in await venue.orders()
        again = await bot.place(client_order_id=order["client_order_id"])
        assert answered(again, 200)["venue_order_id"] == settled["venue_order_id"], way
        assert (await bot.ask("DELETE", f"/v1/orders/{order['order_id']}"))["status"] == "cancelled", way
    assert len(await venue.orders()) == before + 2 * len(LOST_ANSWERS), "each of them once"


async def test_an_order_that_filled_but_was_not_answered_is_found_with_its_fill(bot: Bot, venue: VenueControl) -> None:
    before = len(await venue.orders())
    price = await bot.taking_price()
    orders = await place_into_the_dark(bot, venue, "after_execute", price=price, time_in_force="IOC")
    for way, order in orders.items():
        settled = await bot.settled(order["client_order_id"])
        assert (settled["status"], settled["filled_quantity"]) == ("filled", "0.1"), way
        assert 100 < float(settled["average_price"]) <= float(price), way
    assert len(await venue.orders()) == before + 2 * len(LOST_ANSWERS)


async def test_an_order_that_never_arrived_is_unknown_until_its_absence_is_proved(
    bot: Bot, venue: VenueControl
) -> None:
    before = len(await venue.orders())
    orders = await place_into_the_dark(bot, venue, "before")
    for way, order in orders.items():
        repeat = await bot.place(client_order_id=order["client_order_id"])
        assert answered(repeat, repeat.status_code)["order_id"] == order["order_id"], way
        settled = await bot.settled(order["client_order_id"])
        assert (settled["status"], settled["reason"], settled["venue_order_id"]) == ("rejected", "NOT_PLACED", None), (
            way
        )
        assert settled["updated_at"] >= order["unknown"]["settles_by"], "not concluded before it could be"
        again = answered(await bot.place(client_order_id=order["client_order_id"]), 200)
        assert again["status"] == "rejected", "the id stays bound to what became of it"
    assert len(await venue.orders()) == before + len(LOST_ANSWERS), "only those between them"


async def test_a_cancel_whose_answer_was_lost_is_unknown_and_may_be_repeated(bot: Bot, venue: VenueControl) -> None:
    for way, do in LOST_ANSWERS.items():
        order = await bot.rest()
        path = f"/v1/orders/{order['order_id']}"
        await venue.spoil(do, method="DELETE", when="after_execute")
        answer = await bot.call("DELETE", path)
        assert answer.status_code in {502, 504}, (way, answer.text)
        code = {502: "VENUE_PROTOCOL_ERROR", 504: "VENUE_TIMEOUT"}[answer.status_code]
        assert refused(answer, answer.status_code, code, outcome="unknown")["venue"] == VENUE, way
        assert (await bot.ask("DELETE", path))["status"] == "cancelled", way


async def test_the_venues_definite_no_is_no_unknown(bot: Bot, venue: VenueControl) -> None:
    """Only with a code that proves it: the same status with another body leaves the order unknown."""
    body = {"code": "ORDER_LIMIT", "message": "Too many open orders"}
    await venue.spoil({"status": 400, "body": body})
    error = refused(await bot.place(), 400, "ORDER_REJECTED", outcome="rejected")
    assert (error["venue_code"], error["details"]["order_id"] is not None) == ("ORDER_LIMIT", True)
    await venue.spoil({"status": 400, "body": {"code": "SOMETHING_NEW", "message": "?"}})
    order = answered(await bot.place(), 202)
    assert (await bot.settled(order["client_order_id"]))["reason"] == "NOT_PLACED"


@pytest.mark.parametrize(
    ("do", "status", "code"),
    [
        ({"status": 500}, 502, "VENUE_PROTOCOL_ERROR"),
        ({"status": 200, "body": "<html>hello</html>"}, 502, "VENUE_PROTOCOL_ERROR"),
        ({"close": True}, 504, "VENUE_TIMEOUT"),
        ({"reset": True}, 504, "VENUE_TIMEOUT"),
        ({"hang_ms": 3000}, 504, "VENUE_TIMEOUT"),
    ],
)
async def test_a_read_the_venue_fails_at_names_the_venue(
    bot: Bot, venue: VenueControl, do: dict[str, Any], status: int, code: str
) -> None:
    reads = {BALANCES: f"/v1/accounts/{bot.account}/balances", DEPTH: f"{MARKET}/orderbook?max_age_ms=0"}
    for venue_path, path in reads.items():
        await venue.spoil(do, method="GET", path=venue_path, count=None)
        assert refused(await bot.call("GET", path), status, code)["venue"] == VENUE
        await venue.heal()
        await bot.ask("GET", path)


async def test_a_read_that_fails_once_is_repeated_and_nobody_notices(bot: Bot, venue: VenueControl) -> None:
    for do in ({"status": 500}, {"close": True}):
        await venue.spoil(do, method="GET", path=BALANCES)
        await bot.ask("GET", f"/v1/accounts/{bot.account}/balances")


async def test_the_order_of_a_bot_that_hangs_up_is_seen_through(bot: Bot, venue: VenueControl) -> None:
    before = len(await venue.orders())
    await venue.spoil({"hang_ms": 500}, when="after_execute")
    body = bot.order()
    with pytest.raises(httpx.ReadTimeout):
        await bot.http.post("/v1/orders", json=body, timeout=0.2)
    order = await bot.settled(body["client_order_id"])
    assert (order["status"], order["unknown"]) == ("pending", None)
    assert answered(await bot.call("POST", "/v1/orders", body), 200)["order_id"] == order["order_id"]
    assert len(await venue.orders()) == before + 1


async def test_without_redis_no_order_is_sent_and_cancels_still_are(
    stack: Stack, bot: Bot, venue: VenueControl
) -> None:
    resting, other = await bot.rest(), await bot.rest()
    before = len(await venue.orders())
    process = stack.redis.process
    assert process is not None
    process.kill()
    process.wait()
    name = new_id()
    refused(await bot.place(client_order_id=name), 503, "STORE_UNAVAILABLE", outcome="not_sent")
    await eventually(lambda: answers_with(bot, "/readyz", 503), what="not ready")
    assert await answers_with(bot, "/healthz", 200)
    refused(await bot.place(client_order_id=name), 503, "STORE_UNAVAILABLE", outcome="not_sent")
    refused(await bot.call("GET", f"/v1/accounts/{bot.account}/balances"), 503, "STORE_UNAVAILABLE")
    refused(await bot.call("GET", f"/v1/orders/{other['order_id']}"), 503, "STORE_UNAVAILABLE")
    cancelled = await bot.call("DELETE", f"/v1/orders/{resting['order_id']}")
    assert cancelled.status_code == 200, cancelled.text
    assert cancelled.json()["data"]["status"] == "cancelled"
    assert len(await venue.orders()) == before

    stack.redis.start()
    await eventually(lambda: answers_with(bot, "/readyz", 200), what="ready again")
    await eventually(lambda: is_placed(bot, name), what="orders go out again")
    assert (await bot.ask("GET", f"/v1/orders/{resting['order_id']}"))["status"] == "cancelled"
    assert (await bot.ask("DELETE", f"/v1/orders/{other['order_id']}"))["status"] == "cancelled"
    assert len(await venue.orders()) == before + 1


async def answers_with(bot: Bot, path: str, status: int) -> bool:
    return (await bot.call("GET", path)).status_code == status


async def is_placed(bot: Bot, client_order_id: str) -> bool:
    return (await bot.place(client_order_id=client_order_id)).status_code in {200, 201}


async def test_a_venue_that_is_not_there_is_named_and_harms_nothing_else(own_stack: Stack, tmp_path: Path) -> None:
    async with bot_of(own_stack) as bot:
        resting = await bot.rest()
        own_stack.venues[VENUE].process.kill()
        own_stack.venues[VENUE].process.wait()
        name = new_id()
        for _ in range(2):
            refused_order = await bot.place(client_order_id=name)
            assert refused(refused_order, 503, "VENUE_UNAVAILABLE", outcome="not_sent")["venue"] == VENUE
        refused(await bot.call("GET", bot.by_client_id(name)), 404, "ORDER_NOT_FOUND", field="client_order_id")
        for path in (f"/v1/accounts/{bot.account}/balances", f"{MARKET}/orderbook?max_age_ms=0"):
            assert refused(await bot.call("GET", path), 503, "VENUE_UNAVAILABLE")["venue"] == VENUE
        path = f"/v1/orders/{resting['order_id']}"
        refused(await bot.call("DELETE", path), 503, "VENUE_UNAVAILABLE", outcome="not_sent")
        shown = await bot.call("GET", path)
        assert answered(shown)["status"] == "pending"
        assert shown.json()["meta"]["source"] == "cache", "what is known, and said to be no more than that"
        assert await answers_with(bot, "/healthz", 200)
        assert await answers_with(bot, "/readyz", 200)
        assert answered(await bot.call("GET", "/v1/markets?venue=backpack"))["total"] == 4
        with venue_again(own_stack, tmp_path):
            await eventually(lambda: is_placed(bot, name), what="the id was free all the time")
            await eventually(lambda: answers_with(bot, f"/v1/accounts/{bot.account}/balances", 200))


@contextmanager
def venue_again(stack: Stack, tmp_path: Path) -> Iterator[None]:
    """The simulated venue once more, where it was."""
    arguments = ["--venue", VENUE, "--port", str(httpx.URL(stack.venues[VENUE].url).port)]
    with child("sandbox", arguments, log=tmp_path / "venue.log", env=os.environ) as process:
        first_line(process, tmp_path / "venue.log", timeout_s=20)
        yield


@pytest.mark.parametrize("own_stack", [2], indirect=True)
async def test_the_orders_of_a_replica_that_was_killed_are_settled_by_another(own_stack: Stack) -> None:
    """Killed between send and answer: one order had been executed by then, the other had not."""
    async with bot_of(own_stack, 0) as doomed, bot_of(own_stack, 1) as bot, venue_of(own_stack) as venue:
        placed, lost = doomed.order(), doomed.order()
        for when in ("after_execute", "before"):
            await venue.spoil({"hang_ms": 20_000}, when=when)
        async with asyncio.TaskGroup() as tasks:
            for number, body in enumerate((lost, placed), 1):  # a rule that strikes before comes first
                tasks.create_task(cut_off(doomed, body))
                await eventually(partial(has_seen, venue, number), what="the order is at the venue")
            own_stack.gateways[0].process.kill()
            repeated = await bot.call("POST", "/v1/orders", placed)

        assert repeated.status_code in {200, 202}, "never 201: nothing is sent again"
        found = await bot.settled(placed["client_order_id"], within_s=15)
        assert (found["status"], [found["venue_order_id"]]) == ("pending", await venue.orders())
        gone = await bot.settled(lost["client_order_id"], within_s=15)
        assert (gone["status"], gone["reason"]) == ("rejected", "NOT_PLACED")
        assert answered(await bot.call("POST", "/v1/orders", placed), 200)["order_id"] == found["order_id"]
        assert (await bot.ask("DELETE", f"/v1/orders/{found['order_id']}"))["status"] == "cancelled"
        assert len(await venue.orders()) == 1


async def cut_off(bot: Bot, body: dict[str, Any]) -> None:
    """Place an order at a replica that dies before it can answer."""
    with pytest.raises(httpx.TransportError):
        await bot.call("POST", "/v1/orders", body)


async def has_seen(venue: VenueControl, orders: int) -> bool:
    calls = (await venue.get("/sim/ledger/totals"))["by_call"]
    return bool(calls.get(f"POST {PLACE}", 0) == orders)


async def test_a_replica_told_to_end_finishes_what_is_in_flight(own_stack: Stack) -> None:
    [gateway] = own_stack.gateways
    async with bot_of(own_stack) as bot, venue_of(own_stack) as venue:
        await venue.spoil({"hang_ms": 600}, when="after_execute")
        async with asyncio.TaskGroup() as tasks:
            placing = tasks.create_task(bot.place())
            await eventually(lambda: has_seen(venue, 1), what="the order is at the venue")
            gateway.process.terminate()
        assert answered(placing.result(), 201)["status"] == "pending"
        assert await asyncio.to_thread(gateway.process.wait, 12) == 0

"""What a venue's REST side and the clocks may do while orders go out; the venue's ledger is the judge."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.end_to_end.bots import PLACE, VENUE, Bot, answered, bot_of, eventually, refused
from tests.faults.fleets import calls_of, orders_at, quick
from tests.harness.fleet import Fleet, fleet


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    with fleet(quick()) as started:
        yield started


@pytest.fixture
def ours(shared: Fleet) -> Iterator[Fleet]:
    yield shared
    for venue in shared.venues.values():
        venue.control.delay_histories(0)
        venue.control.maintenance(on=False)
    shared.heal()


@pytest.fixture
async def bot(ours: Fleet) -> AsyncIterator[Bot]:
    async with bot_of(ours) as one:
        yield one


@pytest.fixture
async def elsewhere(ours: Fleet) -> AsyncIterator[Bot]:
    """At the other venue."""
    async with bot_of(ours, account="zb-desk-a") as one:
        one.symbol = "SOL-USDC-PERP"
        yield one


async def offset_ms(bot: Bot) -> int:
    status = await bot.ask("GET", "/v1/system/status")
    [offset] = [venue["clock_offset_ms"] for venue in status["venues"] if venue["venue"] == VENUE]
    return int(offset)


# --- the clocks of replicas


@pytest.mark.parametrize("ahead_ms", [10_000, -10_000])
async def test_a_replica_whose_clock_is_wrong_trades_right(ours: Fleet, ahead_ms: int) -> None:
    before = orders_at(ours)
    ours.replicas[0].skew_ms = ahead_ms
    async with bot_of(ours) as wrong, bot_of(ours, 1) as right:
        order = await wrong.rest()
        assert (await right.find(order["client_order_id"]))["venue_order_id"] == order["venue_order_id"]
        late = await wrong.place(valid_until=await now_ms(right) - 2_000)
        refused(late, 400, "VALID_UNTIL_PASSED", outcome="not_sent", field="valid_until")
        assert orders_at(ours) == [*before, order["venue_order_id"]]
        right.http.headers["Authorization"] = f"Bearer {wrong.token}"
        known = await right.call("GET", f"/v1/orders/{order['order_id']}")
        assert known.status_code == (401 if ahead_ms > 0 else 200), "what is issued in 10 s is not good yet"


@pytest.mark.parametrize("ahead_ms", [4_000, -4_000])
async def test_tokens_are_good_at_replicas_whose_clocks_differ_a_little(ours: Fleet, ahead_ms: int) -> None:
    ours.replicas[0].skew_ms = ahead_ms
    async with bot_of(ours) as wrong, bot_of(ours, 1) as right:
        wrong.http.headers, right.http.headers = right.http.headers, wrong.http.headers
        for bot in (wrong, right):
            await bot.ask("GET", f"/v1/accounts/{bot.account}/balances")


async def now_ms(bot: Bot) -> int:
    """By the clock of its replica."""
    return int((await bot.call("GET", "/v1/system/status")).json()["timestamp"])


# --- histories, answers, redirects, maintenance, slowness, copies


SPOILT: dict[str, dict[str, Any]] = {
    "the answer to another order": {"change": {"id": "4711", "clientId": 4711}},
    "another size": {"change": {"quantity": "7"}},
    "a redirect": {"status": 307, "headers": {"Location": PLACE}, "body": ""},
    "a redirect elsewhere": {"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}, "body": ""},
}


@pytest.mark.parametrize("how", SPOILT)
async def test_what_is_no_answer_leaves_the_order_to_be_found(ours: Fleet, bot: Bot, how: str) -> None:
    before, seen = orders_at(ours), calls_of(ours, f"POST {PLACE}")
    match = {"method": "POST", "path": PLACE}
    ours.venues[VENUE].control.fault(SPOILT[how], match=match, when="after_execute")
    answer = await bot.place()
    order = answered(answer, answer.status_code)
    assert answer.status_code in {201, 202}
    settled = await bot.settled(order["client_order_id"])
    assert orders_at(ours) == [*before, settled["venue_order_id"]]
    assert settled["quantity"] == "0.1"
    assert calls_of(ours, f"POST {PLACE}") == seen + 1


async def test_maintenance_stops_orders_there_and_nothing_else(ours: Fleet, bot: Bot, elsewhere: Bot) -> None:
    resting, before = await bot.rest(), orders_at(ours)
    ours.venues[VENUE].control.maintenance(on=True, message="Back soon")
    order = answered(await bot.place(), 202)
    await bot.ask("GET", f"/v1/accounts/{bot.account}/balances")
    assert (await bot.ask("GET", f"/v1/orders/{resting['order_id']}"))["status"] == "pending"
    await elsewhere.rest()
    assert (await bot.settled(order["client_order_id"]))["reason"] == "NOT_PLACED"
    ours.venues[VENUE].control.maintenance(on=False)
    await bot.rest()
    assert len(orders_at(ours)) == len(before) + 1


async def test_an_order_that_is_sent_twice_on_the_way_is_two_at_a_venue_that_lets_it(ours: Fleet, bot: Bot) -> None:
    """What is: one of them is known to nobody here."""
    before = orders_at(ours)
    ours.replicas[0].to_venue[VENUE].replay("POST", PLACE)
    order = await bot.rest()
    new = orders_at(ours)[len(before) :]
    assert (len(new), new[1]) == (2, order["venue_order_id"])


async def test_histories_that_are_late_by_no_rule_prove_no_absence(ours: Fleet, bot: Bot) -> None:
    ours.venues[VENUE].control.delay_histories(200, jitter_seed=5)
    ours.venues[VENUE].control.strike_sockets("half_open", account="desk-a")
    price, before = await bot.taking_price(), orders_at(ours)
    rule = {"match": {"method": "POST", "path": PLACE}, "when": "after_execute"}
    orders = []
    for _ in range(3):
        ours.venues[VENUE].control.fault({"close": True}, **rule)
        orders.append(answered(await bot.place(price=price, time_in_force="IOC"), 202))
    settled = [await bot.settled(order["client_order_id"], 15) for order in orders]
    assert {order["status"] for order in settled} == {"filled"}
    assert orders_at(ours) == [*before, *(order["venue_order_id"] for order in settled)]


async def test_a_venue_that_is_slow_slows_nobody_elsewhere(ours: Fleet, bot: Bot, elsewhere: Bot) -> None:
    loop = asyncio.get_running_loop()
    ours.venues[VENUE].control.fault({"hang": True}, match={"path": "/api/*"}, count=None)
    async with asyncio.TaskGroup() as tasks:
        slow = [tasks.create_task(bot.place()) for _ in range(4)]
        started_s = loop.time()
        await elsewhere.rest()
        quick_s = loop.time() - started_s
        assert not any(task.done() for task in slow), f"none of the slow ones was answered within {quick_s:.1f} s"
    assert {task.result().status_code for task in slow} <= {202, 503}


# --- the clock of a venue: last, since a replica learns only within 30 s that a venue's clock is right again


async def test_a_venue_that_calls_our_time_wrong_is_measured_and_traded_with_again(ours: Fleet, bot: Bot) -> None:
    before = orders_at(ours)
    ours.venues[VENUE].control.step_clock(10_000)
    placed: list[str] = []

    async def is_placed() -> bool:
        answer = await bot.place()
        if answer.status_code != 201:
            refused(answer, answer.status_code, answer.json()["error"]["code"], outcome="rejected")
            return False
        placed.append(answered(answer, 201)["venue_order_id"])
        return True

    assert not await is_placed(), "signed too long ago, by the venue's clock"
    await eventually(is_placed, what="orders go out again")
    assert orders_at(ours) == [*before, *placed], "what was refused is not there"
    assert abs(await offset_ms(bot) - 10_000) < 2_000


async def test_a_venue_whose_clock_was_set_back_is_traded_with(ours: Fleet, bot: Bot) -> None:
    before = orders_at(ours)
    ours.venues[VENUE].control.step_clock(-10_000)
    order = await bot.rest()
    assert (await bot.ask("DELETE", f"/v1/orders/{order['order_id']}"))["status"] == "cancelled"
    assert orders_at(ours) == [*before, order["venue_order_id"]]


async def test_an_order_that_was_filled_and_not_answered_is_found_by_a_venue_set_back(ours: Fleet, bot: Bot) -> None:
    price = await bot.taking_price()
    control = ours.venues[VENUE].control
    control.strike_sockets("half_open", account="desk-a")
    control.step_clock(-10_000)
    control.fault({"close": True}, match={"method": "POST", "path": PLACE}, when="after_execute")
    order = answered(await bot.place(price=price, time_in_force="IOC"), 202)
    settled = await bot.settled(order["client_order_id"], 20)
    assert (settled["status"], settled["venue_order_id"]) == ("filled", orders_at(ours)[-1])

"""What may happen to a replica, or to its Redis, while an order is on its way; the venue's ledger is the judge."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from gateway.cli.stack import listening_url
from tests.end_to_end.bots import PLACE, VENUE, VENUE_SYMBOL, Bot, answered, bot_of, eventually, new_id, refused
from tests.faults.fleets import calls_of, orders_at, quick
from tests.harness.fault_proxy import HOST
from tests.harness.faults import Delay, Hold, Hole, Pass, Reset
from tests.harness.fleet import Fleet, fleet

ARRIVAL = f"POST {PLACE}"
STEP = Delay(0.2)
"""What puts so much time between the steps of an order that a test comes in between."""
STORE_TIMEOUT_S = 1.0


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    options = quick()
    with fleet(replace(options, settings={**options.settings, "redis": {"timeout_s": STORE_TIMEOUT_S}})) as started:
        yield started


@pytest.fixture
def ours(shared: Fleet) -> Iterator[Fleet]:
    yield shared
    shared.heal()


@pytest.fixture
async def bot(ours: Fleet) -> AsyncIterator[Bot]:
    """At the second replica, to which nothing happens."""
    async with bot_of(ours, 1) as one:
        yield one


@asynccontextmanager
async def sending(ours: Fleet, body: dict[str, Any]) -> AsyncIterator["asyncio.Task[httpx.Response | None]"]:
    """An order on its way at the first replica; its answer, or None if none came."""
    async with bot_of(ours) as doomed, asyncio.TaskGroup() as tasks:

        async def place() -> httpx.Response | None:
            try:
                return await doomed.call("POST", "/v1/orders", body)
            except httpx.TransportError:
                return None

        yield tasks.create_task(place())


async def in_state(ours: Fleet, body: dict[str, Any], state: str) -> None:
    """Until Redis holds the order in this state."""
    prefix = f"cg:{{{VENUE}}}:order"
    index = f"{prefix}:client:{body['account']}:demo-bot:{body['client_order_id']}"

    async def is_so() -> bool:
        order_id = ours.redis.ask("HGET", index, "order_id")
        if order_id is None:
            return False
        kept: bytes = ours.redis.ask("HGET", f"{prefix}:record:{order_id.decode()}", "state")
        return kept.decode() == state

    await eventually(is_so, what=f"the order is {state}")


def order_of(bot: Bot) -> dict[str, Any]:
    """One that waits for nothing, so that its claim ends soon."""
    return bot.order(max_wait_ms=0)


def order_by_steps(bot: Bot) -> dict[str, Any]:
    """One that is claimed in a step of its own: what to do should its answer be lost is written down next."""
    return order_of(bot) | {"on_unknown": "cancel"}


async def placed_in_the_end(bot: Bot, body: dict[str, Any]) -> dict[str, Any]:
    """What becomes of an order whose id is free, or will be when a claim has lapsed."""
    answers: list[httpx.Response] = []

    async def is_taken() -> bool:
        answers.append(await bot.call("POST", "/v1/orders", body))
        return answers[-1].status_code in {200, 201}

    await eventually(is_taken, 15, what=f"{body['client_order_id']} is placed")
    order: dict[str, Any] = answered(answers[-1], answers[-1].status_code)
    return order


async def arrives(ours: Fleet, before: int) -> None:
    async def is_so() -> bool:
        return calls_of(ours, ARRIVAL) > before

    await eventually(is_so, what="the order is at the venue")


# --- replicas that die or stand still


async def test_a_replica_killed_over_its_claim_leaves_the_id_free(ours: Fleet, bot: Bot) -> None:
    before, body = orders_at(ours), order_by_steps(bot)
    ours.replicas[0].to_redis.set(to_client=STEP)
    async with sending(ours, body):
        await in_state(ours, body, "claimed")
        ours.replicas[0].kill()
    order = await placed_in_the_end(bot, body)
    assert orders_at(ours) == [*before, order["venue_order_id"]]


async def test_orders_of_a_bot_that_died_with_its_replica_are_gone_soon_after_the_deadline(
    ours: Fleet, bot: Bot
) -> None:
    async def resting() -> set[str]:
        """Judged by the venue's own book, where nobody else has these prices."""
        async with httpx.AsyncClient(base_url=ours.venues[VENUE].url, trust_env=False) as venue:
            book = (await venue.get("/api/v1/depth", params={"symbol": VENUE_SYMBOL, "limit": 1000})).json()
        return {price for price, _ in book["bids"]} & {"131.07", "131.09"}

    async def both_rest() -> bool:
        return len(await resting()) == 2

    ours.replicas[0].to_venue[VENUE].set(to_client=Delay(1.0))  # the last order is still on its way when it dies
    await bot.rest(price="131.07")
    async with bot_of(ours) as doomed:
        switch = await doomed.ask("PUT", f"/v1/accounts/{bot.account}/cancel-after", {"timeout_ms": 2_000})
    async with sending(ours, order_of(bot) | {"price": "131.09"}):
        await eventually(both_rest, what="both rest at the venue")
        ours.replicas[0].kill()

    states: list[dict[str, Any]] = []

    async def is_done() -> bool:
        states.append(await bot.ask("GET", f"/v1/accounts/{bot.account}/cancel-after"))
        return states[-1]["cancelled"] is not None

    await eventually(is_done, 15, what="the switch has done its work")
    assert await resting() == set()
    assert switch["deadline"] <= states[-1]["fired_at"] < switch["deadline"] + 5_000
    assert states[-1]["cancelled"] >= 2


async def test_a_replica_killed_over_its_send_leaves_an_order_that_is_settled(ours: Fleet, bot: Bot) -> None:
    before, body = orders_at(ours), order_of(bot)
    ours.replicas[0].to_venue[VENUE].set(to_server=Hole())
    async with sending(ours, body):
        await in_state(ours, body, "sent")
        ours.replicas[0].kill()
    order = await bot.settled(body["client_order_id"], 15)
    assert (order["status"], order["reason"]) == ("rejected", "NOT_PLACED")
    assert answered(await bot.call("POST", "/v1/orders", body), 200)["status"] == "rejected"
    assert orders_at(ours) == before


async def test_all_replicas_killed_after_the_venue_took_an_order_find_it_when_they_are_back(ours: Fleet) -> None:
    async with bot_of(ours, 1) as other:
        lost = order_of(other)
        taken = order_of(other)
    before, seen = orders_at(ours), calls_of(ours, ARRIVAL)
    for replica in ours.replicas:
        replica.to_venue[VENUE].set(to_client=Hole())
    async with sending(ours, taken):
        await arrives(ours, seen)
        for replica in ours.replicas:
            replica.to_venue[VENUE].set(to_server=Hole())
        async with sending(ours, lost):
            await in_state(ours, lost, "sent")
            for replica in ours.replicas:
                replica.kill()
    ours.heal()
    async with bot_of(ours) as bot:
        found = await bot.settled(taken["client_order_id"], 15)
        assert [*before, found["venue_order_id"]] == orders_at(ours)
        assert found["status"] == "pending"
        assert (await bot.settled(lost["client_order_id"], 15))["reason"] == "NOT_PLACED"
        assert (await bot.ask("DELETE", f"/v1/orders/{found['order_id']}"))["status"] == "cancelled"


async def test_a_replica_that_stood_still_over_its_claim_sends_nothing_when_it_goes_on(ours: Fleet, bot: Bot) -> None:
    before, seen, body = orders_at(ours), calls_of(ours, ARRIVAL), order_by_steps(bot)
    ours.replicas[0].to_redis.set(to_client=STEP)
    async with sending(ours, body) as late:
        await in_state(ours, body, "claimed")
        ours.replicas[0].pause()
        order = await placed_in_the_end(bot, body)
        ours.replicas[0].resume()
        ours.replicas[0].to_redis.set(to_client=Pass())
        answer = await late
    if answer is not None and answer.status_code == 503:
        refused(answer, 503, "STORE_UNAVAILABLE", outcome="not_sent")
    else:
        assert answer is None or answered(answer, 200)["order_id"] == order["order_id"]
    assert orders_at(ours) == [*before, order["venue_order_id"]]
    assert calls_of(ours, ARRIVAL) == seen + 1
    assert (await bot.find(body["client_order_id"]))["status"] == "pending"


async def test_a_replica_that_stood_still_over_its_send_changes_nothing_when_it_goes_on(ours: Fleet, bot: Bot) -> None:
    before, seen, body = orders_at(ours), calls_of(ours, ARRIVAL), order_of(bot)
    ours.replicas[0].to_venue[VENUE].set(to_client=Hold())
    async with sending(ours, body) as late:
        await arrives(ours, seen)
        ours.replicas[0].pause()
        async with httpx.AsyncClient(base_url=ours.urls[0], trust_env=False, timeout=0.2) as balancer:
            with pytest.raises(httpx.ReadTimeout):
                await balancer.get("/readyz")
        order = await bot.settled(body["client_order_id"], 15)
        gone = await bot.ask("DELETE", f"/v1/orders/{order['order_id']}")
        assert (order["status"], gone["status"]) == ("pending", "cancelled")
        ours.replicas[0].resume()
        ours.replicas[0].to_venue[VENUE].set(to_client=Pass())
        await late
    assert orders_at(ours) == [*before, order["venue_order_id"]]
    assert (await bot.find(body["client_order_id"]))["status"] == "cancelled", "an older view changes nothing"


async def test_a_replica_that_starts_while_a_venue_is_away_serves_the_other(ours: Fleet) -> None:
    replica = ours.replicas[0]
    ours.venues["zanbara"].kill()
    replica.kill()
    replica.begin()

    async def listens() -> bool:
        return replica.log.exists() and listening_url(replica.log) is not None

    await eventually(listens, what="the replica listens")
    replica.front.retarget(HOST, httpx.URL(str(listening_url(replica.log))).port)
    replica.front.accept()
    async with bot_of(ours) as bot:

        async def is_ready() -> bool:
            return (await bot.http.get("/readyz")).status_code == 200

        await eventually(is_ready, what="the replica is ready")
        await placed_in_the_end(bot, bot.order())
        status = await bot.ask("GET", "/v1/system/status")
        assert (status["status"], {"zanbara has not told its markets yet"} <= set(status["problems"])) == (
            "degraded",
            True,
        )
        ours.venues["zanbara"].start()
        replica.wait_until_up()
        bot.account, bot.symbol = "zb-desk-a", "SOL-USDC-PERP"
        await bot.rest()


# --- Redis


async def test_an_order_whose_admission_got_no_answer_is_not_sent(ours: Fleet, bot: Bot) -> None:
    before, seen, body = orders_at(ours), calls_of(ours, ARRIVAL), order_of(bot)
    link = ours.replicas[0].to_redis
    async with bot_of(ours) as first:
        link.set(to_client=Reset())
        refused(await first.call("POST", "/v1/orders", body), 503, "STORE_UNAVAILABLE", outcome="not_sent")
        assert calls_of(ours, ARRIVAL) == seen
        link.heal()
        order = await placed_in_the_end(bot, body)
    assert order["status"] in {"pending", "rejected"}
    assert orders_at(ours) == [*before, *([order["venue_order_id"]] if order["venue_order_id"] else [])]


async def test_a_send_whose_leave_is_lost_is_not_made(ours: Fleet, bot: Bot) -> None:
    before, seen, body = orders_at(ours), calls_of(ours, ARRIVAL), order_of(bot)
    link = ours.replicas[0].to_redis
    link.set(to_client=STEP)
    async with sending(ours, body) as first:
        await in_state(ours, body, "sent")
        link.refuse()
        answer = await first
        assert answer is not None
        refused(answer, 503, "STORE_UNAVAILABLE", outcome="not_sent")
    assert calls_of(ours, ARRIVAL) == seen
    link.heal()
    order = await placed_in_the_end(bot, body)
    assert order["status"] in {"pending", "rejected"}
    assert orders_at(ours) == [*before, *([order["venue_order_id"]] if order["venue_order_id"] else [])]


UNFIT: dict[str, Callable[[Fleet], None]] = {
    "a replica of another": lambda ours: ours.redis.turn_read_only(),
    "without rights": lambda ours: ours.redis.ask("ACL", "SETUSER", "default", "-eval", "-evalsha", "-multi"),
}


@pytest.mark.parametrize("how", UNFIT)
async def test_a_redis_that_takes_no_writes_stops_orders_and_no_cancel(ours: Fleet, bot: Bot, how: str) -> None:
    resting, name = await bot.rest(), new_id()
    before = orders_at(ours)
    UNFIT[how](ours)
    try:
        refused(await bot.place(client_order_id=name), 503, "STORE_UNAVAILABLE", outcome="not_sent")
        assert (await bot.ask("DELETE", f"/v1/orders/{resting['order_id']}"))["status"] == "cancelled"
        assert orders_at(ours) == before
    finally:
        ours.redis.ask("ACL", "SETUSER", "default", "+@all")
        ours.redis.heal()
    order = await placed_in_the_end(bot, bot.order(client_order_id=name))
    assert orders_at(ours) == [*before, order["venue_order_id"]]


async def test_an_order_goes_to_redis_a_bounded_number_of_times(ours: Fleet) -> None:
    """Counted by what a Redis that is far away costs."""
    loop, away_s = asyncio.get_running_loop(), 0.3
    async with bot_of(ours) as bot:
        await bot.rest()
        ours.replicas[0].to_redis.set(to_client=Delay(away_s))
        started_s = loop.time()
        await bot.rest()
        assert loop.time() - started_s < 7 * away_s, "claim, grant, leave to send, record, and time for the rest"

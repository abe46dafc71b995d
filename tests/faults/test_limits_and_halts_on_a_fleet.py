"""Limits raced for by three replicas, and halts that reach all of them; the venue's ledger is the judge."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.auth.secrets import secret_sha256
from gateway.cli.commands import app
from tests.end_to_end.bots import Bot, answered, bot_of, eventually, refused
from tests.faults.fleets import orders_at, quick
from tests.harness.fleet import Fleet, fleet

OFFICER = ("risk-desk", "a secret of the risk desk")
CAP = 10
MARKETS = {"SOL_USDC": {"limits": {"price_band": "0.2", "max_notional": "100"}}}


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    options = quick()
    ours: dict[str, Any] = {
        "accounts": {"bp-desk-a": {"limits": {"max_open_orders": CAP}}},
        "clients": {OFFICER[0]: {"scopes": ["read", "risk"], "key_sha256": [secret_sha256(OFFICER[1])]}},
        "venues": {"backpack": {**options.settings["venues"]["backpack"], "markets": MARKETS}},
    }
    settings = {**options.settings, **ours}
    with fleet(replace(options, replicas=3, venues=("backpack",), settings=settings)) as started:
        yield started


@pytest.fixture
async def bots(shared: Fleet) -> AsyncIterator[list[Bot]]:
    """One at each replica; what they leave open is cancelled, and halts are lifted."""
    async with AsyncExitStack() as opened:
        yield [await opened.enter_async_context(bot_of(shared, number)) for number in range(3)]
        shared.heal()
        async with officer_of(shared) as officer:
            for halt in await officer.ask("GET", "/v1/admin/halts"):
                await officer.ask("DELETE", f"/v1/admin/halts?scope={halt['scope']}&name={halt['name']}")
        one = await opened.enter_async_context(bot_of(shared))
        for order in await open_orders(one):
            await one.call("DELETE", f"/v1/orders/{order['order_id']}")


def officer_of(shared: Fleet, replica: int = 0) -> Any:
    return bot_of(shared, replica, client=OFFICER)


async def open_orders(bot: Bot) -> list[dict[str, Any]]:
    page = await bot.ask("GET", f"/v1/orders?account={bot.account}&status=open&limit=100")
    found: list[dict[str, Any]] = page["items"]
    return found


async def halt(officer: Bot, **members: Any) -> dict[str, Any]:
    body = {"scope": "global", "mode": "no_new", "reason": "drill"} | members
    change: dict[str, Any] = await officer.ask("POST", "/v1/admin/halts", body)
    return change


@asynccontextmanager
async def orders_flowing(bots: list[Bot]) -> AsyncIterator[list[Counter[int]]]:
    """Orders and their cancels at every replica, one after the other; by replica, how each order was answered."""
    answers = [Counter[int]() for _ in bots]

    async def flow(bot: Bot, seen: Counter[int]) -> None:
        while True:
            answer = await bot.place()
            seen[answer.status_code] += 1
            if answer.status_code == 201:
                await bot.call("DELETE", f"/v1/orders/{answer.json()['data']['order_id']}")
            else:
                refused(answer, 403, "TRADING_HALTED", outcome="not_sent")

    tasks = [asyncio.create_task(flow(bot, seen)) for bot, seen in zip(bots, answers, strict=True)]
    try:
        yield answers
        assert not [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_sixty_orders_at_three_replicas_open_exactly_as_many_as_allowed(shared: Fleet, bots: list[Bot]) -> None:
    before = len(orders_at(shared))
    answers = await asyncio.gather(*(bots[number % 3].place() for number in range(60)))
    assert Counter(answer.status_code for answer in answers) == {201: CAP, 403: 60 - CAP}
    assert len(orders_at(shared)) == before + CAP
    refusal = next(answer for answer in answers if answer.status_code == 403)
    error = refused(refusal, 403, "RISK_REJECTED", outcome="not_sent")
    assert error["details"] == {
        "level": "account", "name": "bp-desk-a", "limit": "max_open_orders", "allowed": "10", "would_be": "11",
    }  # fmt: skip
    [order, *_] = await open_orders(bots[0])
    await bots[1].ask("DELETE", f"/v1/orders/{order['order_id']}")
    answered(await bots[2].place(), 201)
    levels = await bots[0].ask("GET", "/v1/accounts/bp-desk-a/risk")
    [use] = [level["use"] for level in levels if level["level"] == "account"]
    assert use["open_orders"] == CAP


async def test_an_order_is_judged_by_the_price_that_the_market_has_now(shared: Fleet, bots: list[Bot]) -> None:
    bid, ask = await bots[0].touch()
    before = orders_at(shared)
    dear = {"price": f"{ask * 2:.0f}", "time_in_force": "IOC"}
    error = refused(await bots[0].place(**dear), 403, "RISK_REJECTED", outcome="not_sent", field="price")
    details = error["details"]
    assert (details["level"], details["name"], details["limit"]) == ("market", "backpack/SOL-USDC", "price_band")
    assert float(bid) * 1.2 * 0.9 < float(details["allowed"]) < float(ask) * 1.2 * 1.1  # it has moved meanwhile
    large = {"type": "market", "price": None, "quantity": "1"}
    error = refused(await bots[1].place(**large), 403, "RISK_REJECTED", outcome="not_sent", field="quantity")
    assert (error["details"]["limit"], error["details"]["allowed"]) == ("max_notional", "100")
    error = refused(
        await bots[2].call("POST", "/v1/orders/validate", bots[2].order(**large)),
        403, "RISK_REJECTED", outcome="not_sent", field="quantity",
    )  # fmt: skip
    assert orders_at(shared) == before
    answered(await bots[0].place(type="market", price=None), 201)


async def test_a_halt_stops_orders_that_flow_at_every_replica_by_the_time_it_answers(
    shared: Fleet, bots: list[Bot]
) -> None:
    async with officer_of(shared) as officer, orders_flowing(bots) as answers:

        async def flows(status: int, count: int = 3) -> bool:
            return all(seen[status] >= count for seen in answers)

        await eventually(lambda: flows(201))
        change = await halt(officer)
        assert (len(change["acknowledged"]), change["missing"]) == (3, [])
        accepted = [seen[201] for seen in answers]
        await eventually(lambda: flows(403))
        # One order of each replica may have been on its way to its bot when the call was answered.
        assert all(seen[201] <= count + 1 for seen, count in zip(answers, accepted, strict=True))
        arrived = len(orders_at(shared))
        await eventually(lambda: flows(403, 10))
        assert len(orders_at(shared)) == arrived
        lifted = await officer.ask("DELETE", "/v1/admin/halts?scope=global")
        assert len(lifted["acknowledged"]) == 3
        count = min(seen[201] for seen in answers) + 5
        await eventually(lambda: flows(201, count))


async def test_a_replica_that_was_paused_and_one_that_starts_later_are_halted_too(
    shared: Fleet, bots: list[Bot]
) -> None:
    paused, restarted = shared.replicas[1], shared.replicas[2]
    async with officer_of(shared) as officer:
        paused.pause()
        waiting = asyncio.create_task(bots[1].place())
        change = await halt(officer, scope="account", name="bp-desk-a", mode="freeze")
        assert len(change["acknowledged"]) == 2
    arrived = orders_at(shared)
    restarted.kill()
    paused.resume()
    refused(await waiting, 403, "TRADING_HALTED", outcome="not_sent")
    restarted.begin()
    await asyncio.to_thread(restarted.wait_until_up)
    async with bot_of(shared, 2) as late:
        error = refused(await late.place(), 403, "TRADING_HALTED", outcome="not_sent")
        details = {"scope": "account", "name": "bp-desk-a", "mode": "freeze", "reason": "drill", "until": None}
        assert error["details"] == details
        known = await late.ask("GET", "/v1/system/status")
        assert known["halts"] == [details]
    assert orders_at(shared) == arrived


async def test_open_orders_are_cancelled_by_a_halt_that_asks_for_it(shared: Fleet, bots: list[Bot]) -> None:
    for bot in bots:
        await bot.rest()
    async with officer_of(shared, 1) as officer:
        await halt(officer, scope="client", name="demo-bot", cancel_open=True)

        async def is_over() -> bool:
            [now] = await officer.ask("GET", "/v1/admin/halts")
            return (now["cancelled"], now["resting"]) == (3, 0)

        await eventually(is_over)
        assert await open_orders(bots[0]) == []


def test_the_command_sets_shows_and_lifts_a_halt(shared: Fleet) -> None:
    def run(*arguments: str) -> str:
        options = ["--url", shared.urls[0], "--client", OFFICER[0]]
        result = CliRunner().invoke(app, ["halt", *arguments, *options], env={"CROSSGATE_API_SECRET": OFFICER[1]})
        assert result.exit_code == 0, result.output
        return result.output

    told = run("set", "symbol", "SOL_USDC", "--mode", "reduce_only", "--reason", "drill")
    assert "set: symbol SOL-USDC: reduce_only, until lifted, by risk-desk" in told
    assert "symbol SOL-USDC: reduce_only" in run("list")
    assert "lifted: symbol SOL-USDC" in run("lift", "symbol", "SOL-USDC")
    assert run("lift", "symbol", "SOL-USDC") == "nothing was halted by that name\n"
    assert run("list") == "nothing is halted\n"

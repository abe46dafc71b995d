"""The venue's limit under backlog: never exceeded and hardly wasted, by the venue's own strict count."""

import asyncio
import itertools
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from gateway.cli.stack import Stack, StackOptions, running
from tests.end_to_end.bots import Bot, VenueControl, bot_of, refused

LIMIT = 60
PERIOD_MS = 2_000
"""The real period thirty times shorter, at a rate a machine that is busy with other tests can keep up with."""
PERIODS = 6
HISTORICAL = 30
BOTS_PER_REPLICA = 10
LEAST_USE = 0.8
"""On machines busy with other tests; how much is used on a quiet one is `make bench-limiter`'s to say."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Two replicas at a venue that counts strictly, with limits scaled down on both sides."""
    limits = {
        name: {"limit": HISTORICAL if name.endswith("historical") else LIMIT, "period_ms": PERIOD_MS}
        for name in ("account", "account_historical", "ip", "ip_historical")
    }
    options = StackOptions(
        replicas=2,
        sandbox_arguments=[
            *("--limit", f"standard={LIMIT}", "--limit", f"historical={HISTORICAL}"),
            *("--limit-period-ms", str(PERIOD_MS), "--strict-limits"),
        ],
        # What is kept for cancels is no waste, and whether there are enough of them to use it is chance: none is kept.
        settings={
            "venues": {"backpack": {"limits": limits}},
            # Reads come after orders and cancels, so they may have to wait for as long as there are enough of these.
            "limiter": {"reserve_share": 0, "max_wait_ms": 2 * PERIODS * PERIOD_MS},
        },
    )
    with running(options) as started:
        yield started


@pytest.fixture
async def crowd(stack: Stack) -> AsyncIterator[list[Bot]]:
    """Bots of one account at both replicas."""
    async with AsyncExitStack() as bots:
        yield [await bots.enter_async_context(bot_of(stack, number % 2)) for number in range(2 * BOTS_PER_REPLICA)]


async def place_and_cancel(bot: Bot) -> AsyncIterator[int]:
    for _ in itertools.count():
        placed = await bot.place()
        yield placed.status_code
        if placed.is_success:
            yield (await bot.call("DELETE", f"/v1/orders/{placed.json()['data']['order_id']}")).status_code


async def read_an_order(bot: Bot) -> AsyncIterator[int]:
    placed = await bot.rest()
    yield 201
    while True:
        yield (await bot.call("GET", f"/v1/orders/{placed['order_id']}")).status_code


async def read_the_account(bot: Bot) -> AsyncIterator[int]:
    for what in itertools.cycle(("balances", "positions")):
        yield (await bot.call("GET", f"/v1/accounts/{bot.account}/{what}")).status_code


HABITS = (place_and_cancel, place_and_cancel, read_an_order, read_the_account)


async def live(answers: AsyncIterator[int], until: float, seen: Counter[int]) -> None:
    """One bot's day: as fast as it is answered."""
    async for status in answers:
        seen[status] += 1
        if time.monotonic() > until:
            return


async def test_twenty_bots_at_two_replicas_use_the_limit_and_never_exceed_it(
    crowd: list[Bot], venue: VenueControl
) -> None:
    seen: Counter[int] = Counter()
    until = time.monotonic() + PERIODS * PERIOD_MS / 1000
    async with asyncio.TaskGroup() as tasks:
        for number, bot in enumerate(crowd):
            tasks.create_task(live(HABITS[number // 2 % len(HABITS)](bot), until, seen))

    ledger = await venue.get("/sim/ledger", account="desk-a")
    counted = ledger["limits"]["callers"]["desk-a"]["standard"]
    arrivals = [request["time_us"] / 1000 for request in ledger["requests"]]
    # At full use every request comes one period after the one that took the same unit: no window's edge blurs this.
    turns_ms = [later - earlier for earlier, later in zip(arrivals, arrivals[LIMIT:], strict=False)]
    use = PERIOD_MS * len(turns_ms) / sum(turns_ms)
    print(f"\nlimit of {LIMIT} per {PERIOD_MS} ms: {use:.1%} used; answers {dict(seen)}; windows {counted['windows']}")

    assert "429" not in ledger["totals"]["by_status"], "the venue had to refuse"
    assert ledger["limits"]["breaches"] == 0
    assert counted["most_in_any_window"] <= LIMIT
    assert min(turns_ms) >= PERIOD_MS
    assert seen.keys() == {200, 201}, "who can wait has its turn"
    assert len(turns_ms) >= (PERIODS - 1) * LIMIT * LEAST_USE
    assert use >= LEAST_USE


async def test_who_cannot_wait_is_told_how_long_it_would_take(crowd: list[Bot], venue: VenueControl) -> None:
    seen: Counter[int] = Counter()
    [impatient], others = crowd[:1], crowd[1:]
    async with asyncio.TaskGroup() as tasks:
        reading = [tasks.create_task(live(read_the_account(bot), math.inf, seen)) for bot in others]
        answer = await impatient.place(max_wait_ms=0)
        while answer.status_code == 201:
            answer = await impatient.place(max_wait_ms=0)
        for task in reading:
            task.cancel()
    error = refused(answer, 429, "RATE_LIMIT_EXCEEDED", outcome="not_sent")
    assert error["details"]["rule"] == "account"
    assert 0 < error["details"]["would_wait_ms"] <= PERIOD_MS + 500
    assert "429" not in (await venue.get("/sim/ledger/totals"))["by_status"]


async def test_who_has_left_is_not_waited_for_and_spends_nothing(stack: Stack, venue: VenueControl) -> None:
    async with bot_of(stack, 0) as bot, bot_of(stack, 0) as same_client:
        path = f"/v1/accounts/{bot.account}/balances"
        before = (await venue.get("/sim/ledger/totals"))["requests"]
        hasty = [asyncio.create_task(one.call("GET", path)) for one in (bot, same_client) for _ in range(2 * LIMIT)]
        await asyncio.wait(hasty, timeout=0.5)
        for task in hasty:
            task.cancel()
        await asyncio.gather(*hasty, return_exceptions=True)
        assert (await bot.call("GET", path)).status_code == 200  # whose turn comes after all of theirs
        assert (await venue.get("/sim/ledger/totals"))["requests"] - before <= 2 * LIMIT

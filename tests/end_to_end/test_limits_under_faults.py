"""The venue's limit while replicas are paused and killed and Redis dies: never exceeded, and used again afterwards."""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack

import httpx
import pytest

from gateway.cli.stack import Stack, StackOptions, running
from tests.end_to_end.bots import Bot, bot_of, venue_of

LIMIT, PERIOD_MS = 60, 1_500
BOTS_PER_REPLICA = 6
REPLICAS = 3


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Three replicas at a venue that counts strictly and answers late."""
    limits = {name: {"limit": LIMIT, "period_ms": PERIOD_MS} for name in ("account", "ip")}
    options = StackOptions(
        replicas=REPLICAS,
        sandbox_arguments=[
            *("--limit", f"standard={LIMIT}", "--limit-period-ms", str(PERIOD_MS), "--strict-limits"),
        ],
        settings={
            "venues": {"backpack": {"limits": limits, "read_timeout_s": 2}},
            "limiter": {"hard_timeout_ms": 4000},
        },
    )
    with running(options) as started:
        yield started


async def reads(bot: Bot, seen: Counter[int]) -> None:
    """As fast as it is answered, whatever happens to the gateway."""
    while True:
        try:
            seen[(await bot.call("GET", f"/v1/accounts/{bot.account}/balances")).status_code] += 1
        except httpx.TransportError:
            seen[0] += 1
            await asyncio.sleep(0.05)


async def test_the_limit_holds_while_replicas_pause_and_die_and_redis_is_killed(stack: Stack) -> None:
    seen: Counter[int] = Counter()

    async def until_read(more: int) -> None:
        target = seen[200] + more
        async with asyncio.timeout(15):
            while seen[200] < target:  # noqa: ASYNC110  # there is no event to wait for
                await asyncio.sleep(0.02)

    async with AsyncExitStack() as bots, venue_of(stack) as venue, asyncio.TaskGroup() as tasks:
        crowd = [
            await bots.enter_async_context(bot_of(stack, number % REPLICAS))
            for number in range(BOTS_PER_REPLICA * REPLICAS)
        ]
        running_bots = [tasks.create_task(reads(bot, seen)) for bot in crowd]
        await venue.spoil({"hang_ms": 300}, method="GET", path="/api/v1/capital", when="after_execute", count=20)
        await until_read(LIMIT)
        paused, killed = stack.gateways[1].process, stack.gateways[2].process
        paused.send_signal(signal.SIGSTOP)
        await until_read(LIMIT // 4)
        paused.send_signal(signal.SIGCONT)
        killed.kill()
        await until_read(LIMIT)
        assert stack.redis.process is not None
        stack.redis.process.kill()
        stack.redis.process.wait()
        await asyncio.sleep(0)
        stack.redis.start()
        await until_read(2 * LIMIT)
        for task in running_bots:
            task.cancel()
        ledger = await venue.get("/sim/ledger")
    assert "429" not in ledger["totals"]["by_status"], "the venue had to refuse"
    assert ledger["limits"]["breaches"] == 0
    assert ledger["limits"]["callers"]["desk-a"]["standard"]["most_in_any_window"] <= LIMIT
    assert set(seen) <= {0, 200, 429, 503}

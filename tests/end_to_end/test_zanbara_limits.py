"""Two rules at once, one counted by address and one by key: both held, both used, by the venue's own strict count."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from statistics import median

import httpx
import pytest

from gateway.cli.stack import Stack, StackOptions, running
from tests.end_to_end.bots import bot_of
from tests.end_to_end.test_limits import LEAST_USE, live, place_and_cancel

PERIOD_MS = 2_000
PERIODS = 8
BY_KEY, BY_ADDRESS = 40, 80
"""Two accounts behind one address: together they may do just what the address may."""
ACCOUNTS = ("zb-desk-a", "zb-desk-b")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    limits = {"ip_trade": BY_ADDRESS, "account_trade": BY_KEY}
    options = StackOptions(
        replicas=2,
        venue_ports={"zanbara": 0},
        sandbox_arguments=[
            *("--limit", f"ip_trade={BY_ADDRESS}", "--limit", f"key_trade={BY_KEY}"),
            *("--limit", "ip_query=1000", "--limit", "ip_market=1000", "--limit", "ip_system=1000"),
            *("--limit-period-ms", str(PERIOD_MS), "--strict-limits"),
        ],
        settings={
            # At limits this small the usual reserve for cancels would be a unit in twelve.
            "limiter": {"reserve_share": 0.01},
            "venues": {
                "zanbara": {
                    "limits": {name: {"limit": limit, "period_ms": PERIOD_MS} for name, limit in limits.items()}
                }
            },
        },
    )
    with running(options) as started:
        yield started


async def test_twenty_bots_use_both_limits_and_exceed_neither(stack: Stack) -> None:
    seen: Counter[int] = Counter()
    async with AsyncExitStack() as bots:
        crowd = [await bots.enter_async_context(bot_of(stack, number % 2)) for number in range(20)]
        for number, bot in enumerate(crowd):
            bot.account, bot.symbol = ACCOUNTS[number // 2 % 2], "SOL-USDC-PERP"
        until = time.monotonic() + PERIODS * PERIOD_MS / 1000
        async with asyncio.TaskGroup() as tasks:
            for bot in crowd:
                tasks.create_task(live(place_and_cancel(bot), until, seen))

    async with httpx.AsyncClient(base_url=stack.venues["zanbara"].url, trust_env=False) as venue:
        ledger = (await venue.get("/sim/ledger")).json()
    arrivals = [
        request["time_us"] / 1000
        for request in ledger["requests"]
        if request["path"].startswith("/v1/order/") and request["method"] == "POST"
    ]
    by_address = use_of(arrivals, BY_ADDRESS)
    print(f"\n{by_address:.1%} of {BY_ADDRESS} per {PERIOD_MS} ms by address used; answers {dict(seen)}")
    assert "429" not in ledger["totals"]["by_status"], "the venue had to refuse"
    assert ledger["limits"]["breaches"] == 0
    counted = ledger["limits"]["callers"]
    assert counted["127.0.0.1"]["ip_trade"]["most_in_any_window"] <= BY_ADDRESS
    for account in ("desk-a", "desk-b"):
        assert counted[account]["key_trade"]["most_in_any_window"] <= BY_KEY
        assert counted[account]["key_trade"]["arrivals"] >= BY_KEY * (PERIODS - 1) * LEAST_USE
    assert by_address >= LEAST_USE


def use_of(arrivals: list[float], limit: int) -> float:
    """At full use every request comes one period after the one that took the same unit; the median forgives hiccups."""
    turns_ms = [later - earlier for earlier, later in zip(arrivals, arrivals[limit:], strict=False)]
    return PERIOD_MS / median(turns_ms)

"""The control plane's client: its calls do at a venue what they say."""

import asyncio
from dataclasses import replace

from gateway.cli.venue_control import VenueControl
from sandbox.config import ClockKind, SandboxConfig
from tests.sandbox.clients import venue

STILL = SandboxConfig(makers=False, book_levels=5)


async def test_a_venue_s_clock_and_rules_are_changed_and_its_truth_is_read() -> None:
    def act(control: VenueControl) -> None:
        before_ms = control.now_ms()
        assert control.step_clock(90_000) >= before_ms + 90_000
        control.drift_clock(100)
        assert control.ask("GET", "clock")["drift_ppm"] == 100
        assert control.set_limits({"historical": 5}) == ["historical"]
        control.set_market("SOL_USDC", tick="0.1")
        control.delay_histories(1_000, jitter_seed=3)
        newest = control.ask("GET", "ledger/books", symbol="SOL_USDC")["ids"][1]
        assert len(control.true_book("SOL_USDC", newest, depth=2)["bids"]) == 2
        assert control.subscriptions()["most"] == {}

    async with venue(STILL) as v:
        await asyncio.to_thread(act, VenueControl(v.urls.url))
        (market,) = [row for row in await v.get("/api/v1/markets") if row["symbol"] == "SOL_USDC"]
        assert market["filters"]["price"]["tickSize"] == "0.1"


async def test_a_step_of_a_clock_that_stands_still_is_exact() -> None:
    async with venue(replace(STILL, clock=ClockKind.STEPPED, clock_start_ms=1_000_000)) as v:
        assert await asyncio.to_thread(VenueControl(v.urls.url).step_clock, -1_000) == 999_000

"""One soak, from the first process to the verdict."""

import asyncio
import math
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.company import OURS, THEIRS
from tests.chaos.venue_judge import ACCOUNT
from tests.harness.fleet import Fleet, FleetOptions, fleet
from tests.soak_orders.book import Breach, Taken, judge
from tests.soak_orders.bots import SETTLED_WITHIN_S, Bots, Pace
from tests.soak_orders.disturbances import Weather, disturbances, venue_rules
from tests.soak_orders.settled import settled
from tests.soak_orders.stagehand import Stagehand
from tests.soak_orders.table import Ledger
from tests.soak_orders.wishes import wishes

REPLICAS = 3
AMPLE = 100_000
"""Limits that nobody meets: what is judged here is orders."""
LOGIN_S = 10.0
PROGRESS_S = 5.0
FLOORS_MS = {"backpack": 15_000, "zanbara": 5_000}
"""How soon 99 of 100 orders are settled."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried. `lag_ms` is how late venues' histories are, within what the gateways are told."""

    seed: int
    keys: int
    most_s: float
    pace: Pace = field(default_factory=Pace)
    weather: Weather = field(default_factory=Weather)
    orders: Mapping[str, Any] = field(default_factory=dict)
    windows_ms: Mapping[str, int] = field(default_factory=lambda: {"backpack": 2_000, "zanbara": 5_000})
    lag_ms: int = 3_000
    times: int = 1
    """So many times as often do venues deal wrongly with orders."""
    floors_ms: Mapping[str, int] = field(default_factory=lambda: FLOORS_MS)
    logs: Path | None = None
    """Where the processes' logs are left, if anywhere."""


def company(plan: Plan) -> FleetOptions:
    """Three replicas at both venues, whose limits are ample and whose histories lag."""
    return FleetOptions(
        replicas=REPLICAS,
        seed=plan.seed,
        sandbox_arguments={
            venue: [part for kind in limits for part in ("--limit", f"{kind}={AMPLE}")]
            for venue, limits in THEIRS.items()
        },
        settings={
            "orders": plan.orders,
            "venues": {
                venue: {"limits": {name: {"limit": AMPLE, "period_ms": 60_000} for name in limits}}
                for venue, limits in OURS.items()
            },
        },
    )


def run(plan: Plan, tell: Callable[[str], None]) -> Ledger:
    """Try the plan, telling how it goes; it ends by itself, and leaves nothing running."""
    started_s = time.monotonic()
    with fleet(company(plan)) as ours:
        for name, venue in ours.venues.items():
            venue.control.delay_histories(plan.lag_ms, jitter_seed=plan.seed)
            for rule in venue_rules(plan.seed, name, plan.windows_ms, plan.times):
                venue.control.ask("POST", "faults", rule)
        bots = Bots(ours.urls, (ours.api_key, ours.api_secret), plan.pace, plan.seed)
        made = wishes(secrets.token_hex(3), plan.keys, list(ours.venues))
        trading = threading.Thread(target=lambda: asyncio.run(bots.run(made)), name="bots", daemon=True)
        trading.start()
        bots.are_in.wait(LOGIN_S)
        stagehand = Stagehand(ours, disturbances(plan.seed, REPLICAS, plan.weather))
        _disturb(bots, stagehand, started_s + plan.most_s, tell)
        struck = _struck(ours)
        stagehand.finish()
        bots.healed()
        tell("the faults have ended")
        trading.join(SETTLED_WITHIN_S + plan.pace.valid_ms / 1000 + 30)
        if plan.logs is not None:
            shutil.copytree(ours.directory, plan.logs, ignore=lambda _, names: {n for n in names if ".log" not in n})
        return _judged(plan, ours, bots, stagehand, struck, time.monotonic() - started_s)


def _disturb(bots: Bots, stagehand: Stagehand, give_up_s: float, tell: Callable[[str], None]) -> None:
    """Until every attempt has been made."""
    told_s = time.monotonic()
    while not bots.has_traded.is_set():
        stagehand.work()
        if time.monotonic() > give_up_s:
            bots.is_enough.set()
        if time.monotonic() - told_s > PROGRESS_S:
            told_s = time.monotonic()
            ended = sum(page.ended is not None for page in bots.pages)
            attempts = sum(len(page.told) for page in bots.pages)
            tell(f"{len(bots.pages)} keys, {attempts} attempts, {ended} settled, {stagehand.done.total()} disturbances")


def _struck(ours: Fleet) -> Counter[str]:
    """How many requests each rule has met with its fault."""
    return Counter(
        {
            f"{name}: {rule['do']} {rule['when']}": rule["struck"]
            for name, venue in ours.venues.items()
            for rule in venue.control.faults()
        }
    )


def _judged(  # noqa: PLR0917 - private to this module
    plan: Plan, ours: Fleet, bots: Bots, stagehand: Stagehand, struck: Counter[str], took_s: float
) -> Ledger:
    taken: list[Taken] = []
    breaches: list[tuple[Breach, str]] = []
    for name, venue in ours.venues.items():
        orders = venue.control.ask("GET", "ledger/orders", account=ACCOUNT).get(ACCOUNT, {"accepted": 0, "orders": []})
        taken += [Taken.of(name, row) for row in orders["orders"]]
        if orders["accepted"] != len(orders["orders"]):
            breaches.append(
                (Breach.LEDGER, f"{name} took {orders['accepted']} orders and shows {len(orders['orders'])}")
            )
    if len(bots.pages) < plan.keys:
        breaches.append((Breach.SHORT, f"{len(bots.pages)} of {plan.keys} keys within {math.ceil(plan.most_s)} s"))
    ledger = Ledger(
        plan.seed,
        len(bots.pages),
        took_s,
        bots.pages,
        Counter(order.venue for order in taken),
        stagehand.done,
        struck,
        settled(ours, bots.pages, stagehand.away),
        plan.floors_ms,
        breaches + judge(bots.pages, taken),
    )
    ledger.judge_times()
    return ledger

"""What can be done to a fleet, each ability once; every test leaves the fleet well."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli.children import ChildFailed
from tests.end_to_end.bots import PLACE, VENUE, Bot, answered, bot_of, refused, venue_of
from tests.harness.faults import Hole
from tests.harness.fleet import Extra, Fleet, FleetOptions, fleet

SETTINGS: dict[str, Any] = {
    "orders": {"window_ms": 500, "clock_error_ms": 100, "history_lag_ms": 200, "claim_lease_ms": 1500},
    "venues": {VENUE: {"order_timeout_s": 0.8, "read_timeout_s": 1}},
}


@pytest.fixture(scope="module")
def block() -> Iterator[ExitStack]:
    """The block of the shared fleet, for the test that ends it."""
    with ExitStack() as exits:
        yield exits


@pytest.fixture(scope="module")
def shared(block: ExitStack) -> Fleet:
    extras = {1: Extra(env={"CROSSGATE_LOG__LEVEL": "DEBUG"})}
    return block.enter_context(fleet(FleetOptions(settings=SETTINGS, extras=extras)))


@pytest.fixture
def ours(shared: Fleet) -> Iterator[Fleet]:
    yield shared
    shared.heal()


@pytest.fixture
async def bot(ours: Fleet) -> AsyncIterator[Bot]:
    async with bot_of(ours) as one:
        yield one


def status(fleet: Fleet, number: int, timeout_s: float = 5) -> dict[str, Any]:
    """The whole answer of a replica, asked as a client asks."""
    url = f"{fleet.urls[number]}/v1/system/status"
    answer: dict[str, Any] = httpx.get(url, trust_env=False, timeout=timeout_s).json()
    return answer


def wait_until(is_so: Callable[[], bool], within_s: float = 10) -> None:
    give_up = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < give_up, f"not within {within_s:.0f} s"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("account", ["bp-desk-a", "zb-desk-a"])
async def test_orders_reach_each_venue_through_the_proxies(ours: Fleet, account: str) -> None:
    async with bot_of(ours, 1, account=account) as bot:
        bot.symbol = "SOL-USDC-PERP"
        order = await bot.rest()
        assert (await bot.ask("DELETE", f"/v1/orders/{order['order_id']}"))["status"] == "cancelled"
    replica = ours.replicas[1]
    for proxy in (replica.front, replica.to_redis, *replica.to_venue.values()):
        assert proxy.counts.bytes_to_server
        assert proxy.counts.bytes_to_client


def test_a_replica_that_is_paused_answers_nothing_and_the_other_does(ours: Fleet) -> None:
    ours.replicas[0].pause()
    with pytest.raises(httpx.ReadTimeout):
        status(ours, 0, timeout_s=0.2)
    assert status(ours, 1)["data"]["status"] == "ok"
    ours.heal()
    assert status(ours, 0)["data"]["status"] == "ok"


def test_a_replica_that_was_killed_is_back_at_its_url(ours: Fleet) -> None:
    before = ours.replicas[0].pid
    ours.replicas[0].kill()
    with pytest.raises(httpx.ConnectError):
        status(ours, 0)
    ours.heal()
    assert ours.replicas[0].pid != before
    assert status(ours, 0)["data"]["status"] == "ok"


def test_a_replica_ends_orderly_when_told_to(ours: Fleet) -> None:
    assert ours.replicas[1].terminate() == 0
    assert not ours.replicas[1].is_running
    assert ours.replicas[0].is_running


def test_the_environment_of_one_replica_is_its_own(ours: Fleet) -> None:
    assert '"level": "debug"' in ours.replicas[1].log.read_text()
    assert '"level": "debug"' not in ours.replicas[0].log.read_text()


def test_the_clock_of_one_replica_is_put_wrong_while_it_runs(ours: Fleet) -> None:
    def ahead_ms(number: int) -> float:
        return float(status(ours, number)["timestamp"]) - time.time() * 1000

    ours.replicas[0].skew_ms = 3_600_000
    assert ahead_ms(0) == pytest.approx(3_600_000, abs=60_000)
    assert ahead_ms(1) == pytest.approx(0, abs=60_000)
    ours.replicas[0].skew_ms = -3_600_000
    assert ahead_ms(0) == pytest.approx(-3_600_000, abs=60_000)
    ours.heal()
    assert ahead_ms(0) == pytest.approx(0, abs=60_000)


async def test_tokens_are_judged_by_the_wrong_clock(ours: Fleet, bot: Bot) -> None:
    ours.replicas[0].skew_ms = 2 * 3_600_000
    answer = await bot.call("GET", f"/v1/accounts/{bot.account}/balances")
    assert answer.status_code == 401
    assert "expired" in answer.json()["error"]["message"]


def test_a_plant_that_nobody_knows_is_no_start(ours: Fleet) -> None:
    replica = ours.replicas[0]
    replica.kill()
    replica.plants = ["unheard-of"]
    with pytest.raises(ChildFailed, match="unheard-of"):
        replica.start()
    replica.plants = []


def test_redis_keeps_what_it_answered_over_a_kill(ours: Fleet) -> None:
    ours.redis.ask("SET", "kept", "1")
    ours.redis.kill()
    ours.redis.start()
    assert ours.redis.ask("GET", "kept") == b"1"


def test_a_failover_loses_what_was_not_copied_and_clients_see_one_address(ours: Fleet) -> None:
    ours.redis.ask("SET", "copied", "1")
    ours.redis.part()
    ours.redis.ask("SET", "lost", "1")
    ours.redis.fail_over()
    assert ours.redis.ask("MGET", "copied", "lost") == [b"1", None]
    wait_until(lambda: status(ours, 0)["data"]["store"]["is_up"])
    ours.heal()
    ours.redis.wait_until_copied()
    ours.redis.fail_over()
    assert ours.redis.ask("MGET", "copied", "lost") == [b"1", None], "back on the first, which copied the second"


@pytest.mark.parametrize("fault", ["pause", "run_out_of_memory", "turn_read_only", "kill"])
async def test_no_order_leaves_while_redis_cannot_keep_it(ours: Fleet, bot: Bot, fault: str) -> None:
    getattr(ours.redis, fault)()
    refused(await bot.place(), 503, "STORE_UNAVAILABLE", outcome="not_sent")
    ours.heal()
    await bot.rest()


async def test_redis_forgets_scripts_and_listeners_and_orders_go_on(ours: Fleet, bot: Bot) -> None:
    ours.redis.flush_scripts()
    ours.redis.kill_subscribers()
    await bot.rest()


async def test_a_venue_in_a_hole_leaves_an_order_unknown(ours: Fleet, bot: Bot) -> None:
    await bot.rest()
    for replica in ours.replicas:  # or the other's stream tells how it went
        replica.to_venue[VENUE].set(to_client=Hole())
    order = answered(await bot.place(), 202)
    ours.heal()
    assert (await bot.settled(order["client_order_id"]))["status"] == "pending"


async def test_a_request_that_is_sent_twice_is_seen_twice_by_the_venue(ours: Fleet, bot: Bot) -> None:
    async with venue_of(ours) as venue:
        before = (await venue.get("/sim/ledger/totals"))["by_call"].get(f"POST {PLACE}", 0)
        ours.replicas[0].to_venue[VENUE].replay("POST", PLACE)
        await bot.place()
        after = (await venue.get("/sim/ledger/totals"))["by_call"][f"POST {PLACE}"]
    assert after == before + 2


async def test_a_venue_that_was_killed_refuses_and_is_back_where_it_was(ours: Fleet, bot: Bot) -> None:
    venue = ours.venues[VENUE]
    url = venue.url
    venue.kill()
    refused(await bot.place(), 503, "VENUE_UNAVAILABLE", outcome="not_sent")
    venue.start()
    assert venue.url == url


def test_a_venue_that_is_paused_answers_nothing(ours: Fleet) -> None:
    ours.venues[VENUE].pause()
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{ours.venues[VENUE].url}/sim/clock", trust_env=False, timeout=0.2)


def test_redis_forgets_everything(shared: Fleet) -> None:
    """The last of this fleet: whose limits and orders are forgotten is not well for a while."""
    shared.redis.ask("SET", "gone", "1")
    shared.redis.flush()
    assert shared.redis.ask("GET", "gone") is None


DYING = f"""
import json, os, signal
from tests.harness.fleet import FleetOptions, fleet
with fleet(FleetOptions(replicas=1, venues=["{VENUE}"])) as own:
    for member in (own.replicas[0], own.redis, own.venues["{VENUE}"]):
        member.pause()
    print(json.dumps([str(own.directory), *own.pids]), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_left_behind_by_a_test_process_that_dies(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DYING],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=40,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    _, *pids = json.loads(done.stdout)
    assert len(pids) == 5, "replica, venue, two of Redis, and what forks replicas"
    wait_until(lambda: not [pid for pid in pids if is_alive(pid)])


def test_nothing_is_left_behind_by_a_block_that_fails(shared: Fleet, block: ExitStack) -> None:
    """The very last of this fleet."""
    pids = shared.pids
    assert all(map(is_alive, pids))
    with pytest.raises(ZeroDivisionError):
        fail_with_all_paused(shared, block)
    assert not [pid for pid in pids if is_alive(pid)]
    assert not shared.directory.exists()


def fail_with_all_paused(ours: Fleet, block: ExitStack) -> None:
    with block:
        for member in (*ours.replicas, *ours.venues.values()):
            member.pause()
        ours.redis.pause()
        raise ZeroDivisionError

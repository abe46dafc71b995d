"""Switches in Redis: one that was renewed in time never fires, one that was not fires once."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.models import AccountName, VenueName
from gateway.orders import dead_man_switches
from gateway.orders.dead_man import Firing, Switch
from gateway.orders.dead_man_switches import DeadManSwitches, SwitchState
from gateway.store import keys
from gateway.store.client import Store
from tests.redis_process import RedisProcess, eventually

SWITCH = Switch(AccountName("main"), "bot")
LONG_MS = 60_000
NONE: frozenset[str] = frozenset()


def new_venue() -> VenueName:
    return VenueName(f"v{uuid4().hex}")


class Kept(DeadManSwitches):
    """Switches, and what is kept of them."""

    def __init__(self, store: Store, venue: VenueName):
        super().__init__(store, venue)
        self.store, self.venue = store, venue

    async def firings(self) -> list[Firing]:
        names = await self.store.command("ZRANGE", keys.dead_man_firings(self.venue), 0, -1)
        return [Firing.read(name.decode()) for name in names]

    async def journal(self) -> list[dict[str, Any]]:
        """What is told of the client's switches."""
        entries = await self.store.command("XRANGE", keys.journal(self.venue, SWITCH.account), "-", "+")
        told = [dict(zip(fields[::2], fields[1::2], strict=True)) for _, fields in entries]
        assert {(one[b"kind"], one[b"owner"]) for one in told} <= {(b"dead_man", b"bot")}
        return [json.loads(one[b"data"]) for one in told]

    async def lapse(self, switch: Switch = SWITCH) -> None:
        """Let its deadline pass now."""
        await self.store.command("ZADD", keys.dead_man_deadlines(self.venue), "XX", 1, switch.name)


@pytest.fixture
async def kept(orders_redis: RedisProcess) -> AsyncIterator[Kept]:
    async with Store.open(orders_redis.url) as store:
        yield Kept(store, new_venue())


async def test_a_switch_fires_when_its_deadline_has_passed_and_not_before(kept: Kept) -> None:
    state = await kept.set(SWITCH, timeout_ms=50, exempt=frozenset({"b", "a"}))
    assert state is not None
    assert (state.timeout_ms, state.exempt_labels, state.fired_ms) == (50, frozenset("ab"), None)

    async def fires() -> bool:
        return await kept.due() == [SWITCH.name] and await kept.fire(SWITCH)

    await eventually(fires)
    [firing] = await kept.firings()
    assert (firing.switch, firing.exempt) == (SWITCH, frozenset("ab"))
    assert state.deadline_ms is not None
    assert firing.fired_ms >= state.deadline_ms
    assert await kept.get(SWITCH) == SwitchState(firings=1, fired_ms=firing.fired_ms)
    assert (await kept.due(), await kept.fire(SWITCH)) == ([], False)


async def test_whoever_saw_it_due_before_it_was_renewed_does_not_fire_it(kept: Kept) -> None:
    await kept.set(SWITCH, timeout_ms=LONG_MS, exempt=NONE)
    await kept.lapse()
    [due] = await kept.due()  # and here the replica is paused
    await kept.set(SWITCH, timeout_ms=LONG_MS, exempt=NONE)
    assert not await kept.fire(Switch.read(due))
    assert await kept.firings() == []


async def test_a_switch_that_is_off_does_not_fire_and_leaves_nothing(kept: Kept) -> None:
    await kept.set(SWITCH, timeout_ms=LONG_MS, exempt=NONE)
    await kept.lapse()
    [due] = await kept.due()
    for _ in range(2):
        assert await kept.set(SWITCH, timeout_ms=0, exempt=NONE) == SwitchState()
    assert not await kept.fire(Switch.read(due))
    assert await kept.store.command("KEYS", f"cg:{{{kept.venue}}}:*") == []


async def test_an_ended_firing_is_told_once_and_in_the_journal(kept: Kept) -> None:
    await kept.set(SWITCH, timeout_ms=LONG_MS, exempt=frozenset({"hedge"}))
    await kept.lapse()
    await kept.fire(SWITCH)
    [firing] = await kept.firings()
    await kept.cover(firing, ["one", "two"])
    assert sorted(await kept.covered(firing)) == ["one", "two"]
    assert [await kept.end(firing, cancelled=number) for number in (2, 3)] == [True, False]
    assert await kept.get(SWITCH) == SwitchState(fired_ms=firing.fired_ms, cancelled=2)
    told = {"state": "fired", "session": "", "exempt": "hedge", "fired_at": firing.fired_ms}
    assert await kept.journal() == [told, told | {"state": "done", "cancelled": 2}]
    assert await kept.covered(firing) == []


async def test_a_switch_set_again_while_its_firing_goes_on_fires_again(kept: Kept) -> None:
    for number in (1, 2):
        state = await kept.set(SWITCH, timeout_ms=LONG_MS, exempt=NONE)
        assert state is not None
        assert state.firings == number - 1
        await kept.lapse()
        assert await kept.fire(SWITCH)
        fired_ms = (await kept.firings())[-1].fired_ms

        async def has_time_gone_on() -> bool:
            return (await kept.store.time_us()) // 1_000 > fired_ms  # noqa: B023  # awaited before the next round

        await eventually(has_time_gone_on)  # firings are told apart by it
    first, second = sorted(await kept.firings(), key=lambda firing: firing.fired_ms)
    await kept.end(first, cancelled=7)
    assert await kept.get(SWITCH) == SwitchState(firings=1, fired_ms=second.fired_ms)


async def test_switches_are_bounded_and_those_that_are_over_make_room(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_man_switches, "SWITCHES_MAX", 2)
    monkeypatch.setattr(dead_man_switches, "UNFINISHED_MAX", 1)
    one, two, three = (Switch(SWITCH.account, SWITCH.client, name) for name in ("1", "2", "3"))
    for switch in (one, two):
        assert await kept.set(switch, timeout_ms=LONG_MS, exempt=NONE)
    assert await kept.set(three, timeout_ms=LONG_MS, exempt=NONE) is None
    await kept.lapse(one)
    assert await kept.fire(one)
    assert await kept.set(three, timeout_ms=LONG_MS, exempt=NONE) is None, "its orders have not ended"
    assert await kept.set(one, timeout_ms=LONG_MS, exempt=NONE) is None
    [firing] = await kept.firings()
    await kept.end(firing, cancelled=0)
    assert await kept.set(three, timeout_ms=LONG_MS, exempt=NONE)
    assert await kept.get(one) == SwitchState()


Steps = st.lists(st.sampled_from(["renew", "lapse", "off", "look", "fire", "end"]), max_size=14)


@settings(max_examples=40, deadline=None)
@given(Steps)
def test_each_setting_fires_at_most_once_and_only_after_its_deadline(
    orders_redis: RedisProcess, steps: list[str]
) -> None:
    """Whatever the order of steps of replicas that may be late with any of them."""

    async def play() -> None:
        async with Store.open(orders_redis.url) as store:
            kept = Kept(store, new_venue())
            may_fire, seen, fired = False, [], 0
            for step in steps:
                match step:
                    case "renew":
                        await kept.set(SWITCH, timeout_ms=LONG_MS, exempt=NONE)
                        may_fire = False
                    case "off":
                        await kept.set(SWITCH, timeout_ms=0, exempt=NONE)
                        may_fire = False
                    case "lapse":
                        await kept.lapse()
                        may_fire = (await kept.get(SWITCH)).deadline_ms is not None
                    case "look":
                        seen += await kept.due()
                    case "fire":
                        for name in seen or [SWITCH.name]:
                            is_fired = await kept.fire(Switch.read(name))
                            assert is_fired is may_fire
                            fired, may_fire = fired + is_fired, False
                    case _:
                        for firing in await kept.firings():
                            await kept.end(firing, cancelled=0)
            assert len([one for one in await kept.journal() if one["state"] == "fired"]) == fired

    asyncio.run(play())

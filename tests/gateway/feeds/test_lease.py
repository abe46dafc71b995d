"""One holder at a time, epochs that only rise, and a holder that stops before its lease does."""

import pytest

from gateway.feeds.lease import Lease, Term, TermOver
from gateway.store.client import Store
from tests.gateway.feeds.scripted import VENUE


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lease(store: Store, replica: str, clock: Clock | None = None, duration_s: float = 60.0) -> Lease:
    return Lease(store, VENUE, replica, duration_s=duration_s, monotonic=clock or Clock())


async def held(lease: Lease) -> Term:
    term = await lease.acquire()
    assert isinstance(term, Term)
    return term


async def test_one_holder_at_a_time_and_a_rising_epoch(store: Store) -> None:
    a, b = lease(store, "a"), lease(store, "b")
    first = await held(a)
    wait_s = await b.acquire()
    assert isinstance(wait_s, float)
    assert 0 < wait_s <= 60
    await first.release()
    second = await held(b)
    assert second.epoch > first.epoch
    await first.release()
    assert isinstance(await a.acquire(), float), "releasing twice frees nobody else's lease"


async def test_epochs_rise_even_when_redis_lost_its_data(store: Store) -> None:
    first = await held(lease(store, "a"))
    assert first.epoch >= (await store.time_us()) // 1_000_000 - 1
    await store.command("FLUSHALL")
    second = await held(lease(store, "b"))
    assert second.epoch >= first.epoch
    with pytest.raises(TermOver):
        await first.renew()


async def test_a_holder_stops_before_its_lease_ends(store: Store) -> None:
    clock = Clock()
    term = await held(lease(store, "a", clock))
    clock.now += 44
    term.check()
    await term.renew()
    clock.now += 44
    term.check()
    clock.now += 2
    with pytest.raises(TermOver):
        term.check()


async def test_a_holder_that_was_replaced_learns_it(store: Store) -> None:
    term = await held(lease(store, "a"))
    await store.command("DEL", "cg:{scripted}:feed:lease")
    await held(lease(store, "b"))
    with pytest.raises(TermOver):
        await term.renew()
    with pytest.raises(TermOver):
        term.check()

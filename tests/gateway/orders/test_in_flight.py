"""Sends in flight have an owner: they are waited for at the end, and not for ever."""

import asyncio

import pytest

from gateway.orders.in_flight import InFlight


async def test_what_is_in_flight_is_waited_for() -> None:
    in_flight, may_end = InFlight(), asyncio.Event()

    async def send() -> str:
        await may_end.wait()
        return "sent"

    task = in_flight.start(send())
    draining = asyncio.create_task(in_flight.drain(5))
    await asyncio.sleep(0)
    assert len(in_flight) == 1
    may_end.set()
    await draining
    assert task.result() == "sent"
    assert len(in_flight) == 0


async def test_what_takes_too_long_is_ended_and_waited_for() -> None:
    in_flight, cleaned_up = InFlight(), asyncio.Event()

    async def send() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned_up.set()

    task = in_flight.start(send())
    await asyncio.sleep(0)
    await in_flight.drain(0.01)
    assert task.cancelled()
    assert cleaned_up.is_set()


async def test_a_failure_nobody_waits_for_is_no_stray_error() -> None:
    in_flight = InFlight()

    async def fail() -> None:
        raise ValueError("for the one who waits")

    in_flight.start(fail())
    await in_flight.drain(1)
    with pytest.raises(ValueError, match="for the one who waits"):
        await in_flight.start(fail())

"""Withdrawals through the loss of the store: never twice, and no word that is not known."""

from typing import Any

import pytest

from adapters.errors import NoAnswer
from gateway.errors import Code, Outcome
from gateway.operations.record import State
from tests.gateway.operations.bank import Bank
from tests.gateway.operations.conftest import Desk, desk_of
from tests.gateway.operations.test_operations import leverage, refusal_of, withdraw
from tests.gateway.orders.replica import QUICK


async def copy_of(desk: Desk) -> dict[bytes, bytes]:
    """What the store knows now of the venue's operations."""
    store = desk.replica.store
    names = await store.command("KEYS", f"cg:{{{desk.replica.venue}}}:operation:*")
    return {name: await store.command("DUMP", name) for name in names}


async def put_back(desk: Desk, copy: dict[bytes, bytes]) -> None:
    """Empty the store of the venue's operations, and let it know what it knew when `copy` was made."""
    store = desk.replica.store
    await store.command("DEL", *await store.command("KEYS", f"cg:{{{desk.replica.venue}}}:operation:*"))
    for name, content in copy.items():
        await store.command("RESTORE", name, 0, content)


async def test_a_store_that_was_emptied_sends_nothing_before_lists_show_what_it_sent(desk: Desk, bank: Bank) -> None:
    await withdraw(desk)
    await desk.replica.store.command("FLUSHALL")
    for operation_id in ("one", "two"):
        refusal = await refusal_of(withdraw(desk, operation_id))
        assert (refusal.code, refusal.outcome) == (Code.ACCOUNT_NOT_READY, Outcome.NOT_SENT)
        assert 500 < (refusal.retry_after_s or 0) <= (QUICK.withdrawal_lag_ms + 160) / 1000
    assert len(bank.sends) == 1


async def test_after_that_a_repeat_is_answered_with_what_the_venue_lists_under_its_id(desk: Desk, bank: Bank) -> None:
    await withdraw(desk)
    await put_back(desk, {})
    await desk.age_store()
    again = await withdraw(desk)
    assert (again.is_new, again.record.state, again.record.result.venue_operation_id) == (False, State.DONE, "w1")
    assert again.record.result.evidence == "list of withdrawals"
    assert (await desk.known("one")).state is State.DONE
    assert (await withdraw(desk, "two")).is_new
    assert len(bank.sends) == 2


async def test_an_id_that_the_venue_lists_with_other_content_is_refused(desk: Desk, bank: Bank) -> None:
    await withdraw(desk)
    await put_back(desk, {})
    await desk.age_store()
    refusal = await refusal_of(withdraw(desk, amount=bank.out[0].amount + 1))
    assert (refusal.code, refusal.outcome) == (Code.IDEMPOTENCY_CONFLICT, Outcome.NOT_SENT)
    assert len(bank.sends) == 1


async def test_where_the_venue_keeps_no_ids_one_just_like_it_is_in_doubt_until_somebody_says_it_is_another(
    desk: Desk, bank: Bank
) -> None:
    bank.keeps_client_ids = False
    desk = desk_of(desk.replica, bank)
    assert (await withdraw(desk)).is_new
    assert (await withdraw(desk, "just like it")).is_new
    await put_back(desk, {})
    await desk.age_store()
    for operation_id, others in (("one", ()), ("a new one", ("w2",))):
        refusal = await refusal_of(withdraw(desk, operation_id, other_than=others))
        assert (refusal.code, refusal.outcome) == (Code.IDEMPOTENCY_CONFLICT, Outcome.UNKNOWN)
        assert sorted((refusal.details or {})["withdrawals"]) == sorted({"w1", "w2"} - set(others))
    assert len(bank.sends) == 2
    assert (await withdraw(desk, "a new one", other_than=("w1", "w2"))).is_new
    assert (await withdraw(desk, "of another amount", amount=bank.out[0].amount + 1)).is_new


async def test_a_store_that_was_put_back_to_what_it_was_is_not_trusted_either(desk: Desk, bank: Bank) -> None:
    await leverage(desk, operation_id="before")
    copy = await copy_of(desk)
    await withdraw(desk)
    await put_back(desk, copy)
    bank.out = []  # as if the list lagged
    refusal = await refusal_of(withdraw(desk))
    assert (refusal.code, refusal.outcome) == (Code.ACCOUNT_NOT_READY, Outcome.NOT_SENT)
    assert len(bank.sends) == 2


async def test_a_replica_that_sweeps_notices_it_for_all(desk: Desk, other: Desk, bank: Bank) -> None:
    copy = await copy_of(desk)
    await withdraw(desk)
    await put_back(desk, copy)
    await desk.sweep.once(desk.account)
    refusal = await refusal_of(withdraw(other))
    assert refusal.code is Code.ACCOUNT_NOT_READY
    assert len(bank.sends) == 1


async def test_without_the_venues_list_nothing_is_sent(desk: Desk, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(_self: Bank, since_ms: int, throttle: Any) -> None:
        raise NoAnswer(bank.exchange.name, "down")

    with monkeypatch.context() as patch:
        patch.setattr(Bank, "withdrawals", down)
        refusal = await refusal_of(withdraw(desk))
    assert (refusal.code, refusal.outcome) == (Code.VENUE_TIMEOUT, Outcome.NOT_SENT)
    assert bank.sends == []
    assert (await withdraw(desk)).is_new


async def test_settings_are_made_whatever_the_store_remembers(desk: Desk) -> None:
    await put_back(desk, {})
    assert (await leverage(desk)).is_new

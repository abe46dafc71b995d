"""Operations: at most one request for each id, whatever happens on the way, and no word that is not known."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.errors import InvalidRequest, NeverSent, OutcomeUnknown
from adapters.models import MarginMode
from gateway.errors import Code, Outcome, Refusal
from gateway.operations.operating import Done
from gateway.operations.record import State
from gateway.operations.records import Claim, SendWindow, Step
from gateway.risk.halt import Mode
from gateway.store import keys
from tests.gateway.operations.bank import Bank
from tests.gateway.operations.conftest import SYMBOL, Desk, desk_of
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import ACCOUNT, BOT
from tests.gateway.orders.samples import halt


def raising(error: Exception) -> Callable[[], Awaitable[None]]:
    async def hook() -> None:
        raise error

    return hook


async def leverage(desk: Desk, value: int = 5, operation_id: str = "one") -> Done:
    return await desk.asking.set_leverage(BOT, ACCOUNT, SYMBOL, operation_id, value)


async def withdraw(desk: Desk, operation_id: str = "one", **changes: Any) -> Done:
    terms: dict[str, Any] = {
        "destination": "treasury",
        "asset": "USDC",
        "amount": Decimal(20),
        "second_factor": "246810",
    }
    return await desk.asking.withdraw(BOT, ACCOUNT, operation_id, **(terms | changes))


async def refusal_of(work: Awaitable[object]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await work
    return refused.value


async def test_the_same_id_is_done_once_and_answered_again(desk: Desk, bank: Bank) -> None:
    first, again = await leverage(desk), await leverage(desk)
    assert (first.record.state, first.is_new, again.is_new) == (State.DONE, True, False)
    assert again.record.intent.leverage == bank.leverage == 5
    assert len(bank.sends) == 1
    refusal = await refusal_of(leverage(desk, 6))
    assert (refusal.code, refusal.outcome) == (Code.IDEMPOTENCY_CONFLICT, Outcome.NOT_SENT)


async def test_one_id_raced_at_two_replicas_is_sent_once(desk: Desk, other: Desk, bank: Bank) -> None:
    done = await asyncio.gather(*(withdraw(one) for one in (desk, other) * 6))
    assert len(bank.sends) == len(bank.out) == 1
    assert [one.is_new for one in done].count(True) == 1
    assert {one.record.result.venue_operation_id for one in done} == {"w1"}


async def test_every_kind_is_done(desk: Desk, bank: Bank) -> None:
    await desk.asking.set_margin_mode(BOT, ACCOUNT, SYMBOL, "mode", MarginMode.ISOLATED)
    await desk.asking.add_margin(BOT, ACCOUNT, SYMBOL, "margin", Decimal("5.5"))
    assert (bank.mode, bank.margin) == (MarginMode.ISOLATED, Decimal("5.5"))
    done = await withdraw(desk, "money")
    assert bank.out[0].client_id == done.record.intent.venue_client_id


async def test_a_freeze_lets_nothing_out_and_says_still_what_was_done(desk: Desk, bank: Bank) -> None:
    await leverage(desk)
    halts = desk.replica.halts
    await halts.set(halt(mode=Mode.NO_NEW), {desk.replica.venue: []})
    await halts.look(desk.replica.venue)
    await leverage(desk, 6, "two")
    await halts.set(halt(mode=Mode.FREEZE, id="2"), {desk.replica.venue: []})
    await halts.look(desk.replica.venue)
    refusal = await refusal_of(withdraw(desk, "three"))
    assert (refusal.code, refusal.outcome, len(bank.sends)) == (Code.TRADING_HALTED, Outcome.NOT_SENT, 2)
    assert not (await leverage(desk)).is_new


async def test_what_never_left_leaves_the_id_free(desk: Desk, bank: Bank) -> None:
    bank.before_first_byte = raising(NeverSent(bank.exchange.name, "refused"))
    refusal = await refusal_of(withdraw(desk))
    assert (refusal.code, refusal.outcome) == (Code.VENUE_UNAVAILABLE, Outcome.NOT_SENT)
    bank.before_first_byte = Bank(bank.exchange).before_first_byte
    assert (await withdraw(desk, amount=Decimal(30))).is_new


async def test_a_definite_no_binds_the_id(desk: Desk, bank: Bank) -> None:
    bank.on_arrival = raising(InvalidRequest(bank.exchange.name, "no", venue_code="NO"))
    for _ in range(2):
        done = await withdraw(desk)
        assert (done.record.state, done.record.result.reason) == (State.REJECTED, "VENUE_REJECTED")
    assert len(bank.sends) == 1


async def test_a_withdrawal_whose_answer_was_lost_is_settled_by_the_list_and_never_repeated(
    desk: Desk, bank: Bank
) -> None:
    bank.before_answer = raising(OutcomeUnknown(bank.exchange.name, "no answer"))
    assert (await withdraw(desk)).record.state is State.UNKNOWN
    assert (await withdraw(desk)).record.state is State.UNKNOWN
    await desk.look()
    record = await desk.known("one")
    assert (record.state, record.result.venue_operation_id) == (State.DONE, "w1")
    assert record.result.evidence == "list of withdrawals"
    assert len(bank.sends) == len(bank.out) == 1


async def test_a_withdrawal_that_shows_nowhere_stays_unknown_however_late(desk: Desk, bank: Bank) -> None:
    bank.on_arrival = raising(OutcomeUnknown(bank.exchange.name, "no answer"))
    await withdraw(desk)
    for _ in range(3):
        await desk.look(sent_ms_ago=600_000)
    assert (await desk.known("one")).state is State.UNKNOWN
    assert (await withdraw(desk)).record.state is State.UNKNOWN
    assert len(bank.sends) == 1


async def test_of_two_alike_that_were_lost_the_one_in_the_list_settles_one(desk: Desk, bank: Bank) -> None:
    bank.keeps_client_ids = False
    desk = desk_of(desk.replica, bank)
    bank.before_answer = raising(OutcomeUnknown(bank.exchange.name, "no answer"))
    await withdraw(desk, "one")
    bank.on_arrival = bank.before_answer
    await withdraw(desk, "two", other_than=("w1",))
    for name in ("one", "two", "one"):
        await desk.look(name)
    states = sorted([(await desk.known(name)).state for name in ("one", "two")])
    assert states == [State.DONE, State.UNKNOWN]


async def test_a_lost_setting_is_read_back(desk: Desk, bank: Bank) -> None:
    bank.before_answer = raising(OutcomeUnknown(bank.exchange.name, "no answer"))
    assert (await leverage(desk)).record.state is State.UNKNOWN
    await desk.look()
    assert (await desk.known("one")).state is State.DONE


async def test_a_lost_setting_that_reads_otherwise_is_refuted_only_once_it_cannot_come_any_more(
    desk: Desk, bank: Bank
) -> None:
    bank.on_arrival = raising(OutcomeUnknown(bank.exchange.name, "no answer"))
    await leverage(desk)
    # Its window ends well in the future: the request may still be on its way.
    await desk.look(sent_ms_ago=-60_000)
    assert (await desk.known("one")).state is State.UNKNOWN
    await desk.look(sent_ms_ago=120_000)
    record = await desk.known("one")
    assert (record.state, record.result.reason) == (State.REJECTED, "NOT_APPLIED")


async def test_a_lost_setting_without_a_position_stays_unknown(desk: Desk, bank: Bank) -> None:
    bank.before_answer = raising(OutcomeUnknown(bank.exchange.name, "no answer"))
    bank.has_position = False
    await leverage(desk)
    await desk.look(sent_ms_ago=60_000)
    assert (await desk.known("one")).state is State.UNKNOWN


async def test_a_replica_that_died_before_sending_leaves_the_id_free(desk: Desk) -> None:
    intent = (await leverage(desk)).record.intent
    dead = replace(intent, client_operation_id="dead")
    assert (await desk.records.claim(dead, nonce="n", lease_ms=10_000)).claim is Claim.CLAIMED
    await desk.look("dead", is_abandoned=True)
    assert await desk.records.get(ACCOUNT, "bot", "dead") is None
    assert (await leverage(desk, operation_id="dead")).is_new


async def test_a_replica_that_died_after_sending_leaves_it_unknown_and_its_late_answer_still_counts(
    desk: Desk, bank: Bank
) -> None:
    held = asyncio.Event()
    bank.before_answer = held.wait  # type: ignore[assignment]
    sending = asyncio.create_task(withdraw(desk))
    async with asyncio.timeout(5):
        while not bank.out:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)
    listed, bank.out = bank.out, []
    await desk.look(is_abandoned=True)
    assert (await desk.known("one")).state is State.UNKNOWN
    bank.out = listed
    held.set()
    assert (await sending).record.state is State.DONE
    assert (await desk.known("one")).state is State.DONE


async def test_every_step_may_be_taken_twice_and_fixes_one_send_time(desk: Desk) -> None:
    intent = replace((await leverage(desk)).record.intent, client_operation_id="twice")
    for _ in range(2):
        assert (await desk.records.claim(intent, nonce="n", lease_ms=10_000)).claim is Claim.CLAIMED
    assert (await desk.records.claim(intent, nonce="another", lease_ms=10_000)).claim is Claim.EXISTS
    claimed = await desk.known("twice")
    sent = [
        await desk.records.write(
            replace(claimed, state=State.SENT), look_in_ms=10_000, window=SendWindow(difference_ms, 100)
        )
        for difference_ms in (0, 5_000)
    ]
    assert sent[0] == sent[1]
    assert (sent[0].step, sent[0].version) == (Step.WRITTEN, 2)
    record = await desk.known("twice")
    done = [await desk.records.write(replace(record, state=State.DONE)) for _ in range(2)]
    assert [one.version for one in done] == [3, 3]
    late = await desk.records.write(replace(record, state=State.REJECTED))
    assert late.step is Step.FASTER


async def test_one_that_has_grown_too_old_is_not_sent(desk: Desk, bank: Bank, exchange: Exchange) -> None:
    intent = replace((await leverage(desk)).record.intent, client_operation_id="old", valid_until_ms=1)
    refusal = await refusal_of(
        desk.operating.do(desk.account, exchange.markets[0], intent, second_factor=None, max_wait_s=1)
    )
    assert (refusal.code, refusal.outcome) == (Code.VALID_UNTIL_PASSED, Outcome.NOT_SENT)
    assert len(bank.sends) == 1
    assert await desk.records.get(ACCOUNT, "bot", "old") is None


async def test_the_second_factor_reaches_the_venue_and_is_kept_nowhere(desk: Desk, bank: Bank) -> None:
    bank.before_answer = raising(OutcomeUnknown(bank.exchange.name, "no answer"))
    await withdraw(desk)
    assert bank.second_factors == ["246810"]
    store, kept = desk.replica.store, []
    for key in await store.command("KEYS", f"cg:{{{desk.replica.venue}}}:*"):
        kind = await store.command("TYPE", key)
        if kind == b"hash":
            kept.append(repr(await store.command("HGETALL", key)))
        elif kind == b"stream":
            kept.append(repr(await store.command("XRANGE", key, "-", "+")))
    assert "treasury-address" in " ".join(kept)
    assert "246810" not in " ".join(kept)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"destination": "elsewhere"}, Code.INVALID_PARAMETER, "destination"),
        ({"destination": "treasury-address"}, Code.INVALID_PARAMETER, "destination"),
        ({"asset": "SOL"}, Code.INVALID_PARAMETER, "asset"),
        ({"amount": Decimal(0)}, Code.INVALID_PARAMETER, "amount"),
    ],
)
async def test_money_goes_only_where_the_configuration_says(
    desk: Desk, bank: Bank, changes: dict[str, Any], code: Code, field: str
) -> None:
    refusal = await refusal_of(withdraw(desk, **changes))
    assert (refusal.code, refusal.field, refusal.outcome) == (code, field, Outcome.NOT_SENT)
    assert bank.sends == []


async def test_leverage_above_the_markets_is_refused_before_anything_is_spent(desk: Desk, bank: Bank) -> None:
    refusal = await refusal_of(leverage(desk, 11))
    assert (refusal.code, refusal.field) == (Code.INVALID_PARAMETER, "leverage")
    assert bank.sends == []


async def test_what_was_settled_is_not_looked_at_again_and_ends_by_itself(desk: Desk) -> None:
    await leverage(desk)
    assert await desk.records.pending(ACCOUNT) == []
    key = keys.operation(desk.replica.venue, ACCOUNT, "bot", "one")
    assert await desk.replica.store.command("PTTL", key) > 6 * 24 * 3600 * 1000


async def test_a_position_is_closed_by_one_order_however_often_it_is_asked(desk: Desk, other: Desk, bank: Bank) -> None:
    placed = await asyncio.gather(*(one.closing.close(BOT, ACCOUNT, SYMBOL, "shut", 1.0) for one in (desk, other) * 3))
    [arrival] = desk.replica.exchange.arrivals
    assert (arrival.request.quantity, arrival.request.side, arrival.request.reduce_only) == (
        Decimal("1.5"),
        "sell",
        True,
    )
    bank.has_position = False
    again = await desk.closing.close(BOT, ACCOUNT, SYMBOL, "shut", 1.0)
    assert {one.record.intent.order_id for one in [*placed, again]} == {again.record.intent.order_id}
    refusal = await refusal_of(desk.closing.close(BOT, ACCOUNT, SYMBOL, "another", 1.0))
    assert (refusal.code, refusal.field, refusal.outcome) == (Code.ORDER_REJECTED, "symbol", Outcome.NOT_SENT)

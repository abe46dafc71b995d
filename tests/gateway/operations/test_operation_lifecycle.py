"""The state machine of operations: final states stay, and only evidence settles what was sent."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from adapters.models import AccountName, OperationKind, VenueName
from gateway.errors import Code
from gateway.operations import lifecycle
from gateway.operations.record import Intent, OperationRecord, State
from gateway.orders.record import RefusalRecord

INTENT = Intent(VenueName("v"), AccountName("a"), "bot", "one", OperationKind.WITHDRAWAL, 0)
CLAIMED = OperationRecord(INTENT, State.CLAIMED, 1, 0, 0, "n", lease_until_ms=100, send_ms=50, window_ms=10)

Change = Callable[[OperationRecord], OperationRecord]
NO = RefusalRecord(Code.ORDER_REJECTED, "no", None)
NOTHING_PROVED: dict[str, Change] = {
    "lost": lambda one: lifecycle.lost(one, cause="no answer", now_ms=60),
    "taken over": lambda one: lifecycle.taken_over(one, now_ms=200),
    "taken over too early": lambda one: lifecycle.taken_over(one, now_ms=99),
    "read back too early": lambda one: lifecycle.read_back(
        one, is_in_force=False, asked_ms=100, settles_by_ms=100, source="positions"
    ),
}
EVIDENCE: dict[str, Change] = {
    "done": lambda one: lifecycle.done(one, venue_operation_id="w1"),
    "refused": lambda one: lifecycle.refused(one, NO),
    "in force": lambda one: lifecycle.read_back(
        one, is_in_force=True, asked_ms=1, settles_by_ms=100, source="positions"
    ),
    "not in force": lambda one: lifecycle.read_back(
        one, is_in_force=False, asked_ms=101, settles_by_ms=100, source="positions"
    ),
}
FORGOTTEN: dict[str, Change] = {
    "found": lambda one: lifecycle.found(one, venue_operation_id="w1", source="list of withdrawals")
}
FINAL = {State.DONE, State.REJECTED, State.NOT_SENT}


def states_after(names: list[str], start: State) -> list[State]:
    record, states = replace(CLAIMED, state=start), [start]
    for name in names:
        record = (NOTHING_PROVED | EVIDENCE | FORGOTTEN)[name](record)
        states.append(record.state)
    return states


@given(st.lists(st.sampled_from([*NOTHING_PROVED, *EVIDENCE, *FORGOTTEN])), st.sampled_from(State))
def test_a_final_state_is_never_left(names: list[str], start: State) -> None:
    states = states_after(names, start)
    for before, after in pairwise(states):
        assert before not in FINAL or after is before


@given(st.lists(st.sampled_from([*NOTHING_PROVED, *FORGOTTEN])))
def test_what_was_sent_is_settled_by_nothing_but_evidence(names: list[str]) -> None:
    assert set(states_after(names, State.SENT)) <= {State.SENT, State.UNKNOWN}


@given(st.lists(st.sampled_from([*NOTHING_PROVED, *EVIDENCE])))
def test_a_claim_becomes_nothing_but_not_sent_unless_the_venue_knows_it_already(names: list[str]) -> None:
    assert set(states_after(names, State.CLAIMED)) <= {State.CLAIMED, State.NOT_SENT}
    assert states_after(["found", *names], State.CLAIMED)[-1] is State.DONE


@given(st.integers(0, 10**7))
def test_it_is_looked_for_ever_more_rarely_and_not_for_ever(waited_ms: int) -> None:
    unknown = lifecycle.lost(replace(CLAIMED, state=State.SENT), cause="no answer", now_ms=1)
    look_in_ms = lifecycle.look_again_in_ms(unknown, now_ms=1 + waited_ms)
    assert (look_in_ms is None) is (waited_ms >= lifecycle.LOOK_FOR_MS)
    assert look_in_ms is None or 1_000 <= look_in_ms <= 60_000

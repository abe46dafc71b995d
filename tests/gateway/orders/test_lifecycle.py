"""How an order moves: the rules of `lifecycle`, over any order of events."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from adapters.models import OrderStatus, OrderType, Side, Symbol, VenueClientId, VenueName, VenueOrder, VenueOrderId
from gateway.errors import Code
from gateway.numbers import EXACT
from gateway.orders import lifecycle
from gateway.orders.record import CancelState, OrderRecord, RefusalRecord, Result, State
from tests.gateway.orders.samples import FILL, INTENT

SETTLES_BY_MS, CONFIRM_MS = 10_000, 3_000
RUNNING = OrderRecord(INTENT, State.SENT, version=2, created_ms=0, updated_ms=0, lease_until_ms=500, send_ms=1)
UNKNOWN = lifecycle.lost(RUNNING, cause="silence", now_ms=20)
OPEN = (OrderStatus.PENDING, OrderStatus.PARTIAL_FILLED)


def shown(status: OrderStatus, filled: int = 0) -> VenueOrder:
    return VenueOrder(
        venue=VenueName("v"),
        symbol=Symbol("SOL-USDC"),
        venue_order_id=VenueOrderId("7"),
        venue_client_id=VenueClientId("77"),
        side=Side.BUY,
        type=OrderType.LIMIT,
        status=status,
        filled_quantity=Decimal(filled),
        created_time_us=0,
    )


def absent(record: OrderRecord, *, asked_ms: int, took_ms: int = 10) -> OrderRecord:
    return lifecycle.absent(
        record,
        asked_ms=asked_ms,
        answered_ms=asked_ms + took_ms,
        settles_by_ms=SETTLES_BY_MS,
        confirm_after_ms=CONFIRM_MS,
    )


class AnyOrderOfEvents(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.record = replace(RUNNING, state=State.CLAIMED, send_ms=None)
        self.before = self.record
        self.now_ms = 0
        self.charged: dict[str, Decimal] = {}

    def move(self, record: OrderRecord) -> None:
        if self.record.state is not State.NOT_SENT:  # such a record is gone
            self.before, self.record = self.record, record

    @rule(ms=st.integers(1, 6_000))
    def time_passes(self, ms: int) -> None:
        self.now_ms += ms

    @rule()
    def it_is_sent(self) -> None:
        if self.record.state is State.CLAIMED:
            self.move(replace(self.record, state=State.SENT, send_ms=self.now_ms))

    @rule(status=st.sampled_from(OrderStatus), filled=st.integers(0, 3))
    def the_venue_shows_it(self, status: OrderStatus, filled: int) -> None:
        if self.record.state is not State.CLAIMED:
            self.move(lifecycle.seen(self.record, shown(status, filled), source="history"))

    @rule()
    def the_venue_refuses(self) -> None:
        self.move(lifecycle.refused(self.record, None, reason="NO"))

    @rule()
    def the_answer_is_lost(self) -> None:
        self.move(lifecycle.lost(self.record, cause="silence", now_ms=self.now_ms))

    @rule()
    def its_replica_is_given_up(self) -> None:
        self.move(lifecycle.taken_over(self.record, now_ms=self.now_ms))

    @rule(took_ms=st.integers(0, 2_000))
    def no_source_has_it(self, took_ms: int) -> None:
        asked_ms = self.now_ms
        self.now_ms += took_ms
        was = self.record
        self.move(absent(was, asked_ms=asked_ms, took_ms=took_ms))
        if self.record.result.reason == lifecycle.NOT_PLACED and was.state is State.UNKNOWN:
            assert asked_ms > SETTLES_BY_MS
            assert was.result.absent_since_ms is not None
            assert asked_ms - was.result.absent_since_ms >= CONFIRM_MS

    @rule()
    def the_venue_takes_a_cancel(self) -> None:
        self.move(lifecycle.cancel_taken(self.record, now_ms=self.now_ms))

    @rule(fee=st.decimals(-1, 1, places=18), asset=st.sampled_from(["USDC", "SOL"]))
    def a_trade_is_told(self, fee: Decimal, asset: str) -> None:
        if self.record.state not in {State.CLAIMED, State.NOT_SENT}:
            self.charged[asset] = EXACT.add(self.charged.get(asset, Decimal(0)), fee)
            self.move(lifecycle.charged(self.record, replace(FILL, fee=fee, fee_asset=asset)))

    @invariant()
    def every_fee_is_counted(self) -> None:
        assert dict(self.record.result.fees) == self.charged

    @invariant()
    def what_is_over_stays_over(self) -> None:
        before, now = self.before, self.record
        before = before.with_result(before.state, replace(before.result, fees=now.result.fees))
        if before.state is State.DONE and now != before:
            assert (before.result.status, before.result.cancel) == (OrderStatus.CANCELLED, None)
            told = replace(before.result, cancel=CancelState.DONE, cancel_ms=now.result.cancel_ms)
            assert now == before.with_result(State.DONE, told)

    @invariant()
    def filled_never_shrinks(self) -> None:
        assert self.record.result.filled_quantity >= self.before.result.filled_quantity

    @invariant()
    def what_was_sent_is_never_called_unsent(self) -> None:
        if self.before.state in {State.SENT, State.UNKNOWN, State.LIVE}:
            assert self.record.state not in {State.CLAIMED, State.NOT_SENT}

    @invariant()
    def only_a_done_order_has_a_final_status(self) -> None:
        status = self.record.result.status
        assert (status in lifecycle.FINAL) is (self.record.state is State.DONE)


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase
TestAnyOrderOfEvents.settings = settings(max_examples=60, stateful_step_count=30)


@pytest.mark.parametrize("status", OPEN)
def test_an_open_order_that_shows_is_live(status: OrderStatus) -> None:
    record = lifecycle.seen(RUNNING, shown(status), source="answer")
    assert (record.state, record.result.status, record.result.venue_order_id) == (State.LIVE, status, "7")


@pytest.mark.parametrize("status", sorted(lifecycle.FINAL))
def test_a_final_order_that_shows_is_done(status: OrderStatus) -> None:
    assert lifecycle.seen(UNKNOWN, shown(status), source="order history").state is State.DONE


def test_an_older_view_adds_nothing() -> None:
    record = lifecycle.seen(RUNNING, shown(OrderStatus.PARTIAL_FILLED, 2), source="answer")
    assert lifecycle.seen(record, shown(OrderStatus.PARTIAL_FILLED, 1), source="history") == record
    assert lifecycle.seen(record, shown(OrderStatus.CANCELLED, 1), source="history") == record


def test_an_unknown_order_says_which_source_settled_it_and_a_known_one_needs_none() -> None:
    assert lifecycle.seen(UNKNOWN, shown(OrderStatus.FILLED), source="fills").result.evidence == "fills"
    assert lifecycle.seen(RUNNING, shown(OrderStatus.FILLED), source="answer").result.evidence is None


def test_evidence_resets_the_count_of_absences() -> None:
    once = absent(UNKNOWN, asked_ms=SETTLES_BY_MS + 1)
    assert once.result.absent_since_ms is not None
    assert lifecycle.seen(once, shown(OrderStatus.PENDING), source="open orders").result.absent_since_ms is None


def test_absence_proves_nothing_before_its_time() -> None:
    assert absent(UNKNOWN, asked_ms=SETTLES_BY_MS) == UNKNOWN


def test_absence_is_proof_the_second_time_counted_from_the_end_of_the_first() -> None:
    """It may have ended while the first round was being asked; only then do the histories start to lag."""
    first_ms = SETTLES_BY_MS + 1
    once = absent(UNKNOWN, asked_ms=first_ms, took_ms=700)
    assert once.state is State.UNKNOWN
    assert absent(once, asked_ms=first_ms + 700 + CONFIRM_MS - 1) == once
    proved = absent(once, asked_ms=first_ms + 700 + CONFIRM_MS)
    assert (proved.state, proved.result.status, proved.result.reason) == (
        State.DONE,
        OrderStatus.REJECTED,
        lifecycle.NOT_PLACED,
    )


@pytest.mark.parametrize("state", [State.CLAIMED, State.SENT, State.LIVE, State.DONE])
def test_only_an_unknown_order_can_be_proved_absent(state: State) -> None:
    record = replace(RUNNING, state=state)
    assert absent(record, asked_ms=SETTLES_BY_MS + 1) == record


def test_a_lease_that_runs_is_left_alone() -> None:
    assert lifecycle.taken_over(RUNNING, now_ms=499) == RUNNING


def test_a_dead_replicas_claim_was_never_sent_and_its_send_is_unknown() -> None:
    claimed = replace(RUNNING, state=State.CLAIMED)
    assert lifecycle.taken_over(claimed, now_ms=500).state is State.NOT_SENT
    record = lifecycle.taken_over(RUNNING, now_ms=500)
    assert (record.state, record.result.unknown_since_ms) == (State.UNKNOWN, 500)


def test_a_refusal_is_kept_for_whoever_asks_again() -> None:
    kept = RefusalRecord(Code.INSUFFICIENT_BALANCE, "too little", "INSUFFICIENT_FUNDS")
    record = lifecycle.refused(RUNNING, kept, reason="INSUFFICIENT_BALANCE")
    assert (record.state, record.result) == (
        State.DONE,
        Result(status=OrderStatus.REJECTED, reason="INSUFFICIENT_BALANCE", refusal=kept),
    )


def test_a_refusal_does_not_overrule_what_the_venue_shows() -> None:
    live = lifecycle.seen(RUNNING, shown(OrderStatus.PENDING), source="open orders")
    assert lifecycle.refused(live, None, reason="NO") == live


def test_a_cancelled_order_says_that_its_cancel_is_done() -> None:
    asked = lifecycle.cancel_taken(lifecycle.seen(RUNNING, shown(OrderStatus.PENDING), source="a"), now_ms=9)
    assert (asked.result.cancel, asked.result.cancel_ms) == (CancelState.REQUESTED, 9)
    assert lifecycle.cancel_taken(asked, now_ms=10) == asked
    assert lifecycle.seen(asked, shown(OrderStatus.CANCELLED), source="a").result.cancel is CancelState.DONE
    assert lifecycle.seen(asked, shown(OrderStatus.FILLED), source="a").result.cancel is CancelState.REQUESTED


def test_a_cancel_is_told_also_if_the_orders_end_was_written_first() -> None:
    ended = lifecycle.seen(RUNNING, shown(OrderStatus.CANCELLED), source="stream")
    told = lifecycle.cancel_taken(ended, now_ms=9)
    assert (told.state, told.result.cancel, told.result.cancel_ms) == (State.DONE, CancelState.DONE, 9)
    assert lifecycle.cancel_taken(told, now_ms=10) == told
    filled = lifecycle.seen(RUNNING, shown(OrderStatus.FILLED), source="stream")
    assert lifecycle.cancel_taken(filled, now_ms=9) == filled


def test_an_order_that_was_sent_is_never_freed_by_its_lease() -> None:
    assert lifecycle.not_sent(UNKNOWN) == UNKNOWN


@given(st.sampled_from([State.CLAIMED, State.UNKNOWN, State.LIVE, State.DONE]))
def test_only_a_send_under_way_can_be_lost(state: State) -> None:
    record = replace(RUNNING, state=state)
    assert lifecycle.lost(record, cause="silence", now_ms=1) == record


def test_a_fee_is_told_only_where_it_is_one_sum() -> None:
    assert RUNNING.result.fee is None
    once = lifecycle.charged(RUNNING, FILL)
    twice = lifecycle.charged(once, replace(FILL, trade_id="2", fee=Decimal("-0.07")))
    assert (once.result.fee, twice.result.fee) == (("USDC", Decimal("0.05")), ("USDC", Decimal("-0.02")))
    mixed = lifecycle.charged(twice, replace(FILL, trade_id="3", fee_asset="SOL"))
    assert mixed.result.fee is None
    assert dict(mixed.result.fees) == {"USDC": Decimal("-0.02"), "SOL": Decimal("0.05")}


@pytest.mark.parametrize("clock_error_ms", [-10_000, 0, 10_000])
@pytest.mark.parametrize("look_takes_ms", [10, 400, 900])
def test_absence_is_proven_soon_after_it_can_be(clock_error_ms: int, look_takes_ms: int) -> None:
    """Whatever the clock of the replica that lost the answer showed, and however long a look takes."""
    record = lifecycle.lost(RUNNING, cause="silence", now_ms=max(1, 20 + clock_error_ms))
    now_ms = 500
    while record.state is State.UNKNOWN:
        record = absent(record, asked_ms=now_ms, took_ms=look_takes_ms)
        now_ms += look_takes_ms
        now_ms += lifecycle.look_again_in_ms(
            record, now_ms=now_ms, settles_by_ms=SETTLES_BY_MS, confirm_after_ms=CONFIRM_MS
        )
    assert now_ms <= SETTLES_BY_MS + CONFIRM_MS + 3 * look_takes_ms + 1_000

"""Amends step by step: terms change by what is certain alone, and no older view brings the older ones back."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from adapters.models import OrderStatus, OrderType, Side, Symbol, VenueClientId, VenueName, VenueOrder, VenueOrderId
from gateway.orders import amendment, lifecycle
from gateway.orders.record import Amend, AmendState, OrderRecord, Result, State
from gateway.orders.terms import Terms
from tests.gateway.orders.samples import INTENT

WINDOW_MS = 1_000
LIVE = OrderRecord(INTENT, State.LIVE, 3, 0, 0, Result(status=OrderStatus.PENDING, venue_order_id=VenueOrderId("7")))
PRICES = st.sampled_from([Decimal(99), Decimal(100), Decimal(101)])


def order(price: Decimal, quantity: Decimal, filled: Decimal, status: OrderStatus = OrderStatus.PENDING) -> VenueOrder:
    return VenueOrder(
        venue=VenueName("v"),
        symbol=Symbol("SOL-USDC"),
        venue_order_id=VenueOrderId("7"),
        venue_client_id=VenueClientId("77"),
        side=Side.BUY,
        type=OrderType.LIMIT,
        status=status,
        filled_quantity=filled,
        created_time_us=0,
        price=price,
        quantity=quantity,
    )


class AVenueThatLosesAnswers(RuleBasedStateMachine):
    """One order, at the venue and in our record; amends arrive, late, or not at all, and any view of it may come."""

    def __init__(self) -> None:
        super().__init__()
        self.record = LIVE
        self.now_ms = 0
        self.truth = order(INTENT.price or Decimal(0), INTENT.quantity or Decimal(0), Decimal(0))
        self.views = [self.truth]
        self.on_its_way: Amend | None = None
        self.certain = self.truth.price

    def arrive(self) -> None:
        amend, self.on_its_way = self.on_its_way, None
        rests = self.truth.status is OrderStatus.PENDING
        if amend is not None and amend.send_ms is not None and self.now_ms <= amend.send_ms + WINDOW_MS and rests:
            self.truth = replace(self.truth, price=amend.price)
            self.views.append(self.truth)

    @rule(ms=st.integers(1, 900))
    def time_passes(self, ms: int) -> None:
        self.now_ms += ms

    @rule(price=PRICES, how=st.sampled_from(["answered", "lost after", "lost before", "late"]))
    def an_amend_is_sent(self, price: Decimal, how: str) -> None:
        amend = Amend(price, None, AmendState.REQUESTED, 0, send_ms=self.now_ms, settles_by_ms=self.now_ms + WINDOW_MS)
        requested = amendment.requested(self.record, amend)
        if requested == self.record or (requested.result.amend != amend):
            return  # it may not be sent
        self.record, self.on_its_way = requested, amend
        self.now_ms += 1
        if how == "lost before":
            self.on_its_way = None
        elif how != "late":
            self.arrive()
        if how == "answered" and self.truth.price == price and self.truth.status is OrderStatus.PENDING:
            self.record = amendment.answered(self.record, amend, self.truth)
        else:
            self.record = amendment.lost(self.record, amend)

    @rule()
    def one_arrives_late(self) -> None:
        self.arrive()

    @rule(which=st.integers(0, 30))
    def the_stream_tells_late(self, which: int) -> None:
        self.record = lifecycle.seen(self.record, self.views[which % len(self.views)], source="private stream")

    @rule()
    def somebody_asks(self) -> None:
        self.now_ms += 1
        record = lifecycle.seen(self.record, self.truth, source="order query")
        self.record = amendment.shown(record, self.truth, asked_ms=self.now_ms)
        if not amendment.is_open(self.record) and self.record.state is State.LIVE:
            assert self.record.price == self.truth.price

    @rule(status=st.sampled_from([OrderStatus.FILLED, OrderStatus.CANCELLED]))
    def it_ends(self, status: OrderStatus) -> None:
        if self.truth.status is OrderStatus.PENDING:
            self.truth = replace(self.truth, status=status)
            self.views.append(self.truth)

    @invariant()
    def terms_that_are_shown_as_settled_are_those_at_the_venue(self) -> None:
        amend = self.record.result.amend
        if amend is not None and not amendment.is_open(self.record):
            can_arrive = self.on_its_way is not None and self.truth.status is OrderStatus.PENDING
            assert not can_arrive or self.now_ms > amend.settles_by_ms
            assert self.record.price == self.truth.price

    @invariant()
    def what_is_over_has_no_open_amend_and_its_last_terms(self) -> None:
        if self.record.state is State.DONE:
            assert not amendment.is_open(self.record)
            assert self.record.price == self.truth.price


AVenueThatLosesAnswers.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAmends = AVenueThatLosesAnswers.TestCase


def amend_of(operation_id: str | None, price: int = 101, **changes: object) -> Amend:
    base = Amend(Decimal(price), None, AmendState.REQUESTED, 0, operation_id=operation_id, send_ms=1, settles_by_ms=2)
    return replace(base, **changes)  # type: ignore[arg-type]


def test_the_operations_before_the_latest_are_remembered_up_to_a_bound() -> None:
    record = LIVE
    for number in range(30):
        amend = amend_of(f"op{number}", send_ms=number)
        record = amendment.failed(amendment.requested(record, amend), amend, None)
    assert record.result.operations[-1] == "op28"
    assert len(record.result.operations) <= 16


def test_of_two_that_would_place_anew_the_record_names_the_last() -> None:
    first, second = (amend_of(None, send_ms=None, new_client_order_id=name) for name in ("n1", "n2"))
    record = amendment.requested(amendment.requested(LIVE, first), second)
    assert record.result.amend == second
    assert not amendment.asks_for_the_same(record.result.amend, Terms(Decimal(101), new_client_order_id="n1"))
    assert amendment.asks_for_the_same(record.result.amend, Terms(Decimal(101), new_client_order_id="n2"))
    cancelled = replace(record, state=State.DONE)
    assert amendment.requested(cancelled, first) == cancelled
    assert amendment.replaced(record, "x") == record
    replaced = amendment.replaced(cancelled, "x").result.amend
    assert replaced is not None
    assert (replaced.state, replaced.replaced_by) == (AmendState.DONE, "x")

"""Amends at a venue that has them and at one that has not: never two under way at once."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.contract import AmendField
from adapters.errors import InvalidRequest, NeverSent, OutcomeUnknown
from adapters.models import OrderStatus
from gateway.errors import Code, Outcome, Refusal
from gateway.orders.cancelling import NotCancellable
from gateway.orders.record import AmendState, OrderRecord, State
from gateway.orders.terms import Terms
from gateway.risk.halt import Halt, Mode
from tests.gateway.orders.exchange import CAPABILITIES, Exchange, nothing
from tests.gateway.orders.replica import BOT, Replica, client, limit_order
from tests.gateway.orders.samples import halt

D = Decimal


async def placed(on: Replica, client_order_id: str = "one") -> OrderRecord:
    return (await on.placing.place(BOT, limit_order(client_order_id))).record


def amend_state(record: OrderRecord) -> AmendState | None:
    return None if record.result.amend is None else record.result.amend.state


async def halted(on: Replica, what: Halt) -> None:
    await on.halts.set(what, {on.venue: []})
    await on.halts.look(on.venue)


async def refused(on: Replica, record: OrderRecord, terms: Terms) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await on.amending.amend(BOT, record.intent.order_id, terms)
    return caught.value


class TestNative:
    @pytest.fixture
    def exchange(self, exchange: Exchange) -> Exchange:
        exchange.capabilities = replace(CAPABILITIES, amend=frozenset(AmendField))
        return exchange

    async def test_the_record_shows_the_terms_at_the_venue(self, one: Replica, other: Replica) -> None:
        record = await placed(one)
        amended = await one.amending.amend(BOT, record.intent.order_id, Terms(D(99), D(2)))
        assert (amended.price, amended.quantity, amend_state(amended)) == (D(99), D(2), AmendState.DONE)
        kept = await other.known()
        assert (kept.price, kept.quantity, kept.intent.price) == (D(99), D(2), D(100))
        [order] = one.exchange.of(record.intent.venue_client_id)
        assert (order.price, order.quantity) == (D(99), D(2))

    async def test_an_amend_that_is_repeated_is_sent_once(self, one: Replica, other: Replica) -> None:
        order_id = (await placed(one)).intent.order_id
        await one.amending.amend(BOT, order_id, Terms(D(99), operation_id="op1"))
        await one.amending.amend(BOT, order_id, Terms(D(98), operation_id="op2"))
        late = await other.amending.amend(BOT, order_id, Terms(D(99), operation_id="op1"))
        assert late.price == D(98)
        assert one.exchange.calls == ["amend", "amend"]
        refusal = await refused(one, late, Terms(D(97), operation_id="op2"))
        assert (refusal.code, refusal.outcome) == (Code.IDEMPOTENCY_CONFLICT, Outcome.NOT_SENT)

    @pytest.mark.parametrize(
        ("terms", "field"),
        [
            (Terms(D("99.001")), "price"),
            (Terms(quantity=D("1.05")), "quantity"),
            (Terms(quantity=D(5_000)), "quantity"),
        ],
    )
    async def test_terms_that_cannot_be_are_refused_before_anything_is_sent(
        self, one: Replica, terms: Terms, field: str
    ) -> None:
        refusal = await refused(one, await placed(one), terms)
        assert (refusal.field, refusal.outcome, one.exchange.calls) == (field, Outcome.NOT_SENT, [])

    async def test_a_halt_stops_an_amend_that_asks_for_more_and_a_freeze_every_one(self, one: Replica) -> None:
        record = await placed(one)
        await halted(one, halt())
        refusal = await refused(one, record, Terms(quantity=D(2)))
        assert (refusal.code, refusal.outcome, one.exchange.calls) == (Code.TRADING_HALTED, Outcome.NOT_SENT, [])
        assert (await one.amending.amend(BOT, record.intent.order_id, Terms(D(99)))).price == D(99)
        await halted(one, halt(mode=Mode.FREEZE, id="2"))
        assert (await refused(one, record, Terms(D(98)))).code is Code.TRADING_HALTED
        assert one.exchange.calls == ["amend"]

    async def test_no_total_below_what_is_filled_is_asked_for(self, one: Replica) -> None:
        record = await placed(one)
        one.exchange.change(record.intent.venue_client_id, status=OrderStatus.PARTIAL_FILLED, filled_quantity=D("0.5"))
        record, _ = await one.finding.get(BOT, record.intent.order_id)
        assert (await refused(one, record, Terms(quantity=D("0.5")))).field == "quantity"
        amended = await one.amending.amend(BOT, record.intent.order_id, Terms(quantity=D("0.6")))
        assert (amended.quantity, amended.result.filled_quantity) == (D("0.6"), D("0.5"))

    async def test_a_lost_answer_is_settled_by_the_venues_own_order(self, one: Replica) -> None:
        async def lost() -> None:
            raise OutcomeUnknown(one.exchange.name, "no answer")

        record = await placed(one)
        one.exchange.before_answer = lost
        amended = await one.amending.amend(BOT, record.intent.order_id, Terms(D(99)))
        assert (amended.price, amend_state(amended)) == (D(99), AmendState.DONE)

    async def test_an_amend_that_may_still_arrive_lets_no_other_go(self, one: Replica) -> None:
        async def lost() -> None:
            raise OutcomeUnknown(one.exchange.name, "no answer")

        record = await placed(one)
        one.exchange.on_arrival = lost
        open_one = await one.amending.amend(BOT, record.intent.order_id, Terms(D(99)))
        assert (open_one.price, amend_state(open_one)) == (D(100), AmendState.UNKNOWN)
        one.exchange.on_arrival = nothing
        refusal = await refused(one, record, Terms(D(98)))
        assert (refusal.outcome, refusal.retryable) == (Outcome.NOT_SENT, True)
        again = await one.amending.amend(BOT, record.intent.order_id, Terms(D(99)))
        assert amend_state(again) is AmendState.UNKNOWN
        assert one.exchange.calls == ["amend"]
        amend = again.result.amend
        assert amend is not None
        async with asyncio.timeout(5):
            while one.clock.venue_time_ms() <= amend.settles_by_ms:  # noqa: ASYNC110  # time has no event
                await asyncio.sleep(0.01)
        found, _ = await one.finding.get(BOT, record.intent.order_id)
        assert (found.price, amend_state(found)) == (D(100), AmendState.FAILED)
        assert (await one.amending.amend(BOT, record.intent.order_id, Terms(D(98)))).price == D(98)

    @pytest.mark.parametrize(("error", "outcome"), [(InvalidRequest, Outcome.REJECTED), (NeverSent, Outcome.NOT_SENT)])
    async def test_a_refused_amend_changes_nothing(
        self, one: Replica, error: type[InvalidRequest], outcome: Outcome
    ) -> None:
        async def no() -> None:
            raise error(one.exchange.name, "no")

        record = await placed(one)
        one.exchange.on_arrival = no
        assert (await refused(one, record, Terms(D(99)))).outcome is outcome
        kept = await one.known()
        assert (kept.state, kept.price, amend_state(kept)) == (State.LIVE, D(100), AmendState.FAILED)

    async def test_an_order_that_has_ended_is_too_late_to_amend(self, one: Replica) -> None:
        record = await placed(one)
        one.exchange.change(record.intent.venue_client_id, status=OrderStatus.FILLED, filled_quantity=D(1))
        with pytest.raises(NotCancellable) as caught:
            await one.amending.amend(BOT, record.intent.order_id, Terms(D(99)))
        assert caught.value.record.result.status is OrderStatus.FILLED
        with pytest.raises(NotCancellable):
            await one.amending.amend(BOT, record.intent.order_id, Terms(D(99)))
        assert one.exchange.calls == ["amend"]

    async def test_a_foreign_order_is_not_there(self, one: Replica) -> None:
        record = await placed(one)
        with pytest.raises(Refusal) as caught:
            await one.amending.amend(client("other"), record.intent.order_id, Terms(D(99)))
        assert (caught.value.code, one.exchange.calls) == (Code.ORDER_NOT_FOUND, [])


class TestPlacedAnew:
    TERMS = Terms(D(99), new_client_order_id="two")

    async def test_what_is_left_is_placed_anew_once_the_old_order_is_cancelled(self, one: Replica) -> None:
        record = await placed(one)
        one.exchange.change(record.intent.venue_client_id, status=OrderStatus.PARTIAL_FILLED, filled_quantity=D("0.4"))
        old = await one.amending.amend(BOT, record.intent.order_id, replace(self.TERMS, quantity=D(2)))
        new = await one.known("two")
        assert old.result.amend is not None
        assert (old.result.status, old.result.amend.replaced_by) == (OrderStatus.CANCELLED, new.intent.order_id)
        assert (new.state, new.price, new.quantity) == (State.LIVE, D(99), D("1.6"))

    async def test_it_may_be_repeated(self, one: Replica, other: Replica) -> None:
        order_id = (await placed(one)).intent.order_id
        first = await one.amending.amend(BOT, order_id, self.TERMS)
        again = await other.amending.amend(BOT, order_id, self.TERMS)
        assert again.result.amend == first.result.amend
        assert len(one.exchange.arrivals) == 2

    async def test_a_halt_leaves_the_old_order_as_it_is(self, one: Replica) -> None:
        record = await placed(one)
        await halted(one, halt())
        assert (await refused(one, record, self.TERMS)).code is Code.TRADING_HALTED
        assert (one.exchange.cancels, len(one.exchange.resting())) == (0, 1)

    async def test_an_id_for_the_new_order_is_needed(self, one: Replica) -> None:
        refusal = await refused(one, await placed(one), Terms(D(99)))
        assert (refusal.field, refusal.outcome) == ("new_client_order_id", Outcome.NOT_SENT)
        assert len(one.exchange.resting()) == 1

    async def test_nothing_is_cancelled_for_an_order_that_cannot_be(self, one: Replica) -> None:
        refusal = await refused(one, await placed(one), replace(self.TERMS, price=D("99.001")))
        assert (refusal.code, refusal.outcome) == (Code.INVALID_PRECISION, Outcome.NOT_SENT)
        assert len(one.exchange.resting()) == 1

    async def test_the_new_order_is_not_sent_while_the_cancel_is_unknown(self, one: Replica) -> None:
        async def lost() -> None:
            raise OutcomeUnknown(one.exchange.name, "no answer")

        record = await placed(one)
        one.exchange.before_cancel = lost
        assert (await refused(one, record, self.TERMS)).outcome is Outcome.UNKNOWN
        assert (await one.record("two"), len(one.exchange.resting())) == (None, 1)
        one.exchange.before_cancel = nothing
        one.exchange.cancels_take_time = True
        under_way = await one.amending.amend(BOT, record.intent.order_id, self.TERMS)
        assert (under_way.state, amend_state(under_way)) == (State.LIVE, AmendState.REQUESTED)
        assert await one.record("two") is None
        await one.finding.get(BOT, record.intent.order_id)
        old = await one.amending.amend(BOT, record.intent.order_id, self.TERMS)
        assert amend_state(old) is AmendState.DONE
        assert len(one.exchange.resting()) == 1

    async def test_of_several_at_once_one_places_anew(self, one: Replica, other: Replica) -> None:
        order_id = (await placed(one)).intent.order_id
        results = await asyncio.gather(
            *(
                on.amending.amend(BOT, order_id, Terms(D(90 + number), new_client_order_id=f"n{number}"))
                for number, on in enumerate((one, other, one, other))
            ),
            return_exceptions=True,
        )
        assert len([result for result in results if isinstance(result, OrderRecord)]) == 1
        assert len(one.exchange.resting()) == 1

    async def test_an_order_filled_meanwhile_is_not_placed_anew(self, one: Replica) -> None:
        record = await placed(one)

        async def fills() -> None:
            one.exchange.change(record.intent.venue_client_id, status=OrderStatus.FILLED, filled_quantity=D(1))

        one.exchange.before_cancel = fills
        with pytest.raises(NotCancellable) as caught:
            await one.amending.amend(BOT, record.intent.order_id, self.TERMS)
        assert (caught.value.record.result.status, amend_state(caught.value.record)) == (
            OrderStatus.FILLED,
            AmendState.FAILED,
        )
        assert await one.record("two") is None

    async def test_a_new_order_that_was_not_placed_is_told_with_the_cancel_that_was_done(self, one: Replica) -> None:
        async def no() -> None:
            raise InvalidRequest(one.exchange.name, "no", venue_code="NO")

        record = await placed(one)
        one.exchange.on_arrival = no
        refusal = await refused(one, record, self.TERMS)
        assert (refusal.code, refusal.outcome) == (Code.ORDER_REJECTED, Outcome.UNKNOWN)
        assert refusal.details is not None
        assert refusal.details["cancelled"] == record.intent.order_id
        assert one.exchange.resting() == []

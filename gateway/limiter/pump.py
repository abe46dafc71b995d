"""One set of rules: who waits for it, and one question to Redis at a time.

The pump decides nothing about order and deadlines (`queue`) nor about units (`spend`); it carries between them. What
becomes of the grants is `returns`' business.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from adapters.contract import Call, CallKind, LimitHeaders
from adapters.models import VenueName
from gateway.errors import StoreUnavailable
from gateway.limiter.claims import Wanted
from gateway.limiter.consumption import Consumption
from gateway.limiter.emergency import Emergency
from gateway.limiter.grant import Grant
from gateway.limiter.line import KINDS, Waiter
from gateway.limiter.metrics import Meters
from gateway.limiter.passage import Passage
from gateway.limiter.queue import Forecast, QueueFull, WaitQueue
from gateway.limiter.redis_spend import SharedBudget, Units
from gateway.limiter.refusals import Refusals
from gateway.limiter.returns import Returns
from gateway.limiter.rules import RuleStatus
from gateway.limiter.settings import LimiterSettings
from gateway.limiter.spend import Ask, Decision

Ticket = asyncio.Future[Grant]


@dataclass(frozen=True, slots=True)
class Question:
    """What Redis is asked for, and when."""

    units: Units
    wanted: Wanted
    asked_at_s: float
    asks: tuple[Ask, ...]


class Pump:
    """The waiters of one set of rules. `wake` is called when there may be something to ask."""

    def __init__(
        self,
        *,
        venue: VenueName,
        budget: SharedBudget,
        emergency: Emergency,
        settings: LimiterSettings,
        meters: Meters,
        refusals: Refusals,
        consumption: Consumption,
        venue_headers: LimitHeaders | None,
        venue_time_ms: Callable[[], int],
        asker: int,
        wake: Callable[["Pump"], None],
    ):
        self._venue = venue
        self._budget = budget
        self._emergency = emergency
        self._life_s = settings.grant_life_s
        self._meters = meters
        self._refusals = refusals
        self._asker = asker
        self._wake = wake
        self._returns = Returns(
            budget=budget,
            meters=meters,
            spent=consumption.tally(budget.rules),
            venue_headers=venue_headers,
            venue_time_ms=venue_time_ms,
            freed=self._freed,
            owes=lambda: wake(self),
        )
        self._forecast: Forecast | None = None
        self.queue: WaitQueue[Ticket] = WaitQueue(settings.queue_max)

    # --- waiting; times are monotonic seconds

    def enqueue(self, client: str, weight: int, kind: CallKind, units: Units, deadline_s: float) -> Waiter[Ticket]:
        """Join the queue. Raises `Refusal` if it is full, or if the deadline is certain to pass first."""
        ticket: Ticket = asyncio.get_running_loop().create_future()
        waiter: Waiter[Ticket] = Waiter(client, weight, kind, units, deadline_s, ticket)
        try:
            self.queue.add(waiter)
        except QueueFull:
            raise self._refusals.full(kind, *self._binding()) from None
        if self._forecast:
            place = self.queue.place(waiter)
            if not self.queue.judge(waiter, place, self._forecast):
                raise self._refusals.late(kind, *self._binding(place))
        self._wake(self)
        return waiter

    def abandon(self, waiter: Waiter[Ticket]) -> None:
        """Its caller has left; a grant that reached it in the same moment is given back."""
        if self.queue.leave(waiter):
            self._wake(self)
        elif not waiter.ticket.cancelled() and waiter.ticket.exception() is None:
            waiter.ticket.result().leave()

    def remove_late(self, now_s: float) -> None:
        """Refuse those whose deadline has passed."""
        for waiter in self.queue.remove_late(now_s):
            _refuse(waiter, self._refusals.late(waiter.kind, *self._binding()))

    def is_idle(self) -> bool:
        return not len(self.queue) and not self._budget.has_debts()

    def is_due(self, now_s: float, *, is_store_up: bool) -> bool:
        """Whether to ask now: for those who wait, or to enter debts once Redis is back."""
        return self._ask_at_s() <= now_s or (is_store_up and self._budget.has_debts())

    def next_at_s(self) -> float:
        """When to ask next, or when a deadline passes."""
        return min(self._ask_at_s(), self.queue.next_deadline_s())

    def _ask_at_s(self) -> float:
        head = self.queue.head()
        if head is None:
            return math.inf
        return self._forecast.again_s if self._forecast and self._forecast.is_like(head) else 0.0

    # --- asking

    def ask(self, now_s: float) -> tuple[Question, asyncio.Future[list[int]]] | None:
        """Put the next question; None if nobody waits. Debts go first, being the older spending."""
        self._budget.pay()
        head = self.queue.head()
        if head is None:
            return None
        asks, wanted = self._budget.asks(head.units), self.queue.wanted(self._asker)
        return Question(head.units, wanted, now_s, asks), self._budget.spend(asks, wanted)

    async def receive(self, question: Question, reply: asyncio.Future[list[int]]) -> None:
        """Wait for the answer and hand it to those who wait."""
        try:
            decision = Decision.from_reply(await reply, len(self._budget.rules))
        except StoreUnavailable:
            self._forecast = None
            self.go_on_without_store()
            return
        except Exception as exc:  # a fault of ours must reach those who wait, or they would wait for ever
            for waiter in self.queue.clear():
                _refuse(waiter, exc)
            raise
        self._forecast = self._foresee(question, decision)
        if decision.granted:
            self._hand_out(question, decision)
        if self._forecast:
            for waiter, place in self.queue.judge_new(self._forecast):
                _refuse(waiter, self._refusals.late(waiter.kind, *self._binding(place)))

    def passage(self, call: Call, client: str, weight: int, units: Units, now_s: float) -> Passage | None:
        """Leave for one call without waiting; None if others wait here, or nothing is to be had before a later time.

        It is not in the queue, so whether anybody elsewhere is before it must be known to whoever asks.
        """
        rank = KINDS.index(call.kind)
        forecast = self._forecast
        if not self.is_idle() or (forecast and forecast.is_about(units, rank) and forecast.again_s > now_s):
            return None
        one = tuple(int(kind is call.kind) for kind in KINDS)
        weights = tuple(weight if kind is call.kind else 1 for kind in KINDS)
        question = Question(units, Wanted(one, one, weights, self._asker), now_s, self._budget.asks(units))
        keys, arguments = self._budget.spending(question.asks, question.wanted)
        return Passage(call, keys, arguments, partial(self._pass, question, client, weight, rank))

    def _pass(self, question: Question, client: str, weight: int, rank: int, reply: Sequence[int]) -> Grant | None:
        decision = Decision.from_reply(reply, len(self._budget.rules))
        if not decision.granted:
            return None  # what the others who are on their way will need too, the queue asks for together
        self.queue.pass_by(client, weight, rank)
        self._meters.waited(KINDS[rank], time.monotonic() - question.asked_at_s)
        return self._grants(question, decision)(client=client)

    def _hand_out(self, question: Question, decision: Decision) -> None:
        make, unclaimed = self._grants(question, decision), decision.granted
        cancels = question.wanted.of_rank(0, decision.granted)
        for waiter in self.queue.take(question.units, decision.granted, cancels=cancels):
            if not waiter.ticket.done():  # done: its caller was cancelled just now
                waiter.ticket.set_result(make(client=waiter.client))
                unclaimed -= 1
        if unclaimed:
            self._returns.give_back(tuple(left.slot for left in decision.left), question.units, unclaimed)

    def _grants(self, question: Question, decision: Decision) -> "partial[Grant]":
        """What makes each of the grants, for its client."""
        self._budget.learn(decision.left)
        unix_s = time.time()
        pairs = zip(self._budget.rules, decision.left, strict=True)
        statuses = [RuleStatus.of(rule, left, unix_s) for rule, left in pairs]
        self._count(question, decision, statuses)
        tightest = min(statuses, key=RuleStatus.share_left, default=None)  # None: a venue without limits, a testnet
        return partial(
            Grant,
            self._returns,
            self._venue,
            expires_s=question.asked_at_s + self._life_s,
            units=question.units,
            slots=tuple(left.slot for left in decision.left),
            tightest=tightest,
        )

    def _count(self, question: Question, decision: Decision, statuses: Sequence[RuleStatus]) -> None:
        for rank, kind in enumerate(KINDS):
            calls = question.wanted.of_rank(rank, decision.granted)
            if calls:
                self._meters.granted(kind, calls)
            for rule, of_rule, status in zip(self._budget.rules, question.units, statuses, strict=True):
                if calls and rule.counted:  # ours are named for clients, of whom there may be many
                    self._meters.decided(
                        rule.name, kind, units=calls * of_rule, remaining=status.remaining, foreign=status.foreign
                    )

    def _foresee(self, question: Question, decision: Decision) -> Forecast | None:
        if decision.binding is None:
            return None
        last_rank = max(rank for rank, calls in enumerate(question.wanted.calls) if calls)
        usable = [ask.usable(last_rank) // ask.units for ask in question.asks]
        capacity = min(usable)
        return Forecast(
            made_at_s=time.monotonic(),
            units=question.units,
            ranks=question.wanted.refused_ranks(decision.granted),
            granted=decision.granted,
            again_us=decision.again_us,
            waits_us=decision.waits_us,
            capacity=capacity,
            period_us=question.asks[usable.index(capacity)].period_us,
            rule=self._budget.rules[decision.binding].name,
        )

    # --- without the store

    def emergency_grant(self, client: str, units: Units) -> Grant:
        """Leave that Redis knows nothing of; if it is used, the units are entered when Redis is back."""
        now_s = time.monotonic()
        is_within = self._emergency.spend(self._budget.rules, units, round(now_s * 1e6))
        self._meters.incident("cancel_without_store" if is_within else "cancel_beyond_reserve")
        expires_s = now_s + self._life_s
        return Grant(
            self._returns, self._venue, client=client, expires_s=expires_s, units=units, slots=None, tightest=None
        )

    def go_on_without_store(self) -> None:
        """Let the cancels that wait go, and refuse everybody else."""
        for waiter in self.queue.clear():
            if waiter.ticket.done():
                continue
            if waiter.kind is CallKind.CANCEL:
                waiter.ticket.set_result(self.emergency_grant(waiter.client, waiter.units))
            else:
                waiter.ticket.set_exception(self._refusals.store(waiter.kind))

    def close(self) -> None:
        """Send what is left to tell, and refuse those who still wait."""
        self._budget.settle()
        for waiter in self.queue.clear():
            _refuse(waiter, self._refusals.closed(waiter.kind))

    def _freed(self) -> None:
        """Somebody may go at once."""
        self._forecast = None
        self._wake(self)

    def _binding(self, place: int = 0) -> tuple[str, float]:
        """Which rule makes callers wait, and how long one at this place would."""
        if self._forecast:
            return self._forecast.rule, max(0.0, self._forecast.at_s(place) - time.monotonic())
        return (self._budget.rules[0].name if self._budget.rules else "none"), 0.0


def _refuse(waiter: Waiter[Ticket], error: Exception) -> None:
    if not waiter.ticket.done():
        waiter.ticket.set_exception(error)

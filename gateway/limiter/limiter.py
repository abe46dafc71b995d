"""The limiter of one venue in one process: gives leave to call, in order of urgency, and keeps Redis asked.

Every request to the venue passes here, our own housekeeping included. All replicas and accounts share the budget, which
is in Redis, and so is whose turn it is: order among waiters is kept within this process (`queue`), and among processes
by what each has waiting (`claims`).

- Below cancels nobody may use the reserve: orders and reads leave it to them.
- Redis away: cancels go on (`emergency`), everything else is refused.
- Redis back without its data: closed for one period plus the hard timeout. Nothing here re-opens it earlier.
"""

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self
from uuid import uuid4

from adapters.contract import Call, CallKind, Limits
from adapters.models import AccountName, VenueName
from gateway.errors import StoreUnavailable
from gateway.limiter.consumption import Consumption
from gateway.limiter.emergency import Emergency
from gateway.limiter.grant import Grant
from gateway.limiter.metrics import Meters
from gateway.limiter.plan import Plan, PlannedCalls, plan
from gateway.limiter.presence import PRESENCE, CallerLeft
from gateway.limiter.pump import Pump, Question
from gateway.limiter.redis_spend import LOOK, SharedBudget
from gateway.limiter.refusals import Refusals
from gateway.limiter.rules import OwnedRule, Route, Rulebook, RuleStatus
from gateway.limiter.settings import AccountTerms, ClientTerms, LimiterSettings
from gateway.limiter.spend import Decision
from gateway.limiter.throttle import Throttle
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_HEARTBEAT = Script.load("gateway.limiter", "heartbeat.lua")
_HEARTBEAT_S = 2.0

_log = logging.getLogger(__name__)


class Limiter:
    """The budget of one venue. Enter it as a block; callers get their own view with `throttle`."""

    def __init__(
        self,
        store: Store,
        venue: VenueName,
        limits: Limits,
        settings: LimiterSettings | None = None,
        *,
        terms: Callable[[str], ClientTerms] = lambda _: ClientTerms(),
        venue_time_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ):
        """`terms` says how a client shares; raises `ValueError` where the limits contradict themselves."""
        self._store = store
        self._venue = venue
        self._settings = settings or LimiterSettings()
        self._limits = limits
        self._rulebook = Rulebook(venue, limits, self._settings)
        self._terms = terms
        self._venue_time_ms = venue_time_ms
        self._consumption = Consumption(store)
        self._meters = Meters(venue)
        self._refusals = Refusals(venue, self._meters)
        self._replica = uuid4().hex
        self._emergency = Emergency(round(self._settings.hard_timeout_s * 1e6))
        self._routes: dict[tuple[object, ...], tuple[Pump, Route]] = {}
        self._pumps: dict[tuple[OwnedRule, ...], Pump] = {}
        self._active: dict[Pump, None] = {}
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        if self._settings.assume_unspent:
            with suppress(StoreUnavailable):
                await self._store.command("SET", keys.limit_epoch(self._venue), 0, "NX")
        self._store.watch(self._wake_all)
        self._tasks = [asyncio.create_task(self._serve()), asyncio.create_task(self._beat())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    @property
    def is_serving(self) -> bool:
        """Whether somebody asks Redis for those who wait; readiness looks at this."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    def take_up(self, accounts: Mapping[AccountName, AccountTerms]) -> None:
        """Use changed terms of accounts from now on; raises `ValueError` where they contradict themselves.

        Who waits already waits under the old ones.
        """
        settings = replace(self._settings, accounts=accounts)
        self._rulebook = Rulebook(self._venue, self._limits, settings)
        self._settings = settings
        self._routes.clear()
        self._pumps = {rules: pump for rules, pump in self._pumps.items() if pump in self._active}

    def throttle(
        self,
        *,
        client: str,
        account: AccountName | None = None,
        egress: str = "default",
        max_wait_s: float | None = None,
        kind: CallKind | None = None,
    ) -> Throttle:
        """The budget as one caller sees it; `kind` overrides the urgency of every call made through it.

        `max_wait_s` 0 means: at once or not at all; None: as configured.
        """
        wait_s = self._settings.max_wait_s if max_wait_s is None else max_wait_s
        return Throttle(
            lambda call: self.acquire(
                call, client=client, account=account, egress=egress, max_wait_s=wait_s, kind=kind or call.kind
            )
        )

    async def status(self, *, account: AccountName | None = None, egress: str = "default") -> tuple[RuleStatus, ...]:
        """What is left of every rule that counts for this account or address. Spends nothing.

        Raises `StoreUnavailable`.
        """
        rules = self._rulebook.visible(account, egress)
        if not rules:
            return ()
        budget = self._budget(rules)
        reply = await budget.spend(budget.asks((1,) * len(rules)), LOOK)
        left, unix_s = Decision.from_reply(reply, len(rules)).left, time.time()
        return tuple(RuleStatus.of(rule, of_rule, unix_s) for rule, of_rule in zip(rules, left, strict=True))

    async def plan(
        self, calls: Sequence[tuple[Call, int]], *, client: str, account: AccountName | None, egress: str = "default"
    ) -> tuple[Plan, Sequence[Plan]]:
        """Whether so many of each call fit, together and each kind alone. Spends nothing; raises `StoreUnavailable`."""
        terms = self._terms(client)
        planned = [
            PlannedCalls(
                call.kind,
                count,
                self._rulebook.route(
                    call.cost_class,
                    account,
                    egress,
                    is_cancel=call.kind is CallKind.CANCEL,
                    client=client,
                    terms=terms,
                ),
            )
            for call, count in calls
        ]
        rules = tuple(dict.fromkeys(rule for one in planned for rule in one.route.rules))
        outlooks = await self._budget(rules).look() if rules else {}
        return plan(planned, outlooks), [plan([one], outlooks) for one in planned]

    async def consumption(
        self, *, account: AccountName | None = None, egress: str = "default"
    ) -> Mapping[str, Mapping[str, int]]:
        """Who spent how many units of each rule in about the last period. Raises `StoreUnavailable`."""
        rules = self._rulebook.visible(account, egress)
        found = await asyncio.gather(*(self._consumption.of(rule) for rule in rules))
        return {rule.name: by_client for rule, by_client in zip(rules, found, strict=True)}

    async def acquire(
        self, call: Call, *, client: str, account: AccountName | None, egress: str, max_wait_s: float, kind: CallKind
    ) -> Grant:
        """Wait for leave to make `call`. Whoever calls this ends the grant; `Throttle` does.

        Raises `Refusal`: RATE_LIMIT_EXCEEDED if its turn does not come in time, STORE_UNAVAILABLE if Redis is away.
        A caller that is cancelled while it waits spends nothing; nor does one that has left (`CallerLeft`).
        """
        terms = self._terms(client)
        pump, route = self._route(call.cost_class, account, egress, kind is CallKind.CANCEL, (client, terms))
        if not self.is_serving:
            raise self._refusals.closed(kind)
        asked_s = time.monotonic()
        if not self._store.is_up:
            if kind is CallKind.CANCEL:
                return pump.emergency_grant(client, route.units)
            raise self._refusals.store(kind)
        waiter = pump.enqueue(client, terms.weight, kind, route.units, asked_s + max_wait_s)
        if (presence := PRESENCE.get()) is not None:
            presence.wait_for(waiter.ticket)
        try:
            grant = await waiter.ticket
        except (asyncio.CancelledError, CallerLeft):
            pump.abandon(waiter)
            raise
        self._meters.waited(kind, time.monotonic() - asked_s)
        return grant

    def _route(
        self,
        cost_class: str,
        account: AccountName | None,
        egress: str,
        is_cancel: bool,  # noqa: FBT001  # private, and on the way of every call
        caller: tuple[str, ClientTerms],
    ) -> tuple[Pump, Route]:
        client, terms = caller
        capped = caller if terms.max_share < 1 and not is_cancel else None
        key = (cost_class, account, egress, is_cancel, capped)
        found = self._routes.get(key)
        if found is None:
            route = self._rulebook.route(cost_class, account, egress, is_cancel=is_cancel, client=client, terms=terms)
            if route.rules not in self._pumps:
                self._pumps[route.rules] = self._pump(route.rules)
            found = self._routes[key] = (self._pumps[route.rules], route)
        return found

    def _pump(self, rules: tuple[OwnedRule, ...]) -> Pump:
        return Pump(
            venue=self._venue,
            budget=self._budget(rules),
            emergency=self._emergency,
            settings=self._settings,
            meters=self._meters,
            refusals=self._refusals,
            consumption=self._consumption,
            venue_headers=self._limits.headers,
            venue_time_ms=self._venue_time_ms,
            asker=secrets.randbits(52) + 1,
            wake=self._wake,
        )

    def _budget(self, rules: tuple[OwnedRule, ...]) -> SharedBudget:
        return SharedBudget(self._store, keys.limit_epoch(self._venue), rules, self._settings.hard_timeout_s)

    def _wake(self, pump: Pump) -> None:
        self._active[pump] = None
        self._woken.set()

    def _wake_all(self) -> None:
        """Redis went or came: those who wait must be told, and debts entered."""
        for pump in self._pumps.values():
            if not pump.is_idle():
                self._wake(pump)

    async def _serve(self) -> None:
        """Ask Redis for those who wait, until cancelled; then nobody is left waiting."""
        try:
            while True:
                self._woken.clear()
                if not await self._ask_for_due(time.monotonic()):
                    await self._sleep_until(min((pump.next_at_s() for pump in self._active), default=math.inf))
        finally:
            for pump in self._pumps.values():
                pump.close()

    async def _ask_for_due(self, now_s: float) -> bool:
        """One round of questions; answers whether there were any."""
        is_store_up = self._store.is_up
        for pump in list(self._active):
            pump.remove_late(now_s)
            if not is_store_up:
                pump.go_on_without_store()
            if pump.is_idle():
                del self._active[pump]
        due = [pump for pump in self._active if pump.is_due(now_s, is_store_up=is_store_up)]
        # Questions leave in this order in one pipeline, so the more urgent find what is left before the others.
        due.sort(key=lambda pump: pump.queue.urgency())
        for pump, question in [(pump, pump.ask(now_s)) for pump in due]:
            if question is not None:
                await self._receive(pump, question)
        return bool(due)

    async def _receive(self, pump: Pump, question: Question) -> None:
        try:
            await pump.receive(question)
        except Exception:  # those who waited were told; the others must still be served
            _log.exception("the limiter's question failed")

    async def _sleep_until(self, at_s: float) -> None:
        loop = asyncio.get_running_loop()
        timer = None if at_s == math.inf else loop.call_later(at_s - time.monotonic(), self._woken.set)
        try:
            await self._woken.wait()
        finally:
            if timer is not None:
                timer.cancel()

    async def _beat(self) -> None:
        """Say that this replica is alive and what its clients spent, and count the others."""
        while True:
            self._consumption.tell()
            self._meters.waiting(sum(len(pump.queue) for pump in self._pumps.values()))
            with suppress(StoreUnavailable):
                self._emergency.replicas = await self._store.run(
                    _HEARTBEAT, [keys.limit_replicas(self._venue)], [self._replica, keys.LIMIT_REPLICA_TTL_MS]
                )
            await asyncio.sleep(_HEARTBEAT_S)

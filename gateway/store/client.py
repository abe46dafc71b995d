"""The store: calls to one Redis, batched, bounded in time, never repeated blindly. What they mean belongs to callers.

- All calls made in one turn of the event loop leave as one pipeline, in the order they were made, on one connection.
- A call that fails, fails alone. A connection that breaks fails every call on it; the next call opens another.
- Nothing is sent twice. The exception proves the rule: a script that Redis does not have did not run, so that call goes
  once more, with the script's text, behind the calls made since.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import hiredis
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from gateway.errors import StoreUnavailable
from gateway.store import metrics
from gateway.store.scripts import Script
from gateway.store.wire import Address, Argument, Call, Wire, pack

_REFUSED_UNEXECUTED = frozenset(
    {"OOM", "READONLY", "LOADING", "MASTERDOWN", "BUSY", "NOREPLICAS", "MISCONF"}
    | {"CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "NOAUTH", "WRONGPASS", "NOPERM"}
)
"""Replies of a Redis that cannot serve now. It says each of them before a script's first write, or not at all."""

_BATCHES_MAX = 8
"""Past this many batches in flight, calls gather for the next one: a slow Redis gets larger batches, not more."""

_WAITING_MAX = 20_000
"""Past this many calls waiting to be written the store refuses more."""

_PROBE_S = 1.0
_PROBE_DOWN_S = 0.25


class Store:
    """One Redis, for one process. Safe to call concurrently; made by `Store.open`."""

    def __init__(self, url: str, *, timeout_s: float):
        self._url = url
        self._address = Address.parse(url)
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: list[Call] = []
        self._flush_is_due = False
        self._is_closed = False
        self._watchers: list[Callable[[], None]] = []
        self._is_up = False
        self.latency_s: float | None = None
        """How long the last batch took, from write to its last reply."""

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, timeout_s: float = 0.25) -> AsyncIterator["Store"]:
        """Connect to `url` (`redis://`, `rediss://`, `unix://`); every wait for Redis is bounded by `timeout_s`.

        A Redis that is away is no error here: `is_up` says so, and the store keeps trying. Raises `ValueError` for a
        URL it cannot read.
        """
        store = cls(url, timeout_s=timeout_s)
        with suppress(StoreUnavailable):
            await store.command("PING")
        probe = asyncio.create_task(store._probe())
        try:
            yield store
        finally:
            await store._close(probe)

    @property
    def is_up(self) -> bool:
        """Whether Redis answered the last time it was asked; measured at least once a second."""
        return self._is_up

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called whenever `is_up` has changed, for as long as the store is open."""
        self._watchers.append(changed)

    def run(self, script: Script, keys: Sequence[Argument], args: Sequence[Argument] = ()) -> asyncio.Future[Any]:
        """Run a script; await the result for its reply, with text as `bytes`.

        Raises `StoreUnavailable`, whose `may_have_run` tells whether repeating it is safe, and redis-py's
        `ResponseError` where the script itself is wrong.
        """
        reply = self._loop.create_future()
        self._add(self._script_call(script, keys, args, reply))
        return reply

    def send(self, script: Script, keys: Sequence[Argument], args: Sequence[Argument] = ()) -> None:
        """Run a script and do not wait for it: for what may be lost, but never done twice."""
        self._add(self._script_call(script, keys, args, None))

    def command(self, *command: Argument) -> asyncio.Future[Any]:
        """Run one command in the same batches; await the result. Raises as `run` does."""
        reply = self._loop.create_future()
        self._add(Call(pack(*command), reply))
        return reply

    async def time_us(self) -> int:
        """Redis' own time, microseconds since the epoch. Raises `StoreUnavailable`."""
        seconds, microseconds = await self.command("TIME")
        return int(seconds) * 1_000_000 + int(microseconds)

    @asynccontextmanager
    async def dedicated(self) -> AsyncIterator[Redis]:
        """Open a connection of its own, for reads that wait in Redis. redis-py's errors get out."""
        redis = Redis.from_url(
            self._url,
            socket_timeout=None,
            socket_connect_timeout=self._timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        async with redis:
            yield redis

    @asynccontextmanager
    async def subscriber(self) -> AsyncIterator[PubSub]:
        """Open a connection of its own for pub/sub, which may stay silent for ever. redis-py's errors get out."""
        async with self.dedicated() as redis, redis.pubsub() as pubsub:
            yield pubsub

    def _script_call(
        self, script: Script, keys: Sequence[Argument], args: Sequence[Argument], reply: asyncio.Future[Any] | None
    ) -> Call:
        operands = (len(keys), *keys, *args)
        return Call(pack("EVALSHA", script.sha, *operands), reply, script, operands)

    def _add(self, call: Call) -> None:
        if self._is_closed or len(self._waiting) >= _WAITING_MAX:
            reason = "the store is closed" if self._is_closed else "too many calls wait for Redis"
            self._fail_all([call], "not_written", reason, may_have_run=False)
            return
        self._waiting.append(call)
        if not self._flush_is_due:
            self._flush_is_due = True
            # call_soon runs after everything that is ready now: that is what makes a batch of one turn.
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        if not self._waiting:
            return
        if self._wire is None:
            if self._connecting is None:
                self._connecting = asyncio.create_task(self._connect())
            return
        if self._wire.batches_in_flight < _BATCHES_MAX:
            calls, self._waiting = self._waiting, []
            try:
                self._wire.send(calls)
            except ConnectionError as exc:  # closing already; `_on_lost` is on its way
                self._fail_all(calls, "lost", f"Redis: {exc}", may_have_run=False)

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                self._wire = await self._address.connect(self._make_wire)
            self._set_up(is_up=True)
        except OSError as exc:  # TimeoutError is one
            self._set_up(is_up=False)
            reason = f"Redis: cannot connect: {str(exc) or 'timed out'}"
            self._fail_all(self._take_waiting(), "connect", reason, may_have_run=False)
        finally:
            self._connecting = None
        self._flush()

    def _make_wire(self) -> Wire:
        return Wire(
            timeout_s=self._timeout_s,
            answered=self._on_answer,
            batch_answered=self._on_batch_answered,
            lost=self._on_lost,
        )

    def _on_answer(self, call: Call, reply: Any) -> None:
        if not isinstance(reply, hiredis.ReplyError):
            if call.reply is not None and not call.reply.done():
                call.reply.set_result(reply)
            return
        message = str(reply)
        code = message.partition(" ")[0]
        if code == "NOSCRIPT" and call.script is not None:
            packed = pack("EVAL", call.script.source, *call.operands)
            self._add(Call(packed, call.reply))
        elif code in _REFUSED_UNEXECUTED:
            self._fail_all([call], "refused", f"Redis refused: {message}", may_have_run=False)
        else:
            _fail(call, ResponseError(message))

    def _on_batch_answered(self, latency_s: float) -> None:
        self.latency_s = latency_s
        metrics.ROUND_TRIP.observe(latency_s)
        if self._waiting:
            self._flush()

    def _on_lost(self, wire: Wire, calls: list[Call], reason: str) -> None:
        reason = f"Redis: {reason}"
        self._fail_all(calls, "lost", reason, may_have_run=True)
        if wire is self._wire:
            self._wire = None
            self._set_up(is_up=False)
            self._fail_all(self._take_waiting(), "lost", reason, may_have_run=False)

    def _set_up(self, *, is_up: bool) -> None:
        metrics.REDIS_UP.set(is_up)
        if is_up != self._is_up:
            self._is_up = is_up
            for changed in self._watchers:
                changed()

    def _take_waiting(self) -> list[Call]:
        calls, self._waiting = self._waiting, []
        return calls

    def _fail_all(self, calls: list[Call], kind: str, reason: str, *, may_have_run: bool) -> None:
        metrics.ERRORS.labels(kind).inc(len(calls))
        for call in calls:
            _fail(call, StoreUnavailable(reason, may_have_run=may_have_run))

    async def _probe(self) -> None:
        while True:
            await asyncio.sleep(_PROBE_S if self.is_up else _PROBE_DOWN_S)
            with suppress(StoreUnavailable):
                await self.command("PING")

    async def _close(self, probe: asyncio.Task[None]) -> None:
        if self._wire is not None:
            with suppress(StoreUnavailable):
                await self.command("PING")  # calls nobody waits for are carried out before this one
        self._is_closed = True
        tasks = [task for task in (probe, self._connecting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._fail_all(self._take_waiting(), "not_written", "Redis: the store is closed", may_have_run=False)
        if self._wire is not None:
            self._wire.close("the store is closed")
            await asyncio.sleep(0)  # lets the transport close its socket


def _fail(call: Call, error: Exception) -> None:
    if call.reply is not None and not call.reply.done():
        call.reply.set_exception(error)

"""Where a schedule takes place: the fleet, the bots at it, the readers, and the judges. Steps are plain calls."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Self, TypeVar

from tests.chaos.desk import ORDINARY, SEATS, Desk, Pace
from tests.chaos.order_watch import judge_orders
from tests.chaos.readers import Reader
from tests.chaos.venue_judge import VenueJudge
from tests.chaos.violations import Promise, Verdict
from tests.harness.faults import Delay, Fault, Hole, Pass, Slice
from tests.harness.fleet import Fleet

ENDS_WITHIN_S = 90.0
BOOKS_SOUND_WITHIN_S = 15.0
LASTS_S = 0.8
"""How long trading meets all that was done before it is undone: longer than a lease."""
FRESH_S = 0.3
"""How long books are followed after all is well, so that what went wrong has had time to show."""

EVERYTHING = frozenset({"orders", "books", "sockets", "venue clocks", "replica clocks", "links", "processes", "redis"})
LINKS: Mapping[str, tuple[Fault, Fault]] = {
    "slow": (Delay(0.05, 0.05), Delay(0.05, 0.05)),
    "slower": (Delay(0.6, 0.8), Delay(0.6, 0.8)),
    "hole up": (Hole(), Pass()),
    "hole down": (Pass(), Hole()),
    "slices": (Slice(7), Slice(7)),
    "pass": (Pass(), Pass()),
}
T = TypeVar("T")


class Broken(AssertionError):
    """A promise was not kept."""


class Enough(Exception):
    """A shorter failing schedule has been sought for long enough."""


class Stage:
    """One fleet, on which schedules are played one after the other."""

    def __init__(self, fleet: Fleet, climate: Collection[str] = EVERYTHING, pace: Pace = ORDINARY) -> None:
        self.fleet = fleet
        self.climate = climate
        self.schedule: list[str] = []
        self.is_enough: Callable[[], bool] = lambda: False
        self.ended: Callable[[tuple[str, ...], Verdict], None] = lambda schedule, verdict: None
        self._pace = pace
        self._venues = list(fleet.venues)
        self._judges = {name: VenueJudge(name, fleet.venues[name].control) for name in self._venues}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bots", daemon=True)
        self._reading: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end_clients()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # -- the beginning and the end of a schedule -----------------------------------------------------------------------

    def begin(self) -> None:
        """Start from well, with nothing behind us."""
        if self.is_enough():
            raise Enough
        self._end_clients()
        self.schedule.clear()
        self.verdict = Verdict()
        self.fleet.heal()
        for judge in self._judges.values():
            judge.begin()
        self.desk: Desk | None = self._call(self._login())
        self.readers = [Reader(number, url, self._venues, self.verdict) for number, url in enumerate(self.fleet.urls)]
        self._reading = [self._start(reader.run()) for reader in self.readers]
        self._wait_for_books()
        self._trading = self._start(self.desk.trade())

    def judge(self) -> None:
        """Bring everything back to well, and hold what was said against what was. Raises `Broken`."""
        if self.desk is None:
            return
        verdict, desk = self.verdict, self.desk
        time.sleep(LASTS_S)
        self.fleet.heal()
        self._trading.cancel()
        self._call(desk.ended(), ENDS_WITHIN_S)
        self._wait_for_books()
        time.sleep(FRESH_S)
        self._end_clients()
        for name, judge in self._judges.items():
            own = [wish for wish in desk.wishes if wish.account == SEATS[name].account]
            judge_orders(own, judge.accepted(), verdict)
            judge.judge_limits(verdict)
            compared = judge.judge_books([reader.watches[name] for reader in self.readers], verdict)
            assert compared, f"no book of {name} could be judged"
        for what in desk.strange:
            verdict.add(Promise.ONCE, f"an answer nobody understands: {what}")
        self._judge_secrets(verdict)
        self.desk = None
        self.ended(tuple(self.schedule), verdict)
        if verdict.found:
            raise Broken(str(verdict))

    # -- steps ---------------------------------------------------------------------------------------------------------

    def wait(self, ms: int) -> None:
        time.sleep(ms / 1000)

    def spoil(self, venue: str, rule: Mapping[str, Any]) -> None:
        self.fleet.venues[venue].control.ask("POST", "faults", rule)

    def skip_ids(self, venue: str, skipped: int) -> None:
        symbol = {"backpack": "SOL_USDC", "zanbara": "SOL-PERP"}[venue]
        self.fleet.venues[venue].control.skip_ids(symbol, skipped)

    def cut_sockets(self, venue: str, how: str) -> None:
        self.fleet.venues[venue].control.strike_sockets(how)

    def put_clock(self, venue: str, ahead_ms: int) -> None:
        control = self.fleet.venues[venue].control
        control.step_clock(ahead_ms - control.ask("GET", "clock")["stepped_ms"])

    def disturb(self, replica: int, peer: str, how: str) -> None:
        one = self.fleet.replicas[replica]
        proxy = one.to_redis if peer == "redis" else one.to_venue[peer]
        if how == "cut":
            proxy.cut()
        else:
            up, down = LINKS[how]
            proxy.set(to_server=up, to_client=down)

    def kill(self, replica: int) -> None:
        if self.fleet.replicas[replica].is_running:
            self.fleet.replicas[replica].kill()

    def pause(self, replica: int) -> None:
        if self.fleet.replicas[replica].is_running:
            self.fleet.replicas[replica].pause()

    def resume(self, replica: int) -> None:
        if self.fleet.replicas[replica].is_running:
            self.fleet.replicas[replica].resume()

    def skew(self, replica: int, skew_ms: int) -> None:
        self.fleet.replicas[replica].skew_ms = skew_ms

    def disturb_redis(self, what: str) -> None:
        redis = self.fleet.redis
        match what:
            case "restart":
                redis.kill()
                redis.start()
            case "pause":
                redis.pause()
                time.sleep(0.5)
                redis.resume()
            case "fill":
                redis.run_out_of_memory()
            case "read_only":
                redis.turn_read_only()
            case "forget_scripts":
                redis.flush_scripts()
            case "drop_listeners":
                redis.kill_subscribers()

    def heal(self) -> None:
        self.fleet.heal()

    # -- within --------------------------------------------------------------------------------------------------------

    async def _login(self) -> Desk:
        desk = Desk(self.fleet.urls, (self.fleet.api_key, self.fleet.api_secret), self._venues, self._pace)
        await desk.login()
        return desk

    def _wait_for_books(self) -> None:
        give_up = time.monotonic() + BOOKS_SOUND_WITHIN_S
        while not all(reader.is_sound() for reader in self.readers):
            if time.monotonic() > give_up:
                shown = {
                    watch.who: watch.book is not None for reader in self.readers for watch in reader.watches.values()
                }
                self.verdict.add(Promise.STREAM, f"books do not come back although all is well: {shown}")
                return
            time.sleep(0.02)

    def _judge_secrets(self, verdict: Verdict) -> None:
        """No log of any life of any process has a secret in it."""
        secrets = {
            value
            for venue in self.fleet.venues.values()
            if venue.known is not None
            for account in venue.known.accounts
            for name, value in account["credentials"].items()
            if "secret" in name
        } | {self.fleet.api_secret}
        for log in self.fleet.directory.glob("gateway-*.log"):
            text = log.read_text(errors="replace")
            for secret in secrets:
                if secret in text:
                    verdict.add(Promise.SECRET, f"{log.name} holds the secret {secret[:4]}…")

    def _end_clients(self) -> None:
        for task in self._reading:
            task.cancel()
        for task in self._reading:
            with suppress(BaseException):
                task.result(5)
        self._reading = []
        if getattr(self, "desk", None) is not None:
            assert self.desk is not None
            self._call(self.desk.aclose())

    def _call(self, work: Coroutine[Any, Any, T], timeout_s: float = 10.0) -> T:
        return self._start(work).result(timeout_s)

    def _start(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

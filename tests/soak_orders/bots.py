"""The bots of a soak: every order many times over, at every replica, with every kind of impatience."""

import asyncio
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.soak_orders.book import Claim, Page, Told, read_answer
from tests.soak_orders.wire import Wire
from tests.soak_orders.wishes import Wish

WAVES = (4, 2, 2)
"""Attempts that are made at once, and the next when these have come to something: eight in all."""
PATIENCE_S = {"waits": 4.0, "gives up early": 0.15, "hangs up": 0.01}
TEMPER = (0.8, 0.12, 0.08)
LOOK_EVERY_S = 0.4
SETTLED_WITHIN_S = 60.0
"""After the faults have ended."""
CANCELS = 8


@dataclass(frozen=True, slots=True)
class Pace:
    """How many orders are under way at once, and until how long after an attempt it may still send."""

    abreast: int = 48
    valid_ms: int = 10_000


class Bots:
    """Runs in a thread of its own, since processes are started from the main one."""

    def __init__(self, urls: Sequence[str], credentials: tuple[str, str], pace: Pace, seed: int) -> None:
        self.pages: list[Page] = []
        self.are_in = threading.Event()
        """They have a token, good at every replica: now things may go wrong."""
        self.has_traded = threading.Event()
        """Every attempt has been made."""
        self.is_enough = threading.Event()
        """Set from outside: begin no more orders."""
        self._healed_s: float | None = None
        self._urls = urls
        self._credentials = credentials
        self._pace = pace
        self._chance = random.Random(seed)
        self._settling: set[asyncio.Task[None]] = set()
        self._wire = Wire()

    def healed(self) -> None:
        """Told from outside that the faults have ended."""
        self._healed_s = time.monotonic()

    async def run(self, wishes: Sequence[Wish]) -> None:
        """Make every attempt at every order, and follow each until it is settled."""
        left = iter(wishes)
        try:
            await self._log_in()
            self.are_in.set()
            await asyncio.gather(*(self._trade(left) for _ in range(self._pace.abreast)))
            self.has_traded.set()
            while self._settling:
                await asyncio.wait(self._settling)
        finally:
            self.are_in.set()
            self.has_traded.set()
            self._wire.close()

    async def _log_in(self) -> None:
        key, secret = self._credentials
        body = {"api_key": key, "api_secret": secret}
        status, answer = await self._wire.ask(self._urls[0], "POST", "/v1/auth/token", body, PATIENCE_S["waits"])
        assert status == 200, f"no token: {status} {answer}"
        self._wire.token = answer["data"]["token"]

    async def _trade(self, left: Any) -> None:
        for wish in left:
            if self.is_enough.is_set():
                return
            page = Page(wish)
            self.pages.append(page)
            for attempts in WAVES:
                await asyncio.gather(*(self._attempt(page) for _ in range(attempts)))
            task = asyncio.ensure_future(self._settle(page, time.monotonic() + self._pace.valid_ms / 1000 + 1))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    async def _attempt(self, page: Page) -> None:
        [temper] = self._chance.choices(sorted(PATIENCE_S, reverse=True), TEMPER)
        now_ms = time.time_ns() // 1_000_000
        body = page.wish.body() | {"valid_until": now_ms + self._pace.valid_ms}
        asking = self._ask("POST", "/v1/orders", body, patience_s=PATIENCE_S[temper])
        page.told.append(await asking)

    async def _settle(self, page: Page, sendable_until_s: float) -> None:
        """Ask what became of it. That there is none counts once no attempt can send it any more."""
        path = f"/v1/accounts/{page.wish.account}/orders/by-client-id/{page.wish.client_order_id}"
        while self._healed_s is None or time.monotonic() < self._healed_s + SETTLED_WITHIN_S:
            told = await self._ask("GET", path)
            is_none = told.shown.startswith("404 ")
            if told.is_settled or (is_none and time.monotonic() > sendable_until_s):
                page.ended = Told(Claim.NOT_SENT, told.shown, told.asked_ms) if is_none else told
                break
            page.unsettled_shown = told.shown
            await asyncio.sleep(LOOK_EVERY_S * self._chance.uniform(0.5, 1.5))
        if page.ended is not None and page.ended.stage == "live" and page.wish.rests:
            await self._cancel(page, path)

    async def _cancel(self, page: Page, path: str) -> None:
        for _ in range(CANCELS):
            told = await self._ask("DELETE", path, is_cancel=True)
            if told.claim is not Claim.NONE and told.shown[:3] in {"200", "404", "409"}:
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        patience_s: float = PATIENCE_S["waits"],
        is_cancel: bool = False,
    ) -> Told:
        asked_ms = time.time_ns() // 1_000_000
        status, answer = await self._wire.ask(self._chance.choice(self._urls), method, path, body, patience_s)
        if is_cancel:
            return Told(Claim.OPEN if status else Claim.NONE, str(status), asked_ms)
        return read_answer(status, answer, asked_ms=asked_ms, is_write=method != "GET")

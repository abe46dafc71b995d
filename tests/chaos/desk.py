"""Bots at several replicas: they place, try again, cancel and read, and write down every answer they get."""

import asyncio
import itertools
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.chaos.order_watch import Answer, Wish
from tests.end_to_end.bots import TLS

PATIENCE_S = 1.5
"""How long a bot waits for an answer before it tries again."""
SETTLED_WITHIN_S = 60.0
"""An order sent while the venue's clock was put back may be taken until that clock is where we thought it was."""
LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Seat:
    """An account at a venue, and what its bots trade there: far from the market, and at any price."""

    venue: str
    account: str
    symbol: str
    resting_price: str
    taking_price: str


SEATS: Mapping[str, Seat] = {
    "backpack": Seat("backpack", "bp-desk-a", "SOL-USDC", "140", "170"),
    "zanbara": Seat("zanbara", "zb-desk-a", "SOL-USDC-PERP", "140", "170"),
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How much the bots do: every turn an order and some reads at each venue."""

    every_s: float = 0.1
    attempts: int = 2
    reads: int = 2


ORDINARY = Pace()


class Desk:
    """The bots of one run. Everything runs in one event loop."""

    def __init__(self, urls: Sequence[str], credentials: tuple[str, str], venues: Iterable[str], pace: Pace) -> None:
        self._urls = urls
        self._seats = [SEATS[venue] for venue in venues]
        self._pace = pace
        self._credentials = credentials
        self._numbers = itertools.count(1)
        self._run = secrets.token_hex(4)
        self._http = httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False, verify=TLS)
        self._tasks: set[asyncio.Task[None]] = set()
        self.wishes: list[Wish] = []
        self.strange: list[str] = []
        """Answers no client could make sense of."""

    async def login(self) -> None:
        """Get a token, good at every replica."""
        key, secret = self._credentials
        answer = await self._http.post(f"{self._urls[0]}/v1/auth/token", json={"api_key": key, "api_secret": secret})
        self._http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['data']['token']}"

    async def trade(self) -> None:
        """Place, cancel and read without pause, for ever: what was begun goes on by itself."""
        for turn in itertools.count():
            for seat in self._seats:
                self._place(seat, replica=turn, takes=turn % 3 == 0)
                for _ in range(self._pace.reads):
                    path = f"/v1/accounts/{seat.account}/balances?max_age_ms=0"
                    self._start(self._ask("GET", f"{self._url(turn)}{path}"))
            if turn % 2:
                self._start(self._ask("DELETE", self._by_client_id(turn, self.wishes[-3:][0])))
            await asyncio.sleep(self._pace.every_s)

    async def ended(self) -> None:
        """Wait for what was begun, and then for every order's fate."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await asyncio.gather(*(self._settle(wish) for wish in self.wishes))

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    # -- in the background ---------------------------------------------------------------------------------------------

    def _place(self, seat: Seat, *, replica: int, takes: bool) -> None:
        wish = Wish(seat.account, f"chaos-{self._run}-{next(self._numbers)}")
        self.wishes.append(wish)
        body = {
            "account": seat.account,
            "symbol": seat.symbol,
            "side": "buy",
            "type": "limit",
            "price": seat.taking_price if takes else seat.resting_price,
            "quantity": "0.1",
            "time_in_force": "IOC" if takes else "GTC",
            "client_order_id": wish.client_order_id,
        }
        self._start(self._pursue(wish, body, replica))

    async def _pursue(self, wish: Wish, body: Mapping[str, Any], replica: int) -> None:
        """Make every attempt, whatever was answered: a bot that lost its memory does just that."""
        for attempt in range(self._pace.attempts):
            wish.answers.append(await self._ask("POST", f"{self._url(replica + attempt)}/v1/orders", body))

    async def _settle(self, wish: Wish) -> None:
        """Ask what became of the order until it is known."""
        with_end = asyncio.timeout(SETTLED_WITHIN_S)
        try:
            async with with_end:
                for replica in itertools.count():
                    answer = wish.last = await self._ask("GET", self._by_client_id(replica, wish))
                    if answer.status == 404:
                        wish.ended, wish.is_settled = None, True
                        return
                    if answer.status == 200 and answer.body is not None:
                        wish.ended = answer.body["data"]
                        if wish.ended["status"] != "unknown" and wish.ended["stage"] not in ("queued", "sending"):
                            wish.is_settled = True
                            return
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            if not with_end.expired():
                raise

    async def _ask(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Answer:
        try:
            response = await self._http.request(method, url, json=body)
        except httpx.TransportError:
            return Answer(None, None)
        parsed = _envelope(response)
        if parsed is None or response.status_code == 500:
            self.strange.append(f"{method} {url} was answered {response.status_code} {response.text[:300]}")
            return Answer(response.status_code, None)
        return Answer(response.status_code, parsed)

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _url(self, replica: int) -> str:
        return self._urls[replica % len(self._urls)]

    def _by_client_id(self, replica: int, wish: Wish) -> str:
        return f"{self._url(replica)}/v1/accounts/{wish.account}/orders/by-client-id/{wish.client_order_id}"


def _envelope(response: httpx.Response) -> Mapping[str, Any] | None:
    """The answer as every answer of the API is; None if it is not."""
    try:
        body: Any = response.json()
    except ValueError:
        return None
    is_success = response.is_success
    is_envelope = isinstance(body, dict) and body.get("success") is is_success
    return body if is_envelope and ("data" if is_success else "error") in body else None

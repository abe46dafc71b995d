"""A simulated Backpack on a thread of its own, so that clients that block theirs can be driven like all others."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import uvloop

from sandbox.config import SandboxConfig
from sandbox.server import Urls, running
from sandbox.world import World

T = TypeVar("T")
UP_S = 10
ADDRESS = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"  # outside, where money may be sent to


@dataclass(frozen=True, slots=True)
class Keys:
    """What a trader has: an account and its API key."""

    account: str
    public: str
    secret: str


@dataclass
class Venue:
    """A running sandbox, and its control plane."""

    urls: Urls
    http: httpx.Client
    loop: asyncio.AbstractEventLoop
    keys: dict[str, Keys] = field(default_factory=dict)
    _unused: Iterator[Keys] = field(init=False)

    def __post_init__(self) -> None:
        for account in self.http.get("/sim/accounts").raise_for_status().json()["accounts"]:
            self.keys[account["name"]] = Keys(account["name"], account["public_key"], account["secret_key"])
        self._unused = (keys for name, keys in self.keys.items() if name.startswith("acct-"))

    def new_account(self) -> Keys:
        """An account that nobody has traded with yet."""
        return next(self._unused)

    def control(self, path: str, body: Mapping[str, Any]) -> Any:
        """Tell the simulation something, such as where a price stands."""
        return self.http.post(f"/sim/{path}", json=body).raise_for_status().json()

    def subscriptions(self, account: str | None = None) -> set[str]:
        """The names of the open subscriptions of an account, or of the public ones."""
        report = self.http.get("/sim/ledger/subscriptions").raise_for_status().json()
        return {row["stream"] for row in report["subscriptions"] if row["account"] == account}

    def inside(self, act: Callable[[World], T]) -> T:
        """Do something to the simulation itself, between two of its steps."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(act(self.urls.world))
            except BaseException as exc:
                done.set_exception(exc)

        self.loop.call_soon_threadsafe(run)
        return done.result(timeout=UP_S)


@contextlib.contextmanager
def started(config: SandboxConfig) -> Iterator[Venue]:
    """Serve a sandbox for the length of the block."""
    up: Future[tuple[Urls, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        leave = asyncio.Event()
        async with running(config) as urls:
            up.set_result((urls, asyncio.get_running_loop(), leave))
            await leave.wait()

    thread = threading.Thread(target=lambda: uvloop.run(serve()), daemon=True)
    thread.start()
    urls, loop, leave = up.result(timeout=UP_S)
    try:
        with httpx.Client(base_url=urls.url, timeout=UP_S, trust_env=False) as http:
            yield Venue(urls, http, loop)
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join()

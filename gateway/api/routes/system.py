"""`/v1/system`, and the probes: how this replica and what it leans on are doing."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from gateway import __version__
from gateway.accounts import Account
from gateway.api.answers import ERRORS, ok
from gateway.api.bodies import Answer, Shape
from gateway.api.context import now_ms
from gateway.api.deps import TheContext, TheServices
from gateway.auth import Client
from gateway.orders.identity import spelled_out
from gateway.services import Services

router = APIRouter(tags=["system"], responses=ERRORS)


class Time(Shape):
    server_time: int


class StoreStatus(Shape):
    is_up: bool
    latency_ms: float | None


class StreamStatus(Shape):
    owner: str | None
    """The replica that keeps the venue's streams for all."""
    is_connected: bool


class VenueStatus(Shape):
    venue: str
    markets_loaded: bool
    clock_offset_ms: int | None
    """The venue's clock minus ours; null while it is not measured."""
    streams: StreamStatus


class HaltStatus(Shape):
    scope: str
    name: str
    mode: str
    until: int | None
    reason: str | None
    """Told to clients only."""


class HeldMarket(Shape):
    symbol: str
    order_id: str | None
    """The stuck order; null where the caller may not see it."""


class AccountStatus(Shape):
    account: str
    venue: str
    is_ready: bool
    """Whether it takes new orders: its venue was looked through since the store began to know it."""
    held: list[HeldMarket]
    """Markets that take no new orders until a stuck order has been found or resolved."""


class Status(Shape):
    status: str
    """`ok`, `degraded` or `draining`."""
    version: str
    replica: str
    store: StoreStatus
    venues: list[VenueStatus]
    halts: list[HaltStatus]
    accounts: list[AccountStatus]
    """Those granted to whoever asks."""
    problems: list[str]


@router.get("/v1/system/time", response_model=Answer[Time])
async def time() -> Response:
    """This service's clock, ms."""
    return ok(Time, Time(server_time=now_ms()))


@router.get("/v1/system/status", response_model=Answer[Status])
async def status(the: TheServices, request_context: TheContext) -> Response:
    """Venues, streams, halts, Redis and the caller's accounts, as this replica sees them."""
    problems = _problems(the)
    streams = the.feeds.state().venues
    client = request_context.client
    return ok(
        Status,
        Status(
            status="draining" if the.lifecycle.is_draining else "degraded" if problems else "ok",
            version=__version__,
            replica=the.replica,
            store=StoreStatus(is_up=the.store.is_up, latency_ms=_ms(the.store.latency_s)),
            venues=[
                VenueStatus(
                    venue=name,
                    markets_loaded=the.markets.is_loaded(name),
                    clock_offset_ms=the.clocks[name].offset_ms if the.clocks[name].is_measured else None,
                    streams=StreamStatus(owner=streams[name].owner, is_connected=streams[name].is_connected),
                )
                for name in the.venues
            ],
            halts=[
                HaltStatus(
                    scope=halt.scope,
                    name=halt.name,
                    mode=halt.mode,
                    until=halt.until_ms,
                    reason=None if request_context.client is None else halt.reason,
                )
                for halt in the.orders.halts.in_force()
            ],
            accounts=[
                _account(the, account, client)
                for account in the.accounts.all()
                if client is not None and account.name in client.accounts
            ],
            problems=problems,
        ),
    )


def _account(the: Services, account: Account, client: Client) -> AccountStatus:
    last = the.readiness(account)
    return AccountStatus(
        account=account.name,
        venue=account.venue.name,
        is_ready=last is not None and last.is_ready,
        held=[
            HeldMarket(
                symbol=symbol,
                order_id=order_id if client.sees(account.name, spelled_out(order_id).owner) else None,
            )
            for order_id, symbol in (last.held.items() if last is not None else ())
        ],
    )


@router.get("/healthz", include_in_schema=False)
async def healthz() -> Response:
    """Whether this process serves requests at all; no word on anything it leans on."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", include_in_schema=False)
async def readyz(the: TheServices) -> Response:
    """Whether traffic should come here: this process and its Redis, never a venue."""
    reasons = the.reasons_not_ready()
    if reasons:
        return JSONResponse({"status": "not ready", "reasons": reasons}, 503)
    return JSONResponse({"status": "ready"})


def _problems(the: Services) -> list[str]:
    problems = [f"background task {name} has died" for name in the.lifecycle.failed_tasks]
    if not the.store.is_up:
        problems.append("Redis cannot be reached: no orders, no venue reads; cancels still go out")
    for name in the.venues:
        if not the.markets.is_loaded(name):
            problems.append(f"{name} has not told its markets yet")
        if not the.clocks[name].is_measured:
            problems.append(f"the clock of {name} has not been measured: no orders there")
        if the.markets.is_loaded(name):
            problems += [
                f"venues.{name}.markets.{symbol}: {name} has no such market, so that its limits limit nothing"
                for symbol in the.risk.unknown_markets(name, list(the.markets.of(name)))
            ]
        waiting = [one for one in the.accounts.all() if one.venue.name == name and not the.is_ready(one)]
        if waiting:
            problems.append(f"{len(waiting)} accounts at {name} take no new orders until it has been looked through")
    return problems


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)

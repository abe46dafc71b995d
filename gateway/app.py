"""Wiring: what the settings say, put together and kept running. The only module that sees everything."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from adapters.common.transport import HttpTransport
from adapters.models import AccountName, VenueName
from gateway import __version__
from gateway.accounts import Account, Accounts
from gateway.addresses import AllowList
from gateway.api import document, handlers
from gateway.api.direct import Direct
from gateway.api.edge import Edge
from gateway.api.routes import (
    accounts,
    across,
    audit,
    auth,
    cancel_after,
    journals,
    ledger,
    markets,
    operations,
    order_changes,
    orders,
    resolve,
    system,
    venues,
)
from gateway.api.routes import halts as halt_routes
from gateway.api.routes import risk as risk_routes
from gateway.auth import Client, ClientBudget, Clients, Signatures, TokenRefused, Tokens, admitted
from gateway.budgets import account_terms, check_budgets, limiter_settings
from gateway.clock import VenueClock
from gateway.draining import Draining
from gateway.errors import Code, Refusal
from gateway.fanout.settings import FanoutSettings
from gateway.feeds import FeedSettings, MarketFeeds
from gateway.journal import MAX_LENGTH, UNCUT, Archiver, ArchiveTerms, Journals
from gateway.limiter import Limiter, Throttle
from gateway.market_reads import MarketReads
from gateway.opening import OpenedAccounts, Secrets, open_accounts, open_venues
from gateway.operations.asking import Asking
from gateway.operations.forgotten import Forgotten
from gateway.operations.operating import Operating
from gateway.operations.records import Records as OperationRecords
from gateway.operations.settling import Settling as OperationSettling
from gateway.operations.sweep import Sweep as OperationSweep
from gateway.orders.identity import Identities
from gateway.orders.journaling import spell_out
from gateway.orders.path import TENDING, OrderPath
from gateway.reference import Markets
from gateway.reload import Reload
from gateway.renewals import Renewals
from gateway.risk.gate import Risk
from gateway.risk.ledger import Ledger
from gateway.risk.reference_price import ReferencePrices
from gateway.services import Lifecycle, Services, public_throttle
from gateway.settings import Scope, Settings
from gateway.store.client import Store
from gateway.store.tokens import TokenVault
from gateway.venue_calls import VenueCalls
from gateway.vitals import Vitals
from gateway.ws.endpoint import Sockets
from gateway.ws.private import Admit, PrivateChannels, Recheck

_log = structlog.get_logger()

OURSELVES = "crossgate"
"""Our own name as a client of the limiter: reference data, clocks, streams, sweeps."""

_DRAIN_S = 10.0
_CONNECTIONS_MAX = 64
"""Connections to one venue at once; more calls than that wait for one."""


def create_app(
    settings: Settings, redis_url: str, *, config: Path | None = None, lifecycle: Lifecycle | None = None
) -> ASGIApp:
    """The gateway as an ASGI application; with `config`, SIGHUP makes it read that file again.

    `lifecycle` is for whoever ends the process: it learns there how to do so gently.

    Raises `ConfigError`, naming the key, for settings that are well-formed and still cannot work: a secret that is not
    there, an adapter nobody wrote, credentials that contradict themselves.
    """
    parts = _Parts(settings)
    life = lifecycle or Lifecycle()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            background = _Background(life)
            services = app.state.services = await _start(parts, redis_url, stack, background)
            sockets = app.state.sockets = Sockets(
                services.feeds.hub,
                parts.venues,
                services.markets.find,
                admit=_admit_with(parts.tokens),
                recheck=_recheck_with(parts.clients),
                private=PrivateChannels(services.journals, services.accounts, services.orders.settling),
                needs_token=not settings.auth.public,
            )
            Draining(life, sockets, services.limiters.values(), partial(_hand_over, services, background)).install()
            reload = Reload(config, settings, partial(_take_up, parts, services, sockets))
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
            _log.info("started", version=__version__, replica=services.replica, venues=sorted(parts.venues))
            yield
            life.is_draining = True
            sockets.drain()
            await services.orders.in_flight.drain(_DRAIN_S)
            _log.info("stopping", replica=services.replica)

    app = FastAPI(
        title="Crossgate",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        openapi_url=None,  # `document` serves it
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours know the limiter and the venues as well
        redirect_slashes=False,  # a redirect is no answer of the contract, and would trust the Host header
    )
    for routes in (
        *(system, auth, venues, markets, across, accounts, cancel_after, journals, ledger),
        *(orders, order_changes, operations, resolve, audit, risk_routes, halt_routes),
    ):
        app.include_router(routes.router)
    handlers.install(app)

    @app.websocket("/v1/ws")
    async def stream(websocket: WebSocket) -> None:
        await app.state.sockets.serve(websocket)

    document.install(app)
    return Edge(
        Direct(app, [orders.router]),
        tokens=parts.tokens,
        signatures=parts.signatures,
        budget=ClientBudget(settings.server.client_requests_per_s, time.monotonic),
        trusted_proxies=AllowList(settings.auth.trusted_proxies),
    )


class _Parts:
    """What can be built before anything runs: whatever is wrong with the settings shows here."""

    def __init__(self, settings: Settings):
        self.settings = settings
        secrets_read = Secrets(settings)
        self.identities = Identities(secrets_read.ids)
        self.clients = Clients(settings)
        self.tokens = Tokens(
            secrets_read.token_seeds,
            audience=settings.auth.audience,
            lifetime_s=settings.auth.token_lifetime_s,
            find_client=self.clients.get,
        )
        self.transport = HttpTransport(max_connections=_CONNECTIONS_MAX)
        self.calls = VenueCalls(self.transport)
        self.clocks = {VenueName(name): VenueClock() for name in settings.venues}
        # Each venue's clock measures Redis' too: any of them will do.
        self.signatures = Signatures(self.clients.get, next(iter(self.clocks.values())).redis_time_ms)
        self.venues = open_venues(settings, self.calls, self.clocks)
        check_budgets(settings, self.venues)
        self.vault = TokenVault(secrets_read.seal)
        self.opened = self.open_accounts(settings, secrets_read)

    def open_accounts(self, settings: Settings, secrets_read: Secrets) -> OpenedAccounts:
        return open_accounts(
            settings, secrets_read, self.venues, calls=self.calls, vault=self.vault, clocks=self.clocks
        )


def _take_up(parts: _Parts, services: Services, sockets: Sockets, settings: Settings) -> None:
    opened = parts.open_accounts(settings, Secrets(settings))
    check_budgets(settings, parts.venues)
    for name, limiter in services.limiters.items():
        limiter.take_up(account_terms(settings, name))
    services.risk.take_up(settings)
    services.accounts.take_up(_accounts(opened, services.limiters))
    services.clients.take_up(settings)
    sockets.clients_changed()


def _accounts(opened: OpenedAccounts, limiters: Mapping[VenueName, Limiter]) -> Iterator[Account]:
    for name, one in opened.items():
        yield Account(
            name, one.venue, one.at_venue, limiters[one.venue.name], one.tokens, one.orphans, one.destinations
        )


async def _hand_over(services: Services, background: "_Background") -> None:
    """Leave to other replicas what one does for all."""
    await asyncio.gather(
        services.feeds.hand_over(),
        background.end(TENDING),
        *(background.end(_archive_of(name)) for name in services.venues),
    )


async def _start(parts: _Parts, redis_url: str, stack: AsyncExitStack, background: "_Background") -> Services:
    """Start everything that runs; `stack` ends it in the opposite order."""
    settings, opened, clocks = parts.settings, parts.venues, parts.clocks
    stack.push_async_callback(parts.transport.aclose)
    store = await stack.enter_async_context(Store.open(redis_url, timeout_s=settings.redis.timeout_s))
    parts.vault.open(store)
    parts.signatures.open(store)
    limiters = {
        name: await stack.enter_async_context(
            Limiter(
                store,
                name,
                venue.limits,
                limiter_settings(settings, name),
                terms=parts.clients.terms,
                venue_time_ms=clocks[name].venue_time_ms,
            )
        )
        for name, venue in opened.items()
    }

    def our_throttle(venue: VenueName) -> Throttle:
        return public_throttle(limiters[venue], OURSELVES)

    found = Markets(opened, our_throttle)
    replica = secrets.token_hex(4)
    feeds = await stack.enter_async_context(
        MarketFeeds(store, opened, found.find, our_throttle, replica_id=replica, settings=_feed_settings(settings))
    )
    held = Accounts(_accounts(parts.opened, limiters))
    journal_max = MAX_LENGTH if settings.archive.directory is None else UNCUT
    risk = Risk(settings, ReferencePrices(feeds.hub, opened), Ledger(store))
    path = OrderPath(
        store=store,
        accounts=held,
        markets=found,
        clocks=clocks,
        identities=parts.identities,
        risk=risk,
        settings=settings.orders,
        replica=replica,
        journal_max=journal_max,
    )
    stack.push_async_callback(background.stop)
    for name, venue in opened.items():
        background.start(f"markets of {name}", found.keep_fresh(name))
        background.start(f"clock of {name}", clocks[name].keep_measured(venue, our_throttle(name), store))
    for what, running in path.run():
        background.start(what, running)
    journals = Journals(store)
    background.start("journals", journals.run())
    if settings.archive.directory is not None:
        terms = ArchiveTerms(settings.archive.directory, settings.archive.rotate_bytes, settings.archive.rotate_s)
        for name in opened:
            archiver = Archiver(
                store, name, partial(_names_of, held, name), partial(spell_out, name), replica=replica, terms=terms
            )
            background.start(_archive_of(name), archiver.run())
    background.start("token renewals", Renewals(held).run())
    operation_records = {name: OperationRecords(store, name, journal_max=journal_max) for name in opened}
    operation_settling = OperationSettling(records=operation_records, clocks=clocks, settings=settings.orders)
    operation_sweep = OperationSweep(
        held, store=store, records=operation_records, settling=operation_settling, replica=replica
    )
    background.start("sweep of operations", operation_sweep.run())
    services = Services(
        settings=settings,
        replica=replica,
        lifecycle=background.lifecycle,
        store=store,
        venues=opened,
        clocks=clocks,
        limiters=limiters,
        markets=found,
        accounts=held,
        clients=parts.clients,
        tokens=parts.tokens,
        orders=path,
        operations=Asking(
            accounts=held,
            markets=found,
            clocks=clocks,
            records=operation_records,
            identities=parts.identities,
            operating=Operating(
                records=operation_records,
                clocks=clocks,
                settling=operation_settling,
                halts=path.halts,
                forgotten=Forgotten(
                    records=operation_records, clocks=clocks, settling=operation_settling, settings=settings.orders
                ),
                settings=settings.orders,
                in_flight=path.in_flight,
            ),
            orders=settings.orders,
            limiter=settings.limiter,
        ),
        risk=risk,
        feeds=feeds,
        market_reads=MarketReads(feeds.hub, opened),
        journals=journals,
    )
    background.start("vitals", Vitals(services, parts.calls).run())
    return services


def _archive_of(venue: VenueName) -> str:
    return f"archive of {venue}"


def _names_of(accounts: Accounts, venue: VenueName) -> list[AccountName]:
    return [account.name for account in accounts.all() if account.venue.name == venue]


def _admit_with(tokens: Tokens) -> Admit:
    def admit(token: str, websocket: WebSocket) -> Client:
        try:
            client = tokens.verify(token)
        except TokenRefused as error:
            raise Refusal(Code.AUTHENTICATION_FAILED, str(error)) from error
        return admitted(client, Scope.READ, websocket.state.context.address)

    return admit


def _recheck_with(clients: Clients) -> Recheck:
    def recheck(client: Client, websocket: WebSocket) -> Client | None:
        present = clients.get(client.name)
        if present is None or not present.keeps_all_of(client, websocket.state.context.address):
            return None
        return present

    return recheck


class _Background:
    """Tasks that never end by themselves; one that does makes the replica unready."""

    def __init__(self, lifecycle: Lifecycle):
        self.lifecycle = lifecycle
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks[name] = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._tasks.get(task.get_name()) is not task:
            return
        error = None if task.cancelled() else task.exception()
        _log.error("background_task_died", task=task.get_name(), exc_info=error)
        self.lifecycle.failed_tasks.append(task.get_name())

    async def end(self, name: str) -> None:
        """End one of them, if it is there, and wait for that."""
        if (task := self._tasks.pop(name, None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def stop(self) -> None:
        await asyncio.gather(*(self.end(name) for name in list(self._tasks)))


def _feed_settings(settings: Settings) -> FeedSettings:
    lease_s, linger_s = settings.feeds.lease_ms / 1000, settings.feeds.linger_ms / 1000
    return FeedSettings(lease_s=lease_s, linger_s=linger_s, fanout=FanoutSettings(silence_s=lease_s, linger_s=linger_s))

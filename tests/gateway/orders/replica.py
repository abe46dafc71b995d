"""Replicas of the order path for tests: real Redis, real limiter, and a venue whose truth is known."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from adapters.models import AccountName, Market, OrderType, Side, VenueName
from gateway.accounts import Account, Accounts
from gateway.addresses import AllowList
from gateway.auth import Client
from gateway.clock import VenueClock
from gateway.limiter import Limiter, LimiterSettings, Throttle
from gateway.orders.amending import Amending
from gateway.orders.batching import Batching
from gateway.orders.cancelling import Cancelling
from gateway.orders.cancelling_all import CancellingAll
from gateway.orders.dead_man_firing import DeadMan
from gateway.orders.dead_man_switches import DeadManSwitches
from gateway.orders.finding import Finding
from gateway.orders.first_look import FirstLook
from gateway.orders.identity import Identities
from gateway.orders.in_flight import InFlight
from gateway.orders.new_order import NewOrder
from gateway.orders.path import OrderPath
from gateway.orders.placing import Placing
from gateway.orders.record import OrderRecord
from gateway.orders.records import Records
from gateway.orders.reserving import Reserving
from gateway.orders.resolving import Resolving
from gateway.orders.settling import Settling
from gateway.orders.sweep import Sweep
from gateway.orders.tending import Tending
from gateway.orders.withdrawing import Withdrawing
from gateway.reference import Markets
from gateway.risk.gate import Risk
from gateway.risk.halts import Halts
from gateway.risk.ledger import Ledger
from gateway.services import public_throttle
from gateway.settings import (
    AccountAccess,
    AccountConfig,
    LimitSettings,
    OrderSettings,
    Scope,
    Settings,
    VenueConfig,
)
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.memory import StoreMemory
from gateway.store.tokens import TokenVault
from tests.gateway.orders.exchange import SYMBOL, Exchange

ACCOUNT = AccountName("main")
KEY = bytes(range(32))

# Shorter than the configuration allows, so that leases and windows lapse while a test looks on.
QUICK = OrderSettings.model_construct(
    window_ms=120,
    clock_error_ms=40,
    history_lag_ms=60,
    valid_for_ms=5_000,
    claim_lease_ms=400,
    client_order_id_required=True,
    assume_none_sent=True,
)


def client(
    name: str = "bot",
    *scopes: Scope,
    access: AccountAccess = AccountAccess.OWN,
    accounts: tuple[AccountName, ...] = (ACCOUNT,),
) -> Client:
    return Client(
        name=name,
        desk=None,
        scopes=frozenset(scopes or {Scope.READ, Scope.TRADE}),
        accounts=dict.fromkeys(accounts, access),
        ip_allow=AllowList(()),
        max_wait_s=None,
        version="1",
        key_sha256=(),
    )


BOT = client()
UNSPENT = LimiterSettings(assume_unspent=True)


def limit_order(client_order_id: str = "one", **changes: Any) -> NewOrder:
    asked: dict[str, Any] = {
        "account": ACCOUNT,
        "symbol": SYMBOL,
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "client_order_id": client_order_id,
        "quantity": Decimal(1),
        "price": Decimal(100),
    }
    return NewOrder(**(asked | changes))


def market_order(client_order_id: str = "one", **changes: Any) -> NewOrder:
    return limit_order(client_order_id, **({"type": OrderType.MARKET, "price": None} | changes))


class Prices:
    """The market's price, as a test says."""

    def __init__(self) -> None:
        self.now: Decimal | None = Decimal(100)

    async def price(self, market: Market) -> Decimal | None:
        return self.now


@dataclass(frozen=True, slots=True)
class Replica:
    exchange: Exchange
    store: Store
    limiter: Limiter
    account: Account
    accounts: Accounts
    markets: Markets
    clock: VenueClock
    records: Records
    settling: Settling
    placing: Placing
    finding: Finding
    cancelling: Cancelling
    switches: DeadManSwitches
    withdrawing: Withdrawing
    dead_man: DeadMan
    cancelling_all: CancellingAll
    amending: Amending
    batching: Batching
    in_flight: InFlight
    risk: Risk
    reserving: Reserving
    halts: Halts
    prices: Prices
    resolving: Resolving
    memory: StoreMemory
    sweep: Sweep
    look: FirstLook
    sweeps: Tending

    @property
    def venue(self) -> VenueName:
        return self.exchange.name

    def throttle(self) -> Throttle:
        return self.account.throttle("test")

    async def record(self, client_order_id: str = "one", owner: str = "bot") -> OrderRecord | None:
        return await self.records.by_client_order_id(ACCOUNT, owner, client_order_id)

    async def known(self, client_order_id: str = "one") -> OrderRecord:
        record = await self.record(client_order_id)
        assert record is not None
        return record

    async def abandon(self, record: OrderRecord) -> None:
        """Let the lease of whoever is at work on the order lapse now, as if that replica had died long ago."""
        order_id = record.intent.order_id
        await self.store.command("HSET", keys.order(self.venue, order_id), "lease_until_ms", 1)
        await self.store.command("ZADD", keys.pending_orders(self.venue, ACCOUNT), 1, order_id)

    async def backdate(self, record: OrderRecord, by_ms: int) -> None:
        """Make an order older than it is: sent, and to be looked at, `by_ms` earlier."""
        assert record.send_ms is not None
        order_id = record.intent.order_id
        await self.store.command("HSET", keys.order(self.venue, order_id), "send_ms", record.send_ms - by_ms)
        await self.store.command("ZADD", keys.pending_orders(self.venue, ACCOUNT), 1, order_id)

    async def keys_of_orders(self) -> set[str]:
        found = await self.store.command("KEYS", f"cg:{{{self.venue}}}:order:*")
        return {key.decode().split(":order:")[1].partition(":")[0] for key in found} - {"readiness"}


@asynccontextmanager
async def replica(
    redis_url: str,
    exchange: Exchange,
    *,
    settings: OrderSettings = QUICK,
    name: str = "a",
    is_clock_measured: bool = True,
    limiter_settings: LimiterSettings = UNSPENT,
    limits: LimitSettings | None = None,
    is_ready: bool = True,
) -> AsyncIterator[Replica]:
    venue = exchange.venue()
    async with Store.open(redis_url) as store:
        limiter = Limiter(store, venue.name, venue.limits, limiter_settings)
        async with limiter, asyncio.TaskGroup() as tasks:
            clock = VenueClock()
            markets = Markets({venue.name: venue}, lambda _: public_throttle(limiter, "crossgate"))
            background = [tasks.create_task(markets.keep_fresh(venue.name))]
            if is_clock_measured:
                measuring = clock.keep_measured(venue, public_throttle(limiter, "crossgate"), store)
                background.append(tasks.create_task(measuring))
            await until(lambda: markets.is_loaded(venue.name) and clock.is_measured is is_clock_measured)
            tokens = TokenVault(KEY).cache(venue.name, ACCOUNT, clock)
            account = Account(ACCOUNT, venue, exchange.open(ACCOUNT), limiter, tokens)
            accounts = Accounts([account])
            prices = Prices()
            risk = Risk(limited(venue.name, limits or LimitSettings()), prices, Ledger(store))
            path = OrderPath(
                store=store,
                accounts=accounts,
                markets=markets,
                clocks={venue.name: clock},
                identities=Identities(KEY),
                risk=risk,
                settings=settings,
                replica=name,
            )
            records = path.records[venue.name]
            if is_ready:
                await make_ready(records)
            try:
                yield Replica(
                    exchange=exchange,
                    store=store,
                    limiter=limiter,
                    account=account,
                    accounts=accounts,
                    markets=markets,
                    clock=clock,
                    records=records,
                    settling=path.settling,
                    placing=path.placing,
                    finding=path.finding,
                    cancelling=path.cancelling,
                    cancelling_all=path.cancelling_all,
                    amending=path.amending,
                    batching=path.batching,
                    switches=path.switches[venue.name],
                    withdrawing=path.withdrawing,
                    dead_man=path.dead_man,
                    resolving=path.resolving,
                    in_flight=path.in_flight,
                    risk=risk,
                    reserving=path.reserving,
                    halts=path.halts,
                    prices=prices,
                    memory=path.memory,
                    sweep=Sweep(account, store, records, path.settling),
                    look=FirstLook(account, records, path.settling, clock, settings),
                    sweeps=path.tending,
                )
            finally:
                await path.in_flight.drain(0)
                for task in background:
                    task.cancel()


def limited(venue: VenueName, limits: LimitSettings) -> Settings:
    """Settings in which the account has these limits, and nobody has others."""
    return Settings.model_construct(
        venues={venue: VenueConfig()},
        accounts={ACCOUNT: AccountConfig(venue="v", limits=limits)},
        clients={},
        desks={},
    )


async def make_ready(records: Records, account: AccountName = ACCOUNT) -> None:
    """As if the venue had been looked at."""
    seen = await records.readiness.see(account)
    assert await records.readiness.make_ready(account, seen.epoch)


async def until(is_so: Callable[[], bool], within_s: float = 5.0) -> None:
    """Wait, for a bounded time, until a condition holds."""
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110  # conditions of any kind have no event
            await asyncio.sleep(0.005)

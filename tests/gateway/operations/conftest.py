from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest

from adapters.models import MarketType, OperationKind, Symbol, VenueName
from gateway.accounts import Account, Accounts
from gateway.operations.asking import Asking
from gateway.operations.forgotten import Forgotten
from gateway.operations.operating import Operating
from gateway.operations.record import OperationRecord
from gateway.operations.records import Records
from gateway.operations.settling import Settling
from gateway.operations.sweep import Sweep
from gateway.orders.closing import Closing
from gateway.orders.identity import Identities
from gateway.settings import AddressConfig, LimiterConfig
from gateway.store import keys
from tests.gateway.operations.bank import Bank
from tests.gateway.orders.exchange import Exchange, market
from tests.gateway.orders.replica import ACCOUNT, KEY, QUICK, Replica, replica
from tests.redis_process import RedisProcess

SYMBOL = Symbol("SOL-USDC-PERP")
TREASURY = AddressConfig(asset="USDC", chain="solana", address="treasury-address")


@dataclass(frozen=True, slots=True)
class Desk:
    """One replica's way of doing operations."""

    replica: Replica
    bank: Bank
    account: Account
    records: Records
    settling: Settling
    operating: Operating
    asking: Asking
    sweep: Sweep
    closing: Closing

    async def known(self, operation_id: str, owner: str = "bot") -> OperationRecord:
        record = await self.records.get(ACCOUNT, owner, operation_id)
        assert record is not None
        return record

    async def age_store(self) -> None:
        """Let the store have been there for long."""
        await self.records.watch(ACCOUNT)
        key = keys.operation_memory(self.replica.venue, ACCOUNT)
        await self.replica.store.command("HSET", key, "since_ms", 1)

    async def look(self, operation_id: str = "one", *, sent_ms_ago: int = 0, is_abandoned: bool = False) -> None:
        """Sweep now, as if the operation was due, and sent that much earlier."""
        record = await self.known(operation_id)
        key = keys.operation(self.replica.venue, ACCOUNT, "bot", operation_id)
        if record.send_ms is not None:
            await self.replica.store.command("HSET", key, "send_ms", record.send_ms - sent_ms_ago)
        if is_abandoned:
            await self.replica.store.command("HSET", key, "lease_until_ms", 1)
        pending = keys.pending_operations(self.replica.venue, ACCOUNT)
        await self.replica.store.command("ZADD", pending, "XX", 1, f"bot:{operation_id}")
        await self.sweep.once(self.account)


@pytest.fixture(scope="session")
def operations_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as redis:
        yield redis


@pytest.fixture
def exchange() -> Exchange:
    """A venue of its own for each test: keys never meet."""
    name = VenueName(f"v{uuid4().hex}")
    return Exchange(name, markets=[market(name, SYMBOL, type=MarketType.PERPETUAL, max_leverage=10)])


@pytest.fixture
def bank(exchange: Exchange) -> Bank:
    return Bank(exchange)


def desk_of(running: Replica, bank: Bank) -> Desk:
    venue = running.account.venue
    venue = replace(
        venue,
        capabilities=replace(
            venue.capabilities,
            operations=frozenset(OperationKind),
            withdrawals_keep_client_id=bank.keeps_client_ids,
        ),
    )
    at_venue = replace(running.account.at_venue, positions=bank, capital=bank, data=bank)
    account = replace(running.account, venue=venue, at_venue=at_venue, destinations={"treasury": TREASURY})
    accounts = Accounts([account])
    records, clocks = {venue.name: Records(running.store, venue.name)}, {venue.name: running.clock}
    settling = Settling(records=records, clocks=clocks, settings=QUICK)
    operating = Operating(
        records=records,
        clocks=clocks,
        settling=settling,
        forgotten=Forgotten(records=records, clocks=clocks, settling=settling, settings=QUICK),
        halts=running.halts,
        settings=QUICK,
        in_flight=running.in_flight,
    )
    asking = Asking(
        accounts=accounts,
        markets=running.markets,
        clocks=clocks,
        records=records,
        identities=Identities(KEY),
        operating=operating,
        orders=QUICK,
        limiter=LimiterConfig(),
    )
    return Desk(
        replica=running,
        bank=bank,
        account=account,
        records=records[venue.name],
        settling=settling,
        operating=operating,
        asking=asking,
        sweep=Sweep(accounts, store=running.store, records=records, settling=settling, replica=str(id(running))),
        closing=Closing(accounts, running.markets, running.finding, running.placing),
    )


@pytest.fixture
async def desk(operations_redis: RedisProcess, exchange: Exchange, bank: Bank) -> AsyncIterator[Desk]:
    async with replica(operations_redis.url, exchange) as running:
        made = desk_of(running, bank)
        await made.age_store()
        yield made


@pytest.fixture
async def other(operations_redis: RedisProcess, exchange: Exchange, bank: Bank) -> AsyncIterator[Desk]:
    """A second replica on the same Redis and venue."""
    async with replica(operations_redis.url, exchange, name="b") as running:
        yield desk_of(running, bank)

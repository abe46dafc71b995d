"""Looking orders up: one by our id, one by the bot's own id, many of an account."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from adapters.errors import OrderNotFound, VenueError
from adapters.models import VenueName
from gateway.accounts import Account, Accounts
from gateway.auth.grants import Client
from gateway.errors import Code, Refusal, StoreUnavailable
from gateway.orders.identity import Identities, OrderIdentity
from gateway.orders.record import OrderRecord, State
from gateway.orders.records import Records
from gateway.orders.settling import Settling
from gateway.reference import Markets
from gateway.translation import store_refusal

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Listing:
    records: Sequence[OrderRecord]
    is_complete: bool
    """False: there are older orders that were not looked at."""
    is_fresh: bool
    """Open ones were compared with the venue just now."""


class Finding:
    """Finds the orders a client may see."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        markets: Markets,
        records: Mapping[VenueName, Records],
        settling: Settling,
        identities: Identities,
    ):
        self._accounts = accounts
        self._markets = markets
        self._records = records
        self._settling = settling
        self._identities = identities

    async def get(self, client: Client, order_id: str) -> tuple[OrderRecord, bool]:
        """The order, and whether it was compared with the venue just now."""
        identity, account = self.find(client, order_id)
        record = await self._record(identity.venue, order_id)
        if record is None:
            raise order_not_found(order_id)
        return await self.refreshed(account, record, client)

    async def by_client_order_id(self, client: Client, account_name: str, client_order_id: str) -> OrderRecord:
        """The record of the bot's own id, as it stands; asking never places."""
        account = self._accounts.get(account_name, client)
        try:
            record = await self._records[account.venue.name].by_client_order_id(
                account.name, client.name, client_order_id
            )
        except StoreUnavailable as error:
            raise store_refusal(write=False) from error
        if record is None:
            raise Refusal(
                Code.ORDER_NOT_FOUND,
                f"no order of this client on {account.name} has the client_order_id {client_order_id!r}",
                field="client_order_id",
                details={"absence_verified": False},
            )
        return record

    async def list(
        self, client: Client, account_name: str, wanted: Callable[[OrderRecord], bool], *, scan_max: int = 1_000
    ) -> Listing:
        """The account's orders that this client may see and that are wanted, newest first.

        Open ones are compared with the venue first, in as few calls as it takes.
        """
        account = self._accounts.get(account_name, client)
        try:
            records, is_complete = await self._scan(account, client, scan_max)
        except StoreUnavailable as error:
            raise store_refusal(write=False) from error
        visible = [record for record in records if record and client.sees(account.name, record.intent.owner)]
        unsettled = [record for record in visible if record.state is State.LIVE]
        is_fresh = True
        try:
            current = {
                one.intent.order_id: one
                for one in await self._settling.look_up(
                    account, unsettled, account.throttle(client.name, client.max_wait_s)
                )
            }
        except (VenueError, Refusal) as error:
            _log.info("orders_not_compared", account=account.name, error=str(error))
            current, is_fresh = {}, False
        visible = [current.get(record.intent.order_id, record) for record in visible]
        return Listing([record for record in visible if wanted(record)], is_complete, is_fresh)

    async def _scan(self, account: Account, client: Client, scan_max: int) -> tuple[Sequence[OrderRecord | None], bool]:
        """This client's among the newest orders of the account, and whether these were all of the account's."""
        records = self._records[account.venue.name]
        ids = await records.recent(account.name, offset=0, count=scan_max)
        # The id itself says whose it is: what this client may not see is not even read.
        mine = [one for one in ids if (who := self._identities.read(one)) and client.sees(account.name, who.owner)]
        return await asyncio.gather(*(records.get(order_id) for order_id in mine)), len(ids) < scan_max

    async def record(self, client: Client, order_id: str) -> OrderRecord | None:
        """The record as it stands; None where the store cannot be asked, or has none. Raises `Refusal`."""
        identity, _ = self.find(client, order_id)
        try:
            return await self._records[identity.venue].get(order_id)
        except StoreUnavailable as error:
            _log.warning("order_not_read", order_id=order_id, error=str(error))
            return None

    async def refreshed(self, account: Account, record: OrderRecord, client: Client) -> tuple[OrderRecord, bool]:
        """The order, compared with the venue if it still can change, and whether it was compared just now."""
        if record.state is not State.LIVE:
            # An unknown one is looked for by the sweep; bots that keep asking must not use up what that needs.
            return record, record.state is State.DONE
        try:
            market = self._markets.get(account.venue.name, record.intent.symbol)
            asked_ms = self._settling.venue_time_ms(account)
            try:
                order = await account.trading.order(
                    market, record.intent.venue_client_id, account.throttle(client.name, client.max_wait_s)
                )
            except OrderNotFound:
                [record] = await self._settling.look_up(
                    account, [record], account.throttle(client.name, client.max_wait_s)
                )
            else:
                record = await self._settling.seen(record, order, "order query", asked_ms=asked_ms)
        except (VenueError, Refusal) as error:
            _log.info("order_not_compared", order_id=record.intent.order_id, error=str(error))
            return record, False
        return record, True

    def find(self, client: Client, order_id: str) -> tuple[OrderIdentity, Account]:
        """What the id says, if it is ours and the client may see it; a foreign one answers like none."""
        identity = self._identities.read(order_id)
        if identity is None or not client.sees(identity.account, identity.owner):
            raise order_not_found(order_id)
        try:
            return identity, self._accounts.get(identity.account, client)
        except Refusal as error:
            raise order_not_found(order_id) from error

    async def _record(self, venue: VenueName, order_id: str) -> OrderRecord | None:
        try:
            return await self._records[venue].get(order_id)
        except StoreUnavailable as error:
            raise store_refusal(write=False) from error


def order_not_found(order_id: str) -> Refusal:
    """The answer to an id that is none, or not this client's."""
    return Refusal(
        Code.ORDER_NOT_FOUND,
        f"this client has no order {order_id[:64]!r}",
        field="order_id",
        details={"absence_verified": False},
    )

"""Looking orders up: one by our id, one by the bot's own id, many of an account."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from adapters.errors import OrderNotFound, VenueError
from adapters.models import VenueName, VenueOrder
from gateway import tracing
from gateway.accounts import Account, Accounts
from gateway.auth.grants import Client
from gateway.errors import Code, Refusal, StoreUnavailable
from gateway.orders import lifecycle
from gateway.orders.adoption import SEEN
from gateway.orders.derived import venue_client_ids
from gateway.orders.identity import Identities, OrderIdentity
from gateway.orders.record import OrderRecord, Place, State, from_venue
from gateway.orders.records import Records
from gateway.orders.settling import Settling
from gateway.reference import Markets
from gateway.translation import store_refusal

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Listing:
    records: Sequence[OrderRecord]
    looked_to_ms: int | None
    """None: there are no older orders. Else those accepted before this time were not looked at."""
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
        record = await self._record(identity, order_id)
        if record is None:
            raise order_not_found(order_id)
        return await self.refreshed(account, record, client)

    async def by_client_order_id(
        self, client: Client, account_name: str, client_order_id: str, *, owner: str | None = None
    ) -> OrderRecord:
        """The record of a bot's own id, as it stands; asking never places. `owner` None: the client itself."""
        account = self._accounts.get(account_name, client)
        tracing.note(client_order_id=client_order_id)
        owner = owner or client.name
        record, is_absent = None, False
        if client.sees(account.name, owner):  # else it answers as if there were none
            try:
                record, is_absent = await self._named(account, owner, client_order_id)
            except StoreUnavailable as error:
                raise store_refusal(write=False) from error
        if record is None:
            raise Refusal(
                Code.ORDER_NOT_FOUND,
                f"no order of {owner} that this client may see has the client_order_id {client_order_id[:64]!r} on "
                f"{account.name}",
                field="client_order_id",
                details={"absence_verified": is_absent},
            )
        return record

    async def _named(self, account: Account, owner: str, client_order_id: str) -> tuple[OrderRecord | None, bool]:
        """The order of the bot's own id; if there is none, whether it is certain that the venue has none either."""
        records = self._records[account.venue.name]
        before = await records.readiness.see(account.name)
        ids = venue_client_ids(self._identities, account, owner, client_order_id)
        record = await records.by_client_order_id(account.name, owner, client_order_id, ids)
        if record is not None:
            return record, False
        for one in ids:
            if (order := await records.seen(account.name, one)) is not None:
                identity = OrderIdentity(account.venue.name, account.name, order.symbol, owner, one)
                return _from_note(identity, self._identities.order_id(identity), order, client_order_id), False
        after = await records.readiness.see(account.name)
        return None, before.is_ready and after.is_ready and before.epoch == after.epoch

    async def list(
        self,
        client: Client,
        account_name: str,
        wanted: Callable[[OrderRecord], bool],
        *,
        before: Place | None = None,
        since_ms: int = 0,
        scan_max: int = 1_000,
    ) -> Listing:
        """The account's orders that this client may see and that are wanted, newest first.

        Only those after `before` in that order, and accepted at or after `since_ms`. Open ones are compared with the
        venue first, in as few calls as it takes.
        """
        account = self._accounts.get(account_name, client)
        try:
            places = await self._records[account.venue.name].recent(
                account.name, before=before, since_ms=since_ms, count=scan_max
            )
            looked_at, looked_to_ms = _whole_times(places, scan_max)
            records = await self._visible(account, client, (place.order_id for place in looked_at))
        except StoreUnavailable as error:
            raise store_refusal(write=False) from error
        visible = [record for record in records if client.sees(account.name, record.intent.owner)]
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
        return Listing([record for record in visible if wanted(record)], looked_to_ms, is_fresh)

    async def open(self, client: Client, account: Account) -> Sequence[OrderRecord]:
        """The account's orders that rest or are unknown and that this client may see.

        As the records stand: the venue is not asked. Raises `StoreUnavailable`.
        """
        found = await self._visible(account, client, await self._records[account.venue.name].unended(account.name))
        return [record for record in found if record.state in {State.LIVE, State.UNKNOWN}]

    async def _visible(self, account: Account, client: Client, ids: Iterable[str]) -> Sequence[OrderRecord]:
        """The orders that this client may see."""
        records = self._records[account.venue.name]
        # The id itself says whose it is: what this client may not see is not even read.
        mine = [one for one in ids if (who := self._identities.read(one)) and client.sees(account.name, who.owner)]
        return [one for one in await asyncio.gather(*(records.get(order_id) for order_id in mine)) if one is not None]

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
        tracing.note(order_id=order_id)
        if identity is None or not client.sees(identity.account, identity.owner):
            raise order_not_found(order_id)
        try:
            return identity, self._accounts.get(identity.account, client)
        except Refusal as error:
            raise order_not_found(order_id) from error

    async def _record(self, identity: OrderIdentity, order_id: str) -> OrderRecord | None:
        records = self._records[identity.venue]
        try:
            record = await records.get(order_id)
            if record is None and (order := await records.seen(identity.account, identity.venue_client_id)) is not None:
                return _from_note(identity, order_id, order)
        except StoreUnavailable as error:
            raise store_refusal(write=False) from error
        return record


def _from_note(
    identity: OrderIdentity, order_id: str, order: VenueOrder, client_order_id: str | None = None
) -> OrderRecord:
    """An order that only the venue knows."""
    record = from_venue(identity, order_id, order, client_order_id=client_order_id)
    return lifecycle.seen(record, order, source=SEEN)


def _whole_times(places: Sequence[Place], asked: int) -> tuple[Sequence[Place], int | None]:
    """All of them; if there are more, up to where every order accepted in the same millisecond is among them."""
    if len(places) < asked:
        return places, None
    cut_ms = places[-1].created_ms
    whole = [place for place in places if place.created_ms > cut_ms]
    return (whole, cut_ms + 1) if whole else (places, cut_ms)


def order_not_found(order_id: str) -> Refusal:
    """The answer to an id that is none, or not this client's."""
    return Refusal(
        Code.ORDER_NOT_FOUND,
        f"this client has no order {order_id[:64]!r}",
        field="order_id",
        details={"absence_verified": False},
    )

"""Cancelling everything at once: a client's own open orders, or all of an account's."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from adapters.contract import CallKind, CancelAllScope
from adapters.errors import VenueError
from adapters.models import Market, OrderStatus, Side, VenueName, VenueOrder, VenueOrderId
from gateway.accounts import Account, Accounts
from gateway.auth.grants import Client
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.orders.cancelling import NotCancellable
from gateway.orders.cancelling_many import Cancelled, CancellingMany
from gateway.orders.identity import Identities
from gateway.orders.record import OrderRecord, State
from gateway.orders.records import Records
from gateway.orders.settling import Settling
from gateway.reference import Markets
from gateway.settings import AccountAccess
from gateway.translation import write_refusal

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which orders: those that meet every condition given."""

    account: str
    symbol: str | None = None
    side: Side | None = None
    labels: frozenset[str] = frozenset()
    """Only orders that carry all of them."""
    is_whole_account: bool = False
    """Also those of other clients, and those that were not placed through us."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """What became of an order that the venue shows and no record of ours can be read for."""

    order: VenueOrder
    refusal: Refusal | None = None
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class AllCancelled:
    """What became of the orders: of each record in turn, then of the foreign ones."""

    records: Sequence[OrderRecord]
    results: Sequence[Cancelled]
    foreign: Sequence[Foreign] = ()


class CancellingAll:
    """Cancels all open orders, those on their way included; safe to repeat."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        markets: Markets,
        records: Mapping[VenueName, Records],
        identities: Identities,
        settling: Settling,
        cancelling_many: CancellingMany,
    ):
        self._accounts = accounts
        self._markets = markets
        self._records = records
        self._identities = identities
        self._settling = settling
        self._cancelling_many = cancelling_many

    async def cancel(self, client: Client, wanted: Wanted) -> "AllCancelled":
        """Cancel what there is now; answers with the records, and for each what became of it, then foreign orders.

        Raises `Refusal` if it cannot be known which orders there are, or if the client may not cancel others'.
        """
        account = self._accounts.get(wanted.account, client)
        market = None if wanted.symbol is None else self._markets.get(account.venue.name, wanted.symbol)
        if wanted.is_whole_account and client.accounts[account.name] is not AccountAccess.ACCOUNT:
            raise Refusal(
                Code.PERMISSION_DENIED,
                f"client {client.name} has no grant on all of {account.name}, only on its own orders",
                field="scope",
                outcome=Outcome.NOT_SENT,
            )
        try:
            records = await self._open(account, client, wanted, market)
        except StoreUnavailable as error:
            if not wanted.is_whole_account or wanted.labels:
                raise _unknown_orders() from error
            _log.warning("cancel_all_without_store", account=account.name, error=str(error))
            records = []
        if not wanted.is_whole_account or wanted.labels:
            return AllCancelled(records, await self._cancelling_many.cancel(client, account, records))
        return await self._whole(client, account, market, wanted.side, records)

    async def _open(self, account: Account, client: Client, wanted: Wanted, market: Market | None) -> list[OrderRecord]:
        records = self._records[account.venue.name]

        def is_meant(order_id: str) -> bool:
            # The id itself says whose it is, and on which market: what is not meant is not even read.
            who = self._identities.read(order_id)
            return (
                who is not None
                and (wanted.is_whole_account or who.owner == client.name)
                and (market is None or who.symbol == market.symbol)
            )

        meant = [order_id for order_id in await records.unended(account.name) if is_meant(order_id)]
        found = await asyncio.gather(*(records.get(order_id) for order_id in meant))
        return [
            one
            for one in found
            if one is not None
            and one.state is not State.DONE
            and wanted.side in {None, one.intent.side}
            and wanted.labels <= set(one.intent.labels)
        ]

    async def _whole(
        self, client: Client, account: Account, market: Market | None, side: Side | None, records: list[OrderRecord]
    ) -> "AllCancelled":
        """All of the account's, as the venue shows them; as urgent as the cancels themselves."""
        throttle = account.throttle(client.name, client.max_wait_s, kind=CallKind.CANCEL)
        try:
            shown = await account.trading.open_orders(market, throttle)
        except VenueError as error:
            raise write_refusal(error) from error
        ours = {record.intent.venue_client_id for record in records}
        foreign = [one for one in shown if one.venue_client_id not in ours and side in {None, one.side}]
        if side is None:
            ended = await self._natively(client, account, market, shown)
            resting = [one for one in records if one.state is State.LIVE]
            try:
                looked_up = await self._settling.look_up(account, resting, throttle)
            except (VenueError, Refusal) as error:
                _log.info("orders_not_compared", account=account.name, error=str(error))
            else:
                current = {one.intent.order_id: one for one in looked_up}
                records = [current.get(one.intent.order_id, one) for one in records]
        else:
            ended = {one.venue_order_id: await self._singly(client, account, one) for one in foreign}
        # What the venue has not ended by now, or did not have yet, is cancelled by its own id.
        return AllCancelled(
            records,
            await self._cancelling_many.cancel(client, account, records),
            [ended.get(one.venue_order_id, Foreign(one)) for one in foreign],
        )

    async def _natively(
        self, client: Client, account: Account, market: Market | None, shown: Sequence[VenueOrder]
    ) -> dict[VenueOrderId, Foreign]:
        """One call for everything, or for each market; what became of the orders that were shown before it."""
        if market is not None:
            scopes: list[Market | None] = [market]
        elif CancelAllScope.ACCOUNT in account.venue.capabilities.cancel_all:
            scopes = [None]
        else:
            symbols = dict.fromkeys(order.symbol for order in shown)
            scopes = [found for symbol in symbols if (found := self._markets.find(account.venue.name, symbol))]
        ended: dict[VenueOrderId, Foreign] = {}
        for scope in scopes:
            concerned = [one for one in shown if scope is None or one.symbol == scope.symbol]
            throttle = account.throttle(client.name, client.max_wait_s)
            try:
                told = await account.trading.cancel_all(scope, throttle)
            except (Refusal, VenueError) as error:
                refusal = write_refusal(error) if isinstance(error, VenueError) else error
                ended |= {one.venue_order_id: Foreign(one, refusal) for one in concerned}
                continue
            ended |= {
                one.venue_order_id: Foreign(one, is_done=told is not None and one.venue_order_id in told)
                for one in concerned
            }
        return ended

    async def _singly(self, client: Client, account: Account, order: VenueOrder) -> Foreign:
        market = self._markets.find(account.venue.name, order.symbol)
        if market is None or order.venue_client_id is None:
            return Foreign(
                order,
                Refusal(
                    Code.NOT_SUPPORTED,
                    "an order without a client id of its own can be cancelled only together with all of its market",
                    outcome=Outcome.NOT_SENT,
                ),
            )
        throttle = account.throttle(client.name, client.max_wait_s)
        try:
            answered = await account.trading.cancel(market, order.venue_client_id, throttle)
        except (Refusal, VenueError) as error:
            return Foreign(order, write_refusal(error) if isinstance(error, VenueError) else error)
        return Foreign(order, is_done=answered is not None and answered.status is OrderStatus.CANCELLED)


def outcome_of(one: Cancelled | Foreign) -> str:
    """`cancelled`, `failed` (it ended otherwise, or the cancel was refused) or `unknown`."""
    match one:
        case OrderRecord():
            return "cancelled" if one.state is State.DONE else "unknown"
        case NotCancellable():
            return "failed" if one.record.state is State.DONE else "unknown"
        case Foreign(refusal=None):
            return "cancelled" if one.is_done else "unknown"
        case Foreign(refusal=refusal) if refusal is not None:
            return outcome_of(refusal)
        case Refusal():
            return "unknown" if one.outcome is Outcome.UNKNOWN else "failed"
    raise AssertionError(one)


def _unknown_orders() -> Refusal:
    return Refusal(
        Code.STORE_UNAVAILABLE,
        "which orders are this client's cannot be known while the store is away; each can still be cancelled by its "
        "order_id",
        outcome=Outcome.NOT_SENT,
        retry_after_s=1,
    )

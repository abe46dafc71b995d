"""Batches: many orders placed, cancelled and amended by one request, each with a result of its own.

Every order of a batch is an order like any other, with its own id: a batch that is repeated places nothing twice.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from gateway.accounts import Account, Accounts
from gateway.auth.grants import Client
from gateway.errors import Refusal
from gateway.orders.amending import Amending
from gateway.orders.cancelling import NotCancellable
from gateway.orders.cancelling_many import CancellingMany
from gateway.orders.claimed import Claimed
from gateway.orders.finding import Finding, order_not_found
from gateway.orders.in_flight import InFlight
from gateway.orders.native import is_favoured
from gateway.orders.new_order import NewOrder
from gateway.orders.placing import Placed, Placing
from gateway.orders.record import OrderRecord
from gateway.orders.sending import Sending
from gateway.orders.sending_many import SendingMany
from gateway.orders.terms import Terms


@dataclass(frozen=True, slots=True)
class CancelItem:
    """By our id, or by the client's own."""

    order_id: str | None = None
    client_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class AmendItem:
    order_id: str
    terms: Terms


Item = NewOrder | CancelItem | AmendItem
Result = Placed | OrderRecord | Refusal | NotCancellable

_TURNS = (CancelItem, AmendItem, NewOrder)


class Batching:
    """Carries out batches of one account."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        finding: Finding,
        placing: Placing,
        sending: Sending,
        sending_many: SendingMany,
        cancelling_many: CancellingMany,
        amending: Amending,
        in_flight: InFlight,
    ):
        self._accounts = accounts
        self._finding = finding
        self._placing = placing
        self._sending = sending
        self._sending_many = sending_many
        self._cancelling_many = cancelling_many
        self._amending = amending
        self._in_flight = in_flight

    async def run(self, client: Client, account_name: str, items: Sequence[Item], *, is_as_given: bool) -> list[Result]:
        """One result per item, in the order asked; no two items place under the same client_order_id.

        Cancels first, then amends, then new orders; or, `is_as_given`, each item once those before it have their
        answers, neighbours of one kind together where the venue takes them in one call. Raises `Refusal` for the
        account alone.
        """
        account = self._accounts.get(account_name, client)
        # Shielded: it is seen through, whoever waits for it.
        return await asyncio.shield(self._in_flight.start(self._run(client, account, items, is_as_given=is_as_given)))

    async def _run(self, client: Client, account: Account, items: Sequence[Item], *, is_as_given: bool) -> list[Result]:
        results: dict[int, Result] = {}
        numbers: Iterable[int] = range(len(items))
        if not is_as_given:
            numbers = sorted(numbers, key=lambda number: _TURNS.index(type(items[number])))
        for _, group in groupby(numbers, key=lambda number: type(items[number])):
            together = list(group)
            of_group = await self._of_one_kind(client, account, [items[number] for number in together], is_as_given)
            results |= zip(together, of_group, strict=True)
        return [results[number] for number in range(len(items))]

    async def _of_one_kind(
        self,
        client: Client,
        account: Account,
        items: Sequence[Item],
        in_turn: bool,  # noqa: FBT001
    ) -> Sequence[Result]:
        if isinstance(items[0], NewOrder):
            orders = [item for item in items if isinstance(item, NewOrder)]
            return await self._place(client, account, orders, in_turn=in_turn)
        if isinstance(items[0], CancelItem):
            return await self._cancel(client, account, [item for item in items if isinstance(item, CancelItem)])
        amends = [self._amend(client, account, item) for item in items if isinstance(item, AmendItem)]
        return [await one for one in amends] if in_turn else await asyncio.gather(*amends)

    async def _place(
        self, client: Client, account: Account, orders: Sequence[NewOrder], *, in_turn: bool
    ) -> Sequence[Result]:
        size = account.venue.capabilities.place_batch_max
        if not await is_favoured(
            account, client.name, single="place", batch="place_batch", count=len(orders), size=size
        ):
            singly = [self._place_one(client, order) for order in orders]
            return [await one for one in singly] if in_turn else await asyncio.gather(*singly)
        results: list[Result] = []
        for start in range(0, len(orders), size):
            results += await self._place_together(client, orders[start : start + size])
        return results

    async def _place_together(self, client: Client, orders: Sequence[NewOrder]) -> Sequence[Result]:
        claims = await asyncio.gather(*(self._claim(client, order) for order in orders))
        claimed = [one for one in claims if isinstance(one, Claimed)]
        sent: dict[str, OrderRecord | Refusal] = {}
        if len(claimed) > 1:
            records = await self._sending_many.send(claimed)
            sent = {one.nonce: record for one, record in zip(claimed, records, strict=True)}

        async def result(order: NewOrder, claim: Claimed | Placed | Refusal | None) -> Result:
            if claim is None:  # accepted before: whoever placed it may still be at work on it
                return await self._place_one(client, order)
            if not isinstance(claim, Claimed):
                return claim
            found = sent.get(claim.nonce) or await self._send_one(claim)
            return Placed(found, is_new=True) if isinstance(found, OrderRecord) else found

        return await asyncio.gather(*(result(order, claim) for order, claim in zip(orders, claims, strict=True)))

    async def _claim(self, client: Client, order: NewOrder) -> Claimed | Placed | Refusal | None:
        try:
            claim = await self._placing.claim(client, order)
        except Refusal as error:
            return error
        return claim if isinstance(claim, Claimed | Placed) else None

    async def _send_one(self, claimed: Claimed) -> OrderRecord | Refusal:
        try:
            return await self._sending.send(claimed)
        except Refusal as error:
            return error

    async def _place_one(self, client: Client, order: NewOrder) -> Result:
        try:
            return await self._placing.place(client, order)
        except Refusal as error:
            return error

    async def _cancel(self, client: Client, account: Account, items: Sequence[CancelItem]) -> Sequence[Result]:
        found = await asyncio.gather(*(self._find(client, account, item) for item in items))
        records = {one.intent.order_id: one for one in found if isinstance(one, OrderRecord)}
        cancelled = dict(
            zip(records, await self._cancelling_many.cancel(client, account, list(records.values())), strict=True)
        )

        async def result(one: OrderRecord | Refusal | str) -> Result:
            if isinstance(one, str):  # without its record, its id says where it is
                return await self._cancelling_many.singly(client, one)
            return one if isinstance(one, Refusal) else cancelled[one.intent.order_id]

        return await asyncio.gather(*(result(one) for one in found))

    async def _find(self, client: Client, account: Account, item: CancelItem) -> OrderRecord | Refusal | str:
        """The record of what is to be cancelled; its id alone where the store cannot be asked."""
        try:
            if item.order_id is None:
                return await self._finding.by_client_order_id(client, account.name, item.client_order_id or "")
            self._check_account(client, account, item.order_id)
            return await self._finding.record(client, item.order_id) or item.order_id
        except Refusal as error:
            return error

    async def _amend(self, client: Client, account: Account, item: AmendItem) -> Result:
        try:
            self._check_account(client, account, item.order_id)
            return await self._amending.amend(client, item.order_id, item.terms)
        except (Refusal, NotCancellable) as error:
            return error

    def _check_account(self, client: Client, account: Account, order_id: str) -> None:
        identity, _ = self._finding.find(client, order_id)
        if identity.account != account.name:
            raise order_not_found(order_id)

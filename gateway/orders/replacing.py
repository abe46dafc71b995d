"""Amending where the venue cannot: the order is cancelled, and what is left of it placed anew.

The new order goes out only once the old one is known to have ended cancelled. The old order's record names the amend
that may do it, so that of several at once only one does.
"""

from gateway.accounts import Account
from gateway.auth.grants import Client
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.orders import amendment
from gateway.orders.cancelling import Cancelling, NotCancellable
from gateway.orders.placing import Placing
from gateway.orders.record import Amend, AmendState, OrderRecord, State
from gateway.orders.settling import Settling, now_ms
from gateway.orders.terms import Terms, remainder
from gateway.translation import store_refusal


class Replacing:
    """Replaces orders by others; safe to repeat with the same `new_client_order_id`."""

    def __init__(self, *, cancelling: Cancelling, placing: Placing, settling: Settling):
        self._cancelling = cancelling
        self._placing = placing
        self._settling = settling

    async def replace(self, client: Client, account: Account, record: OrderRecord, terms: Terms) -> OrderRecord:
        """The old order: its `amend` is done once it says what replaced it, else asking again goes on.

        Raises `Refusal`, and `NotCancellable` if it had ended otherwise.
        """
        new_id = terms.new_client_order_id
        if new_id is None:
            raise Refusal(
                Code.INVALID_PARAMETER,
                f"{account.venue.name} cannot amend: the order is cancelled and placed anew, under an id you choose",
                field="new_client_order_id",
                outcome=Outcome.NOT_SENT,
            )
        if record.state is State.LIVE:
            # What can be found wrong with the new order is found before the old one is given up.
            await self._placing.check_alone(client, remainder(record, terms, client_order_id=new_id))
            record = await self._requested(record, terms)
            try:
                record = await self._cancelling.cancel(client, record.intent.order_id, max_wait_s=client.max_wait_s)
            except NotCancellable as error:
                amend = error.record.result.amend
                if amend is None or error.record.state is not State.DONE:
                    raise
                record = await self._settling.take(
                    error.record, lambda current: amendment.failed(current, amend, refusal=None)
                )
                raise NotCancellable(record) from error
        if not amendment.asks_for_the_same(record.result.amend, terms) or record.state not in {State.LIVE, State.DONE}:
            raise NotCancellable(record)
        if record.state is State.LIVE:
            return record  # the venue has taken the cancel and not yet done it
        return await self._place_anew(client, record, terms, new_id)

    async def _requested(self, record: OrderRecord, terms: Terms) -> OrderRecord:
        amend = Amend(
            terms.price,
            terms.quantity,
            AmendState.REQUESTED,
            at_ms=now_ms(),
            operation_id=terms.operation_id,
            new_client_order_id=terms.new_client_order_id,
        )
        try:
            written = await self._settling.write(record, lambda current: amendment.requested(current, amend))
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error
        return record if written is None else written

    async def _place_anew(self, client: Client, record: OrderRecord, terms: Terms, new_id: str) -> OrderRecord:
        try:
            placed = (await self._placing.place(client, remainder(record, terms, client_order_id=new_id))).record
        except Refusal as error:
            raise _only_cancelled(record, error) from error
        if (refusal := placed.result.refusal) is not None:
            raise _only_cancelled(record, Refusal(refusal.code, refusal.message, venue_code=refusal.venue_code))
        order_id = placed.intent.order_id
        return await self._settling.take(record, lambda current: amendment.replaced(current, order_id))


def _only_cancelled(record: OrderRecord, cause: Refusal) -> Refusal:
    """Half of it is done, which none of the other outcomes says."""
    return Refusal(
        cause.code,
        f"the order was cancelled, but no other was placed: {cause.message}",
        field=cause.field,
        details={**(cause.details or {}), "cancelled": record.intent.order_id},
        outcome=Outcome.UNKNOWN,
        venue=record.intent.venue,
        venue_code=cause.venue_code,
        retry_after_s=cause.retry_after_s,
        retryable=cause.retryable,
    )

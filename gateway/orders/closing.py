"""Closing a position: a reduce-only market order for all of it, which goes the way of every order."""

from dataclasses import dataclass

from adapters.errors import VenueError
from adapters.models import AccountName, OrderType, Position, PositionSide, Side, Symbol
from gateway.accounts import Accounts
from gateway.auth.grants import Client
from gateway.errors import Code, Outcome, Refusal
from gateway.orders.finding import Finding
from gateway.orders.new_order import NewOrder
from gateway.orders.placing import Placed, Placing
from gateway.reference import Markets
from gateway.translation import read_refusal


@dataclass(frozen=True, slots=True)
class Closing:
    """Closes positions of all accounts."""

    accounts: Accounts
    markets: Markets
    finding: Finding
    placing: Placing

    async def close(
        self, client: Client, account_name: str, symbol: str, client_order_id: str, max_wait_s: float | None
    ) -> Placed:
        """Close the position as the venue shows it now, or say what became of this client_order_id before.

        Safe to repeat with the same id, though the position is another by then. Raises `Refusal`.
        """
        account = self.accounts.get(account_name, client)
        market = self.markets.get(account.venue.name, symbol)
        if (before := await self._accepted_before(client, account.name, market.symbol, client_order_id)) is not None:
            return before
        try:
            positions = await account.data.positions(account.throttle(client.name, client.max_wait_s))
        except VenueError as error:
            refusal = read_refusal(error)
            refusal.outcome = Outcome.NOT_SENT
            raise refusal from error
        position = next((one for one in positions if one.symbol == market.symbol), None)
        if position is None:
            raise Refusal(
                Code.ORDER_REJECTED,
                f"{account.name} has no open position in {market.symbol}; there is nothing to close",
                field="symbol",
                outcome=Outcome.NOT_SENT,
                venue=account.venue.name,
            )
        order = _closing_order(account.name, position, client_order_id, max_wait_s)
        try:
            return await self.placing.place(client, order)
        except Refusal as refusal:
            if refusal.code is not Code.IDEMPOTENCY_CONFLICT:
                raise
            # Another replica was asked the same a moment ago, and saw another quantity.
            before = await self._accepted_before(client, account.name, market.symbol, client_order_id)
            if before is None:
                raise
            return before

    async def _accepted_before(
        self, client: Client, account: AccountName, symbol: Symbol, client_order_id: str
    ) -> Placed | None:
        """The order of this id, if it closed this position too. Raises `Refusal` if the store cannot say."""
        try:
            record = await self.finding.by_client_order_id(client, account, client_order_id)
        except Refusal as refusal:
            if refusal.code is Code.ORDER_NOT_FOUND:
                return None
            refusal.outcome = Outcome.NOT_SENT
            raise
        intent = record.intent
        is_the_same = intent.symbol == symbol and intent.type is OrderType.MARKET and intent.reduce_only
        return Placed(record, is_new=False) if is_the_same else None


def _closing_order(
    account: AccountName, position: Position, client_order_id: str, max_wait_s: float | None
) -> NewOrder:
    return NewOrder(
        account=account,
        symbol=position.symbol,
        side=Side.SELL if position.side is PositionSide.LONG else Side.BUY,
        type=OrderType.MARKET,
        client_order_id=client_order_id,
        quantity=position.quantity,
        reduce_only=True,
        max_wait_s=max_wait_s,
    )

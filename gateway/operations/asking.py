"""What a client asks for, checked as far as that costs no budget."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal

from adapters.models import MarginMode, Market, MarketType, OperationKind, VenueName
from gateway.accounts import Account, Accounts
from gateway.auth.grants import Client
from gateway.clock import VenueClock
from gateway.errors import Code, Outcome, Refusal
from gateway.operations.operating import Done, Operating
from gateway.operations.record import Intent, OperationRecord
from gateway.operations.records import Records
from gateway.orders.identity import Identities
from gateway.reference import Markets
from gateway.settings import LimiterConfig, OrderSettings

_VENUE_ID_LENGTH = 32


class Asking:
    """Takes what clients ask for, and has it done."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        markets: Markets,
        clocks: Mapping[VenueName, VenueClock],
        records: Mapping[VenueName, Records],
        identities: Identities,
        operating: Operating,
        orders: OrderSettings,
        limiter: LimiterConfig,
    ):
        self._accounts = accounts
        self._markets = markets
        self._clocks = clocks
        self._records = records
        self._identities = identities
        self._operating = operating
        self._valid_for_ms = orders.valid_for_ms
        self._max_wait_s = limiter.max_wait_ms / 1000

    async def set_leverage(self, client: Client, account: str, symbol: str, operation_id: str, leverage: int) -> Done:
        """Set how far positions of a market are levered; safe to repeat with the same id. Raises `Refusal`."""
        found, market, intent = self._of_market(client, account, symbol, OperationKind.LEVERAGE, operation_id)
        if market.max_leverage is not None and leverage > market.max_leverage:
            raise _invalid("leverage", f"{market.symbol} at {market.venue} allows {market.max_leverage} at most")
        return await self._do(client, found, market, replace(intent, leverage=leverage))

    async def set_margin_mode(
        self, client: Client, account: str, symbol: str, operation_id: str, mode: MarginMode
    ) -> Done:
        """Set whether positions of a market share the account's margin; safe to repeat. Raises `Refusal`."""
        found, market, intent = self._of_market(client, account, symbol, OperationKind.MARGIN_MODE, operation_id)
        return await self._do(client, found, market, replace(intent, margin_mode=mode))

    async def add_margin(self, client: Client, account: str, symbol: str, operation_id: str, amount: Decimal) -> Done:
        """Put more margin to an isolated position; safe to repeat with the same id. Raises `Refusal`."""
        found, market, intent = self._of_market(client, account, symbol, OperationKind.MARGIN, operation_id)
        _check_above_zero(amount)
        return await self._do(client, found, market, replace(intent, amount=amount))

    async def withdraw(
        self,
        client: Client,
        account: str,
        operation_id: str,
        *,
        destination: str,
        asset: str,
        amount: Decimal,
        second_factor: str | None,
        other_than: Collection[str] = (),
    ) -> Done:
        """Send money to one of the account's configured addresses; safe to repeat with the same id.

        `other_than`: venue's ids of withdrawals just like it that are others. Raises `Refusal`.
        """
        found = self._accounts.get(account, client)
        _check_can(found, OperationKind.WITHDRAWAL)
        if not found.destinations:
            raise Refusal(
                Code.PERMISSION_DENIED,
                f"withdrawals of {found.name} are off: its configuration names no address",
                outcome=Outcome.NOT_SENT,
            )
        to = found.destinations.get(destination)
        if to is None:
            raise _invalid("destination", f"the configuration of {found.name} names no address {destination[:64]!r}")
        if to.asset != asset:
            raise _invalid("asset", f"the address {destination!r} is for {to.asset}")
        _check_above_zero(amount)
        digest = self._identities.client_id_digest(
            found.venue.name, found.name, client.name, f"operation:{operation_id}", salt=0
        )
        intent = replace(
            self._intent(client, found, OperationKind.WITHDRAWAL, operation_id),
            amount=amount,
            destination=destination,
            asset=to.asset,
            chain=to.chain,
            address=to.address,
            tag=to.tag,
            venue_client_id=digest.hex()[:_VENUE_ID_LENGTH],
        )
        return await self._do(client, found, None, intent, second_factor=second_factor, other_than=other_than)

    async def find(self, client: Client, account: str, operation_id: str) -> OperationRecord:
        """What became of one of the client's own operations. Raises `Refusal` and `StoreUnavailable`."""
        found = self._accounts.get(account, client)
        record = await self._records[found.venue.name].get(found.name, client.name, operation_id)
        if record is None:
            raise Refusal(
                Code.ORDER_NOT_FOUND,
                f"no operation of this client on {found.name} has the client_operation_id {operation_id[:64]!r}",
                field="client_operation_id",
                details={"absence_verified": False},
            )
        return record

    def _of_market(
        self, client: Client, account: str, symbol: str, kind: OperationKind, operation_id: str
    ) -> tuple[Account, Market, Intent]:
        found = self._accounts.get(account, client)
        _check_can(found, kind)
        market = self._markets.get(found.venue.name, symbol)
        if market.type is MarketType.SPOT:
            raise _invalid("symbol", f"{market.symbol} is a spot market: it has no positions")
        return found, market, replace(self._intent(client, found, kind, operation_id), symbol=market.symbol)

    def _intent(self, client: Client, account: Account, kind: OperationKind, operation_id: str) -> Intent:
        valid_until_ms = self._clocks[account.venue.name].redis_time_ms() + self._valid_for_ms
        return Intent(account.venue.name, account.name, client.name, operation_id, kind, valid_until_ms)

    async def _do(
        self,
        client: Client,
        account: Account,
        market: Market | None,
        intent: Intent,
        *,
        second_factor: str | None = None,
        other_than: Collection[str] = (),
    ) -> Done:
        max_wait_s = self._max_wait_s if client.max_wait_s is None else client.max_wait_s
        return await self._operating.do(
            account, market, intent, second_factor=second_factor, other_than=other_than, max_wait_s=max_wait_s
        )


def _check_can(account: Account, kind: OperationKind) -> None:
    if kind not in account.venue.capabilities.operations:
        raise Refusal(
            Code.NOT_SUPPORTED,
            f"{account.venue.name} has no {kind.value.replace('_', ' ')} that could be asked for here",
            outcome=Outcome.NOT_SENT,
            venue=account.venue.name,
            details={"supported": sorted(account.venue.capabilities.operations)},
        )


def _check_above_zero(amount: Decimal) -> None:
    if amount <= 0:
        raise _invalid("amount", "amount must be above zero")


def _invalid(field: str, message: str) -> Refusal:
    return Refusal(Code.INVALID_PARAMETER, message, field=field, outcome=Outcome.NOT_SENT)

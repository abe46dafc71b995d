"""Public shapes of operations, and of money that comes and goes."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints

from adapters import models
from adapters.models import MarginMode
from gateway.api.bodies import Body, Number, Plain, Shape
from gateway.api.order_bodies import ClientOrderId
from gateway.operations.record import OperationRecord, State

ClientOperationId = ClientOrderId
_WORD = Field(min_length=1, max_length=255)


class SetLeverage(Body):
    client_operation_id: ClientOperationId
    """The idempotency key: unique per client and account."""
    leverage: Annotated[int, Field(ge=1, le=1000)]


class SetMarginMode(Body):
    client_operation_id: ClientOperationId
    margin_mode: Annotated[MarginMode, Field(strict=False)]


class ChangeMargin(Body):
    client_operation_id: ClientOperationId
    amount: Number
    """How much to add, in the asset the market is settled in."""
    direction: Annotated[str, StringConstraints(pattern="^(add|reduce)$")] = "add"


class ClosePosition(Body):
    client_order_id: ClientOrderId
    max_wait_ms: Annotated[int | None, Field(ge=0, le=60_000)] = None
    """How long the order may wait for the venue's budget; 0 refuses at once."""


class Withdraw(Body):
    client_operation_id: ClientOperationId
    destination: Annotated[str, _WORD]
    """The name of an address in the account's configuration."""
    asset: Annotated[str, _WORD]
    amount: Number
    """As the venue counts it: its fee may be part of it."""
    second_factor: Annotated[SecretStr | None, Field(max_length=512)] = None
    """Passed to the venue and kept nowhere."""
    other_than: Annotated[list[Annotated[str, _WORD]], Field(max_length=100, default_factory=list)]
    """The venue's ids of withdrawals that look just like this one and are others; no part of the content."""


class Operation(Shape):
    client_operation_id: str
    kind: str
    account: str
    venue: str
    client: str
    status: Literal["pending", "done", "rejected", "unknown"]
    """`unknown`: it was sent and no answer settled it; it is looked for, and never sent again."""
    reason: str | None
    symbol: str | None
    leverage: int | None
    margin_mode: str | None
    destination: str | None
    asset: str | None
    amount: Plain | None
    venue_operation_id: str | None
    unknown_since: int | None
    evidence: str | None
    """Which source settled it, if its answer was lost."""
    version: int
    created_at: int
    updated_at: int

    @classmethod
    def of(cls, record: OperationRecord) -> Self:
        intent, result = record.intent, record.result
        return cls(
            client_operation_id=intent.client_operation_id,
            kind=intent.kind,
            account=intent.account,
            venue=intent.venue,
            client=intent.owner,
            status=_STATUS[record.state],
            reason=result.reason or result.unknown_cause,
            symbol=intent.symbol,
            leverage=intent.leverage,
            margin_mode=intent.margin_mode,
            destination=intent.destination,
            asset=intent.asset,
            amount=intent.amount,
            venue_operation_id=result.venue_operation_id,
            unknown_since=result.unknown_since_ms,
            evidence=result.evidence,
            version=record.version,
            created_at=record.created_ms,
            updated_at=record.updated_ms,
        )


_STATUS: dict[State, Literal["pending", "done", "rejected", "unknown"]] = {
    State.CLAIMED: "pending",
    State.SENT: "pending",
    State.UNKNOWN: "unknown",
    State.DONE: "done",
    State.REJECTED: "rejected",
    State.NOT_SENT: "rejected",
}


class Transfer(Shape):
    """Money that came in or went out, as the venue lists it."""

    venue_id: str
    asset: str
    amount: Plain
    fee: Plain | None
    chain: str | None
    address: str | None
    status: str
    transaction: str | None
    timestamp: int

    @classmethod
    def of(cls, transfer: models.Transfer) -> Self:
        return cls(
            venue_id=transfer.venue_id,
            asset=transfer.asset,
            amount=transfer.amount,
            fee=transfer.fee,
            chain=transfer.chain,
            address=transfer.address,
            status=transfer.status,
            transaction=transfer.transaction,
            timestamp=transfer.created_time_us // 1_000,
        )

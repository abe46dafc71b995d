"""What changes an account's money or its terms without being an order."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class OperationKind(StrEnum):
    LEVERAGE = "leverage"
    """How far a market's positions are levered."""
    MARGIN_MODE = "margin_mode"
    MARGIN = "margin"
    """More margin for an isolated position."""
    WITHDRAWAL = "withdrawal"


@dataclass(frozen=True, slots=True)
class WithdrawalRequest:
    """Money to be sent out; `client_id` is ours, for venues that keep one."""

    asset: str
    chain: str
    address: str
    amount: Decimal
    client_id: str
    tag: str | None = None


class TransferStatus(StrEnum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """In a word of the venue's that we do not know."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money that came in or went out, as the venue lists it; None where it does not say."""

    venue_id: str
    asset: str
    amount: Decimal
    status: TransferStatus
    created_time_us: int
    chain: str | None = None
    address: str | None = None
    fee: Decimal | None = None
    client_id: str | None = None
    transaction: str | None = None

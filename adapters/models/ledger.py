"""What changed an account's cash, as the venue booked it."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from adapters.models.ids import Symbol


class LedgerKind(StrEnum):
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    REALIZED_PNL = "realized_pnl"
    TRADING_FEE = "trading_fee"
    FUNDING_FEE = "funding_fee"
    LIQUIDATION_FEE = "liquidation_fee"
    REFERRAL_REBATE = "referral_rebate"
    UNKNOWN = "unknown"
    """Of a kind that has no name here."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One movement; None where the venue does not say."""

    venue_id: str
    """The venue's number of it: rises with time; several movements of one event may share it."""
    kind: LedgerKind
    asset: str
    amount: Decimal
    """Positive came, negative went."""
    time_us: int
    balance: Decimal | None = None
    """What it left."""
    symbol: Symbol | None = None
    reference: str | None = None
    """The venue's id of what brought it about: a trade, a position, a transfer."""


@dataclass(frozen=True, slots=True)
class LedgerPage:
    entries: list[LedgerEntry]
    next: str | None
    """Where the list goes on; None: it ends here."""

"""A position or a balance as the journal keeps it. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from adapters.models import Balance, BalanceEvent, Position, PositionEvent, Symbol, VenueName
from gateway.journal import positional
from gateway.journal.entry import Entry, Kind

SAID_BESIDE = ("venue", "symbol", "asset")
_MOVES_WITH_PRICES = ("mark_price", "liquidation_price", "unrealized_pnl")


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account holds in one market or of one asset; nothing (None) where a position is closed."""

    kind: Kind
    name: str
    """The market's symbol, or the asset."""
    held: Position | Balance | None
    venue_time_us: int | None
    """None where the venue did not say since when it is so."""

    @classmethod
    def told(cls, event: BalanceEvent | PositionEvent) -> "Holding":
        if isinstance(event, BalanceEvent):
            return cls(Kind.BALANCE, event.balance.asset, event.balance, event.venue_time_us)
        return cls(Kind.POSITION, event.symbol, event.position, event.venue_time_us)

    @classmethod
    def found(cls, held: Position | Balance) -> "Holding":
        """As the venue answered when it was asked."""
        if isinstance(held, Balance):
            return cls(Kind.BALANCE, held.asset, held, None)
        return cls(Kind.POSITION, held.symbol, held, None)

    @property
    def field(self) -> str:
        """What tells it apart from all else that the account holds."""
        return f"{self.kind}:{self.name}"

    @property
    def essence(self) -> bytes:
        """What makes it another: prices move by themselves, and are no event of the account."""
        if self.held is None:
            return b""
        return positional.encode(positional.values_of(self.held, without=_MOVES_WITH_PRICES))


def gone(field: str) -> Holding:
    """Nothing is held any more of what `Holding.field` named."""
    kind, _, name = field.partition(":")
    if kind == Kind.BALANCE:
        return Holding(Kind.BALANCE, name, Balance(name, Decimal(0), Decimal(0), Decimal(0)), None)
    return Holding(Kind.POSITION, name, None, None)


def encode_holding(holding: Holding) -> bytes:
    values = None if holding.held is None else positional.values_of(holding.held, without=SAID_BESIDE)
    return positional.encode([holding.name, holding.venue_time_us, values])


def decode_holding(entry: Entry, venue: VenueName) -> Holding:
    """The position or balance of an entry.

    Raises `ValueError` for what is none.
    """
    kind = Kind(entry.kind)
    name, venue_time_us, values, *_ = positional.decode(entry.data)
    held: Position | Balance | None = None
    if values is not None and kind is Kind.BALANCE:
        held = positional.made_of(Balance, values, given={"asset": name})
    elif values is not None:
        held = positional.made_of(Position, values, given={"venue": venue, "symbol": Symbol(name)})
    return Holding(kind, name, held, venue_time_us)

"""What the engine says happened, in order. An operation's events come out together."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from sandbox.matching.account import Account, Position
from sandbox.matching.order import Order, Side, Status


class OrderEventKind(StrEnum):
    ACCEPTED = "accepted"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    MODIFIED = "modified"
    REJECTED = "rejected"
    TRIGGER_PLACED = "trigger_placed"
    TRIGGERED = "triggered"
    TRIGGER_FAILED = "trigger_failed"


@dataclass(frozen=True, slots=True)
class Trade:
    """One match of two orders. Ids are sequential per symbol."""

    symbol: str
    id: int
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    buy_order_id: int
    sell_order_id: int
    buyer_is_maker: bool
    time_us: int


@dataclass(frozen=True, slots=True)
class Fill:
    """One account's side of a trade, with the fee it paid and, on a perpetual, the profit it realized."""

    order: Order
    trade_id: int
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    time_us: int
    realized: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """A change of one order, with its state as of this moment (`order` itself moves on)."""

    kind: OrderEventKind
    order: Order
    time_us: int
    status: Status
    quantity: Decimal | None
    executed: Decimal
    executed_quote: Decimal
    fill: Fill | None = None
    fees: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class BalanceEvent:
    account: Account
    asset: str
    available: Decimal
    locked: Decimal
    time_us: int


class PositionEventKind(StrEnum):
    OPENED = "opened"
    ADJUSTED = "adjusted"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class PositionEvent:
    """A position moved. Quantity and cost as of this moment; `position` itself moves on, or is no longer held."""

    kind: PositionEventKind
    account: Account
    symbol: str
    position_id: int
    quantity: Decimal
    cost: Decimal
    realized: Decimal
    time_us: int
    position: Position


@dataclass(frozen=True, slots=True)
class FundingSettled:
    """A funding interval of one perpetual is over: longs pay shorts `rate` of their notional, or get it if negative."""

    symbol: str
    rate: Decimal
    mark: Decimal
    index: Decimal
    time_us: int


@dataclass(frozen=True, slots=True)
class FundingPaid:
    """One account's part in a funding: `amount` came (or, negative, went) for the position it held."""

    account: Account
    settled: FundingSettled
    position_id: int
    quantity: Decimal
    amount: Decimal
    time_us: int


@dataclass(frozen=True, slots=True)
class Liquidated:
    """The venue closed a position for want of margin. `fee` went to the insurance fund, `covered` came from it.

    `equity` was what stood for the position, and others on the same margin, `maintenance` what keeping them asked for.
    """

    account: Account
    symbol: str
    position_id: int
    side: Side  # of the order that closed it
    price: Decimal
    quantity: Decimal
    fee: Decimal
    covered: Decimal
    equity: Decimal
    maintenance: Decimal
    time_us: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money came into an account or, negative, left it."""

    account: Account
    asset: str
    amount: Decimal
    time_us: int


@dataclass(frozen=True, slots=True)
class BookChange:
    """Levels of one book that changed under the ids `first_id` … `last_id`; quantities are absolute, zero is gone."""

    symbol: str
    first_id: int
    last_id: int
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]
    time_us: int


Event = (
    Trade
    | OrderEvent
    | BalanceEvent
    | PositionEvent
    | BookChange
    | FundingSettled
    | FundingPaid
    | Liquidated
    | Transfer
)

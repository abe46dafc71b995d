"""What the engine says happened, in order. An operation's events come out together."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from sandbox.matching.account import Account
from sandbox.matching.order import Order, Status


class OrderEventKind(StrEnum):
    ACCEPTED = "accepted"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    MODIFIED = "modified"
    REJECTED = "rejected"


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
    """A position moved. Quantity and cost as of this moment: a closed position is gone from the account."""

    kind: PositionEventKind
    account: Account
    symbol: str
    position_id: int
    quantity: Decimal
    cost: Decimal
    realized: Decimal
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


Event = Trade | OrderEvent | BalanceEvent | PositionEvent | BookChange

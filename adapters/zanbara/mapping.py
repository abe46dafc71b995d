"""Zanbara's market and account data, turned into our models. Pure; the time of receipt is an argument.

A message that cannot be right raises `ValueError`. Orders are mapped in `order_mapping`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from adapters.common import levels
from adapters.common.numbers import exact, optional, positive
from adapters.models import (
    AccountName,
    Balance,
    BalanceEvent,
    BookDelta,
    BookSnapshot,
    LedgerEntry,
    LedgerKind,
    MarginMode,
    Market,
    MarketStatus,
    MarketType,
    Position,
    PositionEvent,
    PositionSide,
    Side,
    Ticker,
    Trade,
    Transfer,
    TransferStatus,
    VenueName,
    VenueSymbol,
)
from adapters.zanbara import wire
from adapters.zanbara.numbers import is_symbol, microseconds, symbol_of

_STATUSES = {
    "trading": MarketStatus.TRADING,
    "halted": MarketStatus.HALTED,
    "settling": MarketStatus.CANCEL_ONLY,
}
_POSITION_SIDES = {side.value: side for side in PositionSide}
_TRANSFER_STATUS = {
    "pending": TransferStatus.PENDING,
    "processing": TransferStatus.PENDING,
    "completed": TransferStatus.DONE,
}
_LEDGER_KINDS = {kind.value: kind for kind in LedgerKind}
_MARGIN_MODES = {mode.value: mode for mode in MarginMode}
SIDES_BY_WORD = {side.value: side for side in Side}


T = TypeVar("T")


def known(words: Mapping[str, T], word: str, what: str) -> T:
    """What a word of the venue stands for; raises `ValueError` for one that we do not know."""
    try:
        return words[word]
    except KeyError:
        raise ValueError(f"unknown {what} {word[:40]!r}") from None


def is_known_kind(market: wire.MarketKind) -> bool:
    """Whether a market is of the kind that the documentation knows; others are left out."""
    is_usdc = market.quote_asset == market.settle_asset == "USDC"
    return is_usdc and market.contract_type == "perpetual" and is_symbol(market.symbol)


def normalize_market(venue: VenueName, market: wire.Market) -> Market:
    """Quantities are in base units, whatever "contract value" the documentation names, so a contract is one unit."""
    return Market(
        venue=venue,
        symbol=symbol_of(market.symbol),
        venue_symbol=VenueSymbol(market.symbol),
        type=MarketType.PERPETUAL,
        status=_STATUSES.get(market.status, MarketStatus.UNKNOWN),
        base=market.base_asset,
        quote="USDC",
        settle="USDC",
        tick_size=positive(market.tick_size),
        step_size=positive(market.lot_size),
        min_quantity=exact(market.min_quantity),
        max_quantity=optional(market.max_quantity),
        max_leverage=market.max_leverage,
        maker_fee_rate=optional(market.maker_fee_rate),
        taker_fee_rate=optional(market.taker_fee_rate),
        funding_interval_ms=market.funding_interval,
    )


def normalize_ticker(venue: VenueName, ticker: wire.Ticker, *, received_time_us: int) -> Ticker | None:
    """None before the market's first trade: there is no last price then."""
    if ticker.last_price is None:
        return None
    return Ticker(
        venue=venue,
        symbol=symbol_of(ticker.symbol),
        last_price=positive(ticker.last_price),
        received_time_us=received_time_us,
        venue_time_us=None if ticker.timestamp is None else microseconds(ticker.timestamp),
        open_price=optional(ticker.open_24h),
        high_price=optional(ticker.high_24h),
        low_price=optional(ticker.low_24h),
        volume=optional(ticker.volume_24h),
        quote_volume=optional(ticker.amount_24h),
        change=optional(ticker.price_change_24h),
        change_rate=optional(ticker.price_change_rate_24h),
    )


def normalize_book(venue: VenueName, book: wire.OrderBook, *, received_time_us: int) -> BookSnapshot:
    return BookSnapshot(
        venue=venue,
        symbol=symbol_of(book.symbol),
        bids=levels.bids(book.bids),
        asks=levels.asks(book.asks),
        update_id=book.sequence,
        received_time_us=received_time_us,
        venue_time_us=None if book.timestamp is None else microseconds(book.timestamp),
    )


def normalize_delta(
    venue: VenueName,
    venue_symbol: str,
    update: wire.BookUpdate,
    *,
    sequence: int,
    timestamp_ms: int | None,
    received_time_us: int,
) -> BookDelta:
    """Several changes may be merged in one update, so its number may be more than one above the one before."""
    if update.prev_sequence >= sequence:
        raise ValueError("a book update that does not come after the one before it")
    return BookDelta(
        venue=venue,
        symbol=symbol_of(venue_symbol),
        bids=levels.changes(update.bids),
        asks=levels.changes(update.asks),
        previous_id=update.prev_sequence,
        last_id=sequence,
        received_time_us=received_time_us,
        venue_time_us=None if timestamp_ms is None else microseconds(timestamp_ms),
    )


def normalize_trade(venue: VenueName, trade: wire.Trade, *, received_time_us: int) -> Trade:
    return Trade(
        venue=venue,
        symbol=symbol_of(trade.symbol),
        trade_id=trade.trade_id,
        price=positive(trade.price),
        quantity=positive(trade.quantity),
        side=known(SIDES_BY_WORD, trade.side, "side"),
        venue_time_us=microseconds(trade.timestamp),
        received_time_us=received_time_us,
    )


def normalize_balance(balance: wire.Balance) -> Balance:
    """The account's one asset. `total` is the cash; profit not yet realized counts in `available` alone."""
    return Balance(
        asset=balance.asset,
        available=exact(balance.available_balance),
        locked=exact(balance.order_margin),
        total=exact(balance.balance),
    )


def normalize_balance_event(account: AccountName, balance: wire.Balance, *, received_time_us: int) -> BalanceEvent:
    return BalanceEvent(
        account=account,
        balance=normalize_balance(balance),
        venue_time_us=_time_us(balance.updated_at, received_time_us),
        received_time_us=received_time_us,
    )


def normalize_position_event(
    venue: VenueName, account: AccountName, position: wire.Position, *, received_time_us: int
) -> PositionEvent:
    return PositionEvent(
        account=account,
        symbol=symbol_of(position.symbol),
        position=normalize_position(venue, position),
        venue_time_us=_time_us(position.updated_at, received_time_us),
        received_time_us=received_time_us,
    )


def _time_us(updated_at: int | None, received_time_us: int) -> int:
    return received_time_us if updated_at is None else microseconds(updated_at)


def normalize_position(venue: VenueName, position: wire.Position) -> Position | None:
    """None for one that is closed."""
    quantity = exact(position.quantity)
    if not quantity:
        return None
    return Position(
        venue=venue,
        symbol=symbol_of(position.symbol),
        side=known(_POSITION_SIDES, position.position_side, "position side"),
        quantity=positive(quantity),
        entry_price=exact(position.entry_price),
        mark_price=optional(position.mark_price),
        liquidation_price=optional(position.liquidation_price),
        unrealized_pnl=optional(position.unrealized_pnl),
        realized_pnl=optional(position.realized_pnl),
        margin_mode=known(_MARGIN_MODES, position.margin_mode, "margin mode"),
        leverage=None if position.leverage is None else Decimal(position.leverage),
    )


def normalize_withdrawal(row: wire.Withdrawal) -> Transfer:
    return Transfer(
        venue_id=row.withdrawal_id,
        asset=row.asset,
        amount=positive(row.amount),
        status=_TRANSFER_STATUS.get(row.status, TransferStatus.UNKNOWN),
        created_time_us=microseconds(row.created_at),
        chain=row.network,
        address=row.address,
        fee=optional(row.fee),
        transaction=row.tx_hash,
    )


def normalize_deposit(row: wire.Deposit) -> Transfer:
    return Transfer(
        venue_id=row.deposit_id,
        asset=row.asset,
        amount=positive(row.amount),
        status=_TRANSFER_STATUS.get(row.status, TransferStatus.UNKNOWN),
        created_time_us=microseconds(row.created_at),
        chain=row.network,
        transaction=row.tx_hash,
    )


def normalize_movement(row: wire.Movement) -> LedgerEntry:
    return LedgerEntry(
        venue_id=row.id,
        kind=_LEDGER_KINDS.get(row.type, LedgerKind.UNKNOWN),
        asset=row.asset,
        amount=exact(row.amount),
        time_us=microseconds(row.created_at),
        balance=optional(row.balance),
        symbol=None if row.symbol is None else symbol_of(row.symbol),
        reference=row.reference_id,
    )

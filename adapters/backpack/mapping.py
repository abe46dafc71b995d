"""Backpack's market and account data, turned into our models. Pure; the time of receipt is an argument.

A message that cannot be right raises `ValueError`. Orders are mapped in `order_mapping`.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from adapters.backpack import wire
from adapters.backpack.numbers import microseconds, symbol_of
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

MARKET_TYPES = {"SPOT": MarketType.SPOT, "PERP": MarketType.PERPETUAL}
"""Others (dated, prediction, RFQ) trade by other rules and are left out."""

_STATUSES = {
    "Open": MarketStatus.TRADING,
    "Closed": MarketStatus.HALTED,
    "CancelOnly": MarketStatus.CANCEL_ONLY,
    "LimitOnly": MarketStatus.LIMIT_ONLY,
    "PostOnly": MarketStatus.POST_ONLY,
}
_LEDGER_KINDS = {
    "TradingFees": LedgerKind.TRADING_FEE,
    "TradingFeesSystem": LedgerKind.TRADING_FEE,
    "FundingPayment": LedgerKind.FUNDING_FEE,
    **dict.fromkeys(
        ("RealizePnl", "CulledRealizePnlAuto", "CulledRealizePnlBookUtilisation", "CulledRealizePnlAccountThreshold",
         "CulledRealizePnlSystemThreshold"),
        LedgerKind.REALIZED_PNL,
    ),
}  # fmt: skip
_CASH = "USDC"
"""What futures are settled in here."""

_UNDER_WAY = (
    "initiated", "ownershipVerificationRequired", "pending", "recipientInformationProvided",
    "recipientInformationRequired", "senderVerificationCompleted", "senderVerificationRequired", "verifying",
)  # fmt: skip
_CAME_TO_NOTHING = ("cancelled", "declined", "expired", "refunded", "void")
_TRANSFER_STATUS = {
    "confirmed": TransferStatus.DONE,
    **dict.fromkeys(_UNDER_WAY, TransferStatus.PENDING),
    **dict.fromkeys(_CAME_TO_NOTHING, TransferStatus.FAILED),
}
_RATE_DIGITS = Decimal("0.000001")


def normalize_market(venue: VenueName, market: wire.Market) -> Market:
    """Fees are per account at this venue, and a minimum notional does not exist; both stay None."""
    market_type = MARKET_TYPES[market.market_type]
    is_perpetual = market_type is MarketType.PERPETUAL
    status = _STATUSES.get(market.order_book_state, MarketStatus.UNKNOWN)
    price, quantity = market.filters.price, market.filters.quantity
    return Market(
        venue=venue,
        symbol=symbol_of(market.symbol),
        venue_symbol=VenueSymbol(market.symbol),
        type=market_type,
        # One that is open but hidden is in preparation or on its way out: not to be taken for tradable.
        status=status if market.visible or status is not MarketStatus.TRADING else MarketStatus.UNKNOWN,
        base=market.base_symbol,
        quote=market.quote_symbol,
        settle=market.quote_symbol,
        tick_size=positive(price.tick_size),
        step_size=positive(quantity.step_size),
        min_quantity=exact(quantity.min_quantity),
        max_quantity=optional(quantity.max_quantity),
        min_price=optional(price.min_price),
        max_price=optional(price.max_price),
        max_leverage=_max_leverage(market.imf_function) if is_perpetual else None,
        funding_interval_ms=market.funding_interval if is_perpetual else None,
    )


def normalize_ticker(
    venue: VenueName, venue_symbol: VenueSymbol, ticker: wire.Ticker, *, received_time_us: int
) -> Ticker:
    """The venue's time stays None: this answer comes out of a cache and carries none."""
    if ticker.symbol != venue_symbol:
        raise ValueError("a ticker of another market than was asked for")
    return Ticker(
        venue=venue,
        symbol=symbol_of(ticker.symbol),
        last_price=positive(ticker.last_price),
        received_time_us=received_time_us,
        open_price=optional(ticker.first_price),
        high_price=optional(ticker.high),
        low_price=optional(ticker.low),
        volume=optional(ticker.volume),
        quote_volume=optional(ticker.quote_volume),
        change=optional(ticker.price_change),
        change_rate=_rate(ticker.price_change_percent),
        trade_count=int(ticker.trades) if ticker.trades else None,
    )


def normalize_stream_ticker(venue: VenueName, ticker: wire.StreamTicker, *, received_time_us: int) -> Ticker:
    last = positive(ticker.last_price)
    first = optional(ticker.open_price)
    change = None if first is None else last - first
    return Ticker(
        venue=venue,
        symbol=symbol_of(ticker.symbol),
        last_price=last,
        received_time_us=received_time_us,
        venue_time_us=ticker.event_time_us,
        open_price=first,
        high_price=optional(ticker.high_price),
        low_price=optional(ticker.low_price),
        volume=optional(ticker.volume),
        quote_volume=optional(ticker.quote_volume),
        change=change,
        # The digits REST gives: the stream leaves the quotient to us.
        change_rate=(change / first).quantize(_RATE_DIGITS) if first and change is not None else None,
        trade_count=ticker.trade_count,
    )


def normalize_book(
    venue: VenueName, venue_symbol: VenueSymbol, depth: wire.Depth, *, received_time_us: int
) -> BookSnapshot:
    """The venue sends bids worst first; ours are best first."""
    return BookSnapshot(
        venue=venue,
        symbol=symbol_of(venue_symbol),
        bids=levels.bids(reversed(depth.bids)),
        asks=levels.asks(depth.asks),
        update_id=int(depth.last_update_id),
        received_time_us=received_time_us,
        venue_time_us=depth.timestamp,
    )


def normalize_delta(venue: VenueName, depth: wire.StreamDepth, *, received_time_us: int) -> BookDelta:
    """The venue names the first update inside; the book it applies to is the one before that."""
    if depth.first_update_id > depth.last_update_id:
        raise ValueError("a depth frame that ends before it begins")
    return BookDelta(
        venue=venue,
        symbol=symbol_of(depth.symbol),
        bids=levels.changes(depth.bids),
        asks=levels.changes(depth.asks),
        previous_id=depth.first_update_id - 1,
        last_id=depth.last_update_id,
        received_time_us=received_time_us,
        venue_time_us=depth.engine_time_us,
    )


def normalize_trade(venue: VenueName, venue_symbol: VenueSymbol, trade: wire.Trade, *, received_time_us: int) -> Trade:
    return Trade(
        venue=venue,
        symbol=symbol_of(venue_symbol),
        trade_id=None if trade.id is None else str(trade.id),
        price=positive(trade.price),
        quantity=positive(trade.quantity),
        side=_taker_side(is_buyer_maker=trade.is_buyer_maker),
        venue_time_us=microseconds(trade.timestamp),
        received_time_us=received_time_us,
    )


def normalize_stream_trade(venue: VenueName, trade: wire.StreamTrade, *, received_time_us: int) -> Trade:
    return Trade(
        venue=venue,
        symbol=symbol_of(trade.symbol),
        trade_id=None if trade.trade_id is None else str(trade.trade_id),
        price=positive(trade.price),
        quantity=positive(trade.quantity),
        side=_taker_side(is_buyer_maker=trade.is_buyer_maker),
        venue_time_us=trade.engine_time_us,
        received_time_us=received_time_us,
    )


def normalize_balances(balances: Mapping[str, wire.Balance]) -> list[Balance]:
    """Staked funds count in the total only; lent funds are not in the venue's answer at all."""
    return [_balance(asset, one.available, one.locked, one.staked) for asset, one in balances.items()]


def normalize_balance_event(
    account: AccountName, balance: wire.StreamBalance, *, received_time_us: int
) -> BalanceEvent:
    return BalanceEvent(
        account=account,
        balance=_balance(balance.asset, balance.available, balance.locked, balance.staked),
        venue_time_us=balance.engine_time_us,
        received_time_us=received_time_us,
    )


def _balance(asset: str, available: Decimal, locked: Decimal, staked: Decimal) -> Balance:
    return Balance(
        asset=asset,
        available=exact(available),
        locked=exact(locked),
        total=exact(available) + exact(locked) + exact(staked),
    )


def normalize_position(venue: VenueName, position: wire.Position) -> Position | None:
    """None for one that is closed. In a list of positions the venue puts zero where a liquidation price would be."""
    return _position(venue, position, liquidation_price=optional(position.est_liquidation_price) or None)


def normalize_position_event(
    venue: VenueName, account: AccountName, position: wire.StreamPosition, *, received_time_us: int
) -> PositionEvent:
    return PositionEvent(
        account=account,
        symbol=symbol_of(position.symbol),
        position=_position(venue, position, liquidation_price=None),
        venue_time_us=position.engine_time_us,
        received_time_us=received_time_us,
    )


def _position(
    venue: VenueName, position: wire.Position | wire.StreamPosition, *, liquidation_price: Decimal | None
) -> Position | None:
    quantity = exact(position.net_quantity)
    if not quantity:
        return None
    return Position(
        venue=venue,
        symbol=symbol_of(position.symbol),
        side=PositionSide.LONG if quantity > 0 else PositionSide.SHORT,
        quantity=abs(quantity),
        entry_price=exact(position.entry_price),
        mark_price=optional(position.mark_price),
        liquidation_price=liquidation_price,
        unrealized_pnl=optional(position.pnl_unrealized),
        realized_pnl=optional(position.pnl_realized),
        margin_mode=MarginMode.CROSS,
    )


def _max_leverage(imf: wire.MarginFunction | None) -> int | None:
    """The smallest initial margin fraction says how far a small position may be levered."""
    return None if imf is None else int(1 / positive(imf.base))


def _rate(text: str | None) -> Decimal | None:
    """A ticker has been seen with `N/A` here."""
    try:
        return None if text is None else exact(Decimal(text))
    except InvalidOperation:
        return None


def _taker_side(*, is_buyer_maker: bool) -> Side:
    return Side.SELL if is_buyer_maker else Side.BUY


def normalize_withdrawal(row: wire.Withdrawal) -> Transfer:
    return Transfer(
        venue_id=str(row.id),
        asset=row.symbol,
        amount=positive(row.quantity),
        status=_TRANSFER_STATUS.get(row.status, TransferStatus.UNKNOWN),
        created_time_us=microseconds(row.created_at),
        chain=row.blockchain,
        address=row.to_address,
        fee=optional(row.fee),
        client_id=row.client_id,
        transaction=row.transaction_hash,
    )


def normalize_deposit(row: wire.Deposit) -> Transfer:
    """`source` is the chain it came from, in a spelling of its own."""
    return Transfer(
        venue_id=str(row.id),
        asset=row.symbol,
        amount=positive(row.quantity),
        status=_TRANSFER_STATUS.get(row.status, TransferStatus.UNKNOWN),
        created_time_us=microseconds(row.created_at),
        chain=row.source,
        address=row.to_address,
        transaction=row.transaction_hash,
    )


def normalize_settlement(row: wire.Settlement) -> LedgerEntry:
    return LedgerEntry(
        venue_id=str(row.engine_sequence),
        kind=_LEDGER_KINDS.get(row.source, LedgerKind.UNKNOWN),
        asset=_CASH,
        amount=exact(row.quantity),
        time_us=microseconds(row.timestamp),
        reference=row.position_id,
    )

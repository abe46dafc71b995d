"""Positions as REST shows them: open ones with their margins, and all there ever were."""

from decimal import Decimal
from typing import Any

from sandbox.backpack.errors import not_found
from sandbox.backpack.parameters import Parameters
from sandbox.backpack.reference_data import margin_function
from sandbox.backpack.wire import fraction, market_type, naive_iso, plain
from sandbox.matching import Account, Engine, Position
from sandbox.matching.margin import worst_exposure
from sandbox.records import HeldPosition

ZERO = Decimal(0)


class Positions:
    """Reads accounts; changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(self, account: Account, query: Parameters, user_id: int) -> Any:
        """All open positions, or one: then with its liquidation price, and an error if it is not there."""
        market = query.optional_market(self._engine.markets)
        kinds = query.market_types()
        rows = [
            self._row(account, symbol, position, user_id, estimated=market is not None)
            for symbol, position in account.positions.items()
            if market is None or market.symbol == symbol
        ]
        if market is not None and not rows:
            raise not_found()
        return [row for row in rows if not kinds or market_type(self._engine.markets[row["symbol"]]) in kinds]

    def history_row(self, account: Account, held: HeldPosition) -> dict[str, Any]:
        """A position that is or was. Of a closed one there is no exposure left."""
        symbol, position = held.symbol, held.position
        market, mark = self._engine.markets[symbol], self._engine.mark(symbol)
        is_closed = position.closed_us is not None
        exposure = ZERO if is_closed else worst_exposure(account, market)
        return {
            "accountLeverage": plain(account.leverage_limit),
            "closedAt": None if position.closed_us is None else naive_iso(position.closed_us),
            "closedVolume": plain(position.closed_volume),
            "closingPrice": plain(position.closing_price) if position.closed_volume else None,
            "cumulativePnlRealized": plain(position.realized),
            "entryPrice": fraction(position.entry_price),
            "fees": plain(position.fees),
            "fundingQuantity": plain(position.funding),
            "id": str(position.id),
            "imf": fraction(self._engine.margin.initial_rate(account, market, exposure * mark)),
            "interest": "0",
            "liquidated": plain(held.liquidated),
            "liquidationFees": plain(held.liquidation_fees),
            "markPrice": plain(mark),
            "netCost": plain(position.cost),
            "netExposureNotional": plain(exposure * mark),
            "netExposureQuantity": plain(exposure),
            "netQuantity": plain(position.quantity),
            "openedAt": naive_iso(position.opened_us),
            "state": "Closed" if is_closed else "Open",
            "symbol": symbol,
            "unrealizedPnl": plain(position.unrealized(mark)),
        }

    def _row(
        self, account: Account, symbol: str, position: Position, user_id: int, *, estimated: bool
    ) -> dict[str, Any]:
        market, mark, margin = self._engine.markets[symbol], self._engine.mark(symbol), self._engine.margin
        exposure = worst_exposure(account, market)
        return {
            "breakEvenPrice": fraction(break_even(position)),
            "cumulativeFundingPayment": plain(position.funding),
            "cumulativeInterest": "0",
            "entryPrice": fraction(position.entry_price),
            "estLiquidationPrice": fraction(self._liquidation_price(account, symbol, position)) if estimated else "0",
            "imf": fraction(margin.initial_rate(account, market, exposure * mark)),
            "imfFunction": margin_function(market.initial),
            "markPrice": plain(mark),
            "mmf": fraction(margin.maintenance_rate(account, market, position.quantity * mark)),
            "mmfFunction": margin_function(market.maintenance),
            "netCost": plain(position.cost),
            "netExposureNotional": plain(exposure * mark),
            "netExposureQuantity": plain(exposure),
            "netQuantity": plain(position.quantity),
            "pnlRealized": plain(position.realized),
            "pnlUnrealized": plain(position.unrealized(mark)),
            "positionId": str(position.id),
            "subaccountId": None,
            "symbol": symbol,
            "userId": user_id,
        }

    def _liquidation_price(self, account: Account, symbol: str, position: Position) -> Decimal:
        """Where this market's mark alone would bring equity down to the maintenance margin; zero if nowhere.

        The maintenance rate is taken as it is now, though it changes a little with the price.
        """
        margin, market, mark = self._engine.margin, self._engine.markets[symbol], self._engine.mark(symbol)
        quantity = position.quantity
        rate = margin.maintenance_rate(account, market, quantity * mark)
        others = sum((margin.maintenance(account, other) for other in account.positions if other != symbol), ZERO)
        price = (quantity * mark - margin.equity(account) + others) / (quantity - abs(quantity) * rate)
        return max(ZERO, price)


def break_even(position: Position) -> Decimal:
    """The price at which closing would leave nothing, fees and funding so far counted in."""
    if not position.quantity:
        return ZERO
    return (position.cost - position.realized + position.fees - position.funding) / position.quantity

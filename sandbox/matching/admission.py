"""Whether an order may enter at all: grid, bounds, bands. Looks at the order and the prices, never at money."""

from decimal import Decimal

from sandbox.matching.market import Market, MarketState
from sandbox.matching.order import OrderRequest, OrderType
from sandbox.matching.refusal import Reason, Refusal


def check_request(request: OrderRequest, market: Market, *, last_price: Decimal, mark: Decimal) -> None:
    """Refuse what is incomplete, off the grid, out of bounds or out of the price bands."""
    if request.type is OrderType.LIMIT:
        if request.price is None or request.quantity is None:
            raise Refusal(Reason.INCOMPLETE)
        _check_price(request.price, market, last_price=last_price, mark=mark)
    elif (request.quantity is None) == (request.quote_quantity is None):
        raise Refusal(Reason.INCOMPLETE)
    if request.quantity is not None:
        _check_quantity(request.quantity, market)
    elif request.quote_quantity is not None and request.quote_quantity <= 0:
        raise Refusal(Reason.QUANTITY_OUT_OF_RANGE)
    for leg in (request.take_profit, request.stop_loss):
        if leg is not None:
            _check_grid(leg.price, market)
            if leg.limit is not None:
                _check_grid(leg.limit, market)


def check_state(request: OrderRequest, state: MarketState) -> None:
    """Refuse what the market takes from nobody at the moment."""
    is_taken = (
        state is MarketState.OPEN
        or (state is MarketState.LIMIT_ONLY and request.type is OrderType.LIMIT)
        or (state is MarketState.POST_ONLY and request.post_only)
    )
    if not is_taken:
        raise Refusal(Reason.MARKET_STATE)


def check_waiting(request: OrderRequest, market: Market) -> None:
    """Refuse a waiting order off the grid or out of bounds; bands are for when it fires."""
    if request.type is OrderType.LIMIT and request.price is None:
        raise Refusal(Reason.INCOMPLETE)
    if (request.quantity is None) == (request.share is None):
        raise Refusal(Reason.INCOMPLETE)
    levels = [request.price, request.trigger.price if request.trigger else None]
    levels += [leg.price for leg in (request.take_profit, request.stop_loss) if leg is not None]
    for level in levels:
        if level is not None:
            _check_grid(level, market)
    if request.quantity is not None:
        _check_quantity(request.quantity, market)


def _check_price(price: Decimal, market: Market, *, last_price: Decimal, mark: Decimal) -> None:
    _check_grid(price, market)
    if market.last_band and not market.last_band.holds(price, last_price):
        raise Refusal(Reason.PRICE_OUT_OF_BAND)
    if market.mark_band and not market.mark_band.holds(price, mark):
        raise Refusal(Reason.PRICE_OUT_OF_BAND)


def _check_grid(price: Decimal, market: Market) -> None:
    if price % market.tick:
        raise Refusal(Reason.PRICE_TOO_PRECISE if _is_finer(price, market.tick) else Reason.PRICE_OUT_OF_RANGE)
    if price < market.min_price or (market.max_price is not None and price > market.max_price):
        raise Refusal(Reason.PRICE_OUT_OF_RANGE)


def _check_quantity(quantity: Decimal, market: Market) -> None:
    if quantity % market.step:
        raise Refusal(Reason.QUANTITY_TOO_PRECISE if _is_finer(quantity, market.step) else Reason.QUANTITY_OUT_OF_RANGE)
    if quantity < market.min_quantity or (market.max_quantity is not None and quantity > market.max_quantity):
        raise Refusal(Reason.QUANTITY_OUT_OF_RANGE)


def _is_finer(value: Decimal, grid: Decimal) -> bool:
    """Whether a value has more decimals than its grid, which venues name as an error of its own."""
    return decimals(value) > decimals(grid)


def decimals(value: Decimal) -> int:
    """How many decimals a number needs, trailing zeros aside."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0

"""How much an account could order, borrow or withdraw right now: `/api/v1/account/limits/…`. Questions are echoed."""

from decimal import Decimal
from typing import Any

from sandbox.backpack.errors import Problem
from sandbox.backpack.markets import ASSETS
from sandbox.backpack.parameters import Parameters
from sandbox.backpack.wire import SIDE, plain, plain_or_none
from sandbox.matching import Account, Engine, Market, Refusal, Side

ZERO = Decimal(0)
SIDES = {name: side for side, name in SIDE.items()}
PRICED_BY = {asset.symbol: (asset.priced_by, asset.weight) for asset in ASSETS}


class AccountLimits:
    """Reads accounts; changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def borrow(self, query: Parameters) -> Any:
        """Nothing can be borrowed here."""
        return {"maxBorrowQuantity": "0", "symbol": known_asset(query.required("symbol"))}

    def order(self, account: Account, query: Parameters) -> Any:
        """The largest quantity on the step grid; borrowing adds nothing to it."""
        market = query.market(self._engine.markets)
        side = SIDES[query.required_choice("side", "Side", tuple(SIDES))]
        price, reduce_only = query.decimal("price"), query.boolean("reduceOnly")
        quantity = self._most(account, market, side, price, reduce_only=bool(reduce_only))
        return {
            "autoBorrow": query.boolean("autoBorrow"),
            "autoBorrowRepay": query.boolean("autoBorrowRepay"),
            "autoLendRedeem": query.boolean("autoLendRedeem"),
            "maxOrderQuantity": plain(max(ZERO, quantity - quantity % market.step)),
            "price": plain_or_none(price),
            "reduceOnly": reduce_only,
            "side": SIDE[side],
            "symbol": market.symbol,
        }

    def withdrawal(self, account: Account, query: Parameters) -> Any:
        asset = known_asset(query.required("symbol"))
        return {
            "autoBorrow": query.boolean("autoBorrow"),
            "autoLendRedeem": query.boolean("autoLendRedeem"),
            "maxWithdrawalQuantity": plain(self.withdrawable(account, asset)),
            "symbol": asset,
        }

    def withdrawable(self, account: Account, asset: str) -> Decimal:
        """What is available and not needed as margin."""
        available = max(ZERO, account.balances[asset].available) if asset in account.balances else ZERO
        if not account.exposures:
            return available
        priced_by, weight = PRICED_BY[asset]
        worth = weight * (Decimal(1) if priced_by is None else self._engine.mark(priced_by))
        free = max(ZERO, self._engine.margin.free_equity(account))
        return min(available, (free / worth).quantize(Decimal("1e-8"), rounding="ROUND_DOWN"))

    def _most(
        self, account: Account, market: Market, side: Side, price: Decimal | None, *, reduce_only: bool
    ) -> Decimal:
        if reduce_only:
            position = account.positions.get(market.symbol)
            held = position.quantity if position else ZERO
            return max(ZERO, -held if side is Side.BUY else held)
        price = price or self._touch(market, side)
        if price <= 0:
            return ZERO
        if market.is_perp:
            return self._most_exposure(account, market, side, price)
        if side is Side.SELL:
            return self._engine.margin.free(account, market.base)
        return self._engine.margin.free(account, market.quote) / price

    def _most_exposure(self, account: Account, market: Market, side: Side, price: Decimal) -> Decimal:
        """The most steps the engine's own margin check lets pass: what it asks for is not linear."""
        low, high = 0, 1
        while self._carries(account, market, side, high * market.step, price):
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            if self._carries(account, market, side, middle * market.step, price):
                low = middle
            else:
                high = middle
        return low * market.step

    def _carries(self, account: Account, market: Market, side: Side, quantity: Decimal, price: Decimal) -> bool:
        try:
            self._engine.margin.check(account, market, is_buy=side is Side.BUY, quantity=quantity, price=price)
        except Refusal:
            return False
        return True

    def _touch(self, market: Market, side: Side) -> Decimal:
        """Where a market order would begin to trade."""
        book = self._engine.books[market.symbol]
        best = (book.asks if side is Side.BUY else book.bids).best()
        return best.price if best else self._engine.mark(market.symbol)


def known_asset(symbol: str) -> str:
    if symbol not in PRICED_BY:
        raise Problem(400, "INVALID_ASSET", "Invalid asset")
    return symbol

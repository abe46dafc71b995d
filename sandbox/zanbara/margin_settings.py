"""The few settings an account chooses for itself, symbol by symbol: leverage, margin mode, margin put aside."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.matching import Account, Engine
from sandbox.zanbara.accounts import AccountFigures, held
from sandbox.zanbara.calls import Call
from sandbox.zanbara.errors import Problem, invalid, leverage_exceeded
from sandbox.zanbara.leverage import Leverage
from sandbox.zanbara.new_order import check_grid
from sandbox.zanbara.trading import insufficient
from sandbox.zanbara.wire import EIGHT

ZERO = Decimal(0)

# Told of an account and a symbol whose margin changed without an order, and when.
Changed = Callable[[Account, str, int], None]


class MarginSettings:
    """Changes an account's terms. What is set already is set again without looking any further."""

    def __init__(self, engine: Engine, figures: AccountFigures, leverage: Leverage, changed: Changed) -> None:
        self._engine = engine
        self._figures = figures
        self._leverage = leverage
        self._changed = changed

    def set_leverage(self, call: Call) -> Any:
        fields, account = call.body(), call.account
        symbol = fields.symbol(self._engine.markets)
        fields.require("leverage")
        leverage = fields.integer("leverage") or 0
        most = self._leverage.most(account, self._engine.markets[symbol], call.now_us)
        if leverage < 1:
            raise invalid("leverage", "leverage must be a positive integer")
        if leverage != account.terms[symbol].leverage:
            if leverage > most:
                raise leverage_exceeded(most)
            self._apply_leverage(account, symbol, leverage)
            self._changed(account, symbol, call.now_us)
        return {"symbol": symbol, "leverage": leverage, "max_leverage": most, "updated_at": call.now_us // 1000}

    def set_margin_mode(self, call: Call) -> Any:
        fields, account = call.body(), call.account
        symbol = fields.symbol(self._engine.markets)
        fields.require("margin_mode")
        mode = fields.choice("margin_mode", ("cross", "isolated"))
        terms = account.terms[symbol]
        if (mode == "isolated") != terms.isolated:
            if symbol in account.positions or _has_orders(account, symbol):
                raise Problem("MARGIN_MODE_LOCKED", "There are a position or open orders", field="margin_mode")
            terms.isolated = mode == "isolated"
        return {"symbol": symbol, "margin_mode": mode, "updated_at": call.now_us // 1000}

    def add_margin(self, call: Call) -> Any:
        fields, account = call.body(), call.account
        symbol = fields.symbol(self._engine.markets)
        fields.require("amount")
        amount = fields.decimal("amount") or ZERO
        check_grid("amount", amount, EIGHT)
        if not amount:
            raise invalid("amount", "amount must be positive")
        position = held(account, symbol)
        if not account.terms[symbol].isolated:
            raise invalid("symbol", "The position is on cross margin")
        available = self._figures.available(account)
        if amount > available:
            raise insufficient(available=available, required=amount, field="amount")
        position.margin += amount
        position.updated_us = call.now_us
        self._changed(account, symbol, call.now_us)
        return self._figures.position_object(account, symbol, position)

    def _apply_leverage(self, account: Account, symbol: str, leverage: int) -> None:
        """Set it, and count an open position's margin anew; raises `Problem` if the account cannot carry that."""
        terms, position = account.terms[symbol], account.positions.get(symbol)
        if position is None:
            terms.leverage = leverage
            return
        required = abs(position.cost) / leverage
        available = self._figures.available(account) + self._engine.order_margin.held_by(account, symbol, position)
        if required > available and leverage < terms.leverage:
            raise insufficient(available=available, required=required, field="leverage")
        before = terms.leverage, position.margin
        terms.leverage, position.margin = leverage, required if terms.isolated else ZERO
        try:
            self._figures.check_safe(self._figures.ratios(account), field="leverage")
        except Problem:
            terms.leverage, position.margin = before
            raise


def _has_orders(account: Account, symbol: str) -> bool:
    return any(order.market.symbol == symbol for order in account.open_orders.values())

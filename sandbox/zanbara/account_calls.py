"""Private account and position calls: what there is, and the few settings an account chooses for itself."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.config import ZanbaraConfig
from sandbox.matching import Account, Engine, Order, OrderRequest, OrderType, Position, Side, TimeInForce
from sandbox.zanbara.accounts import AccountFigures
from sandbox.zanbara.bodies import Fields
from sandbox.zanbara.calls import Call
from sandbox.zanbara.errors import Problem, invalid, unknown_position, unknown_symbol
from sandbox.zanbara.markets import LISTED_MS
from sandbox.zanbara.new_order import check_grid, check_size, tradable
from sandbox.zanbara.order_wire import order_object
from sandbox.zanbara.trading import Trading, insufficient

ZERO = Decimal(0)
USER_LEVEL = "intermediate"

# Told of an account and a symbol whose margin changed without an order, and when.
Changed = Callable[[Account, str, int], None]


class AccountCalls:
    """Answers about one account; closing a position is an order like any other."""

    def __init__(
        self, engine: Engine, figures: AccountFigures, trading: Trading, changed: Changed, config: ZanbaraConfig
    ) -> None:
        self._changed = changed
        self._engine = engine
        self._figures = figures
        self._trading = trading
        self._halted = frozenset(config.halted)

    def info(self, call: Call) -> Any:
        key = call.key
        return {
            "user_id": key.user_id,
            "api_key": key.api_key,
            "scopes": key.scopes,
            "vip_level": key.vip_level,
            "user_level": USER_LEVEL,
            "max_leverage": 10,
            "margin_ratio": self._figures.balance(call.account, call.now_us)["margin_ratio"],
            "status": "active",
            "created_at": LISTED_MS,
        }

    def balance(self, call: Call) -> Any:
        return self._figures.balance(call.account, call.now_us)

    def positions(self, call: Call) -> Any:
        page, symbol = call.query.page(), call.query.symbol(self._engine.markets)
        rows = [row for row in self._figures.positions(call.account) if symbol is None or row[0] == symbol]
        return page.of_list(rows, lambda row: self._figures.position_object(call.account, *row))

    def position(self, call: Call) -> Any:
        if call.named not in self._engine.markets:
            raise unknown_symbol()
        return self._written(call.account, call.named)

    def close(self, call: Call) -> Any:
        fields = call.body()
        symbol = self._symbol(fields)
        market = tradable(symbol, self._engine.markets, self._halted)
        position = self._held(call.account, symbol)
        quantity = fields.decimal("quantity")
        if quantity is not None:
            check_grid("quantity", quantity, market.step)
            check_size(min(quantity, market.max_quantity or quantity), market)
        return order_object(self._close(call.account, symbol, position, quantity, call.now_us))

    def close_all(self, call: Call) -> Any:
        call.body(may_be_empty=True)
        held = [item for item in self._figures.positions(call.account) if item[0] not in self._halted]
        orders = [self._close(call.account, symbol, position, None, call.now_us) for symbol, position in held]
        return {"orders": [order_object(order) for order in orders]}

    def set_leverage(self, call: Call) -> Any:
        fields = call.body()
        symbol = self._symbol(fields)
        fields.require("leverage")
        leverage, most = fields.integer("leverage") or 0, int(self._engine.markets[symbol].max_leverage)
        if leverage < 1:
            raise invalid("leverage", "leverage must be a positive integer")
        if leverage > most:
            raise Problem("LEVERAGE_EXCEEDED", f"At most {most}", field="leverage", details={"max_leverage": most})
        self._apply_leverage(call.account, symbol, leverage)
        self._changed(call.account, symbol, call.now_us)
        return {"symbol": symbol, "leverage": leverage, "max_leverage": most, "updated_at": call.now_us // 1000}

    def set_margin_mode(self, call: Call) -> Any:
        fields = call.body()
        symbol = self._symbol(fields)
        fields.require("margin_mode")
        mode = fields.choice("margin_mode", ("cross", "isolated"))
        terms = call.account.terms[symbol]
        if (mode == "isolated") != terms.isolated:
            if symbol in call.account.positions or _has_orders(call.account, symbol):
                raise Problem("MARGIN_MODE_LOCKED", "There are a position or open orders", field="margin_mode")
            terms.isolated = mode == "isolated"
        return {"symbol": symbol, "margin_mode": mode, "updated_at": call.now_us // 1000}

    def add_margin(self, call: Call) -> Any:
        fields = call.body()
        symbol = self._symbol(fields)
        fields.require("amount")
        amount = fields.decimal("amount") or ZERO
        check_grid("amount", amount, Decimal("1e-8"))
        if not amount:
            raise invalid("amount", "amount must be positive")
        position = self._held(call.account, symbol)
        if not call.account.terms[symbol].isolated:
            raise invalid("symbol", "The position is on cross margin")
        available = self._figures.available(call.account)
        if amount > available:
            raise insufficient(available=available, required=amount, field="amount")
        position.margin += amount
        position.updated_us = call.now_us
        self._changed(call.account, symbol, call.now_us)
        return self._written(call.account, symbol)

    def _apply_leverage(self, account: Account, symbol: str, leverage: int) -> None:
        """Set it, and count an open position's margin anew; raises `Problem` if the account cannot carry that."""
        terms, position = account.terms[symbol], account.positions.get(symbol)
        if position is None or leverage == terms.leverage:
            terms.leverage = leverage
            return
        required = abs(position.cost) / leverage
        available = self._figures.available(account) + self._engine.order_margin.held_by(account, symbol, position)
        if required > available and leverage < terms.leverage:
            raise insufficient(available=available, required=required, field="leverage")
        terms.leverage = leverage
        position.margin = required if terms.isolated else ZERO

    def _symbol(self, fields: Fields) -> str:
        fields.require("symbol")
        symbol = fields.text("symbol") or ""
        if symbol not in self._engine.markets:
            raise unknown_symbol()
        return symbol

    def _held(self, account: Account, symbol: str) -> Position:
        position = account.positions.get(symbol)
        if position is None:
            raise unknown_position()
        return position

    def _written(self, account: Account, symbol: str) -> dict[str, Any]:
        return self._figures.position_object(account, symbol, self._held(account, symbol))

    def _close(self, account: Account, symbol: str, position: Position, quantity: Decimal | None, now_us: int) -> Order:
        """A reduce-only market order of what is asked for, at most the position and what one order may be."""
        held = abs(position.quantity)
        wanted = held if quantity is None else min(held, quantity)
        most = self._engine.markets[symbol].max_quantity
        request = OrderRequest(
            symbol=symbol,
            side=Side.SELL if position.quantity > 0 else Side.BUY,
            type=OrderType.MARKET,
            quantity=wanted if most is None else min(wanted, most),
            time_in_force=TimeInForce.IOC,
            reduce_only=True,
        )
        return self._trading.execute(account, request, now_us)


def _has_orders(account: Account, symbol: str) -> bool:
    return any(order.market.symbol == symbol for order in account.open_orders.values())

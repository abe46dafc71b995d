"""Private account and position calls: what there is, and closing it."""

from decimal import Decimal
from typing import Any

from sandbox.matching import Account, Engine, MarketState, Order, OrderRequest, OrderType, Position, Side, TimeInForce
from sandbox.zanbara.accounts import AccountFigures, held
from sandbox.zanbara.calls import Call
from sandbox.zanbara.errors import unknown_symbol
from sandbox.zanbara.markets import LISTED_MS
from sandbox.zanbara.new_order import check_grid, check_size, tradable
from sandbox.zanbara.order_wire import order_object
from sandbox.zanbara.profiles import Profile
from sandbox.zanbara.trading import Trading


class AccountCalls:
    """Answers about one account; closing a position is an order like any other."""

    def __init__(self, engine: Engine, figures: AccountFigures, trading: Trading, profiles: dict[str, Profile]) -> None:
        self._engine = engine
        self._figures = figures
        self._trading = trading
        self._profiles = profiles

    def info(self, call: Call) -> Any:
        key, profile = call.key, self._profiles[call.account.name]
        return {
            "user_id": key.user_id,
            "api_key": key.api_key,
            "scopes": key.scopes,
            "vip_level": key.vip_level,
            "user_level": profile.level_name,
            "max_leverage": profile.level.max_leverage,
            "margin_ratio": self._figures.balance(call.account, call.now_us)["margin_ratio"],
            "status": "frozen" if profile.is_frozen else "active",
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
        return self._figures.position_object(call.account, call.named, held(call.account, call.named))

    def close(self, call: Call) -> Any:
        fields = call.body()
        symbol = fields.symbol(self._engine.markets)
        market = tradable(self._engine, symbol)
        position = held(call.account, symbol)
        quantity = fields.decimal("quantity")
        if quantity is not None:
            check_grid("quantity", quantity, market.step)
            check_size(min(quantity, market.max_quantity or quantity), market)
        return order_object(self._close(call.account, symbol, position, quantity, call.now_us))

    def close_all(self, call: Call) -> Any:
        """Whatever can be traded now is closed."""
        call.body(may_be_empty=True)
        orders = [
            self._close(call.account, symbol, position, None, call.now_us)
            for symbol, position in self._figures.positions(call.account)
            if self._engine.states[symbol] is MarketState.OPEN
        ]
        return {"orders": [order_object(order) for order in orders]}

    def _close(self, account: Account, symbol: str, position: Position, quantity: Decimal | None, now_us: int) -> Order:
        """A reduce-only market order of what is asked for, at most the position and what one order may be."""
        whole = abs(position.quantity)
        wanted = whole if quantity is None else min(whole, quantity)
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

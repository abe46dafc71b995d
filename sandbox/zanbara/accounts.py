"""An account's money in Zanbara's terms: balance, positions with their margin, and what would liquidate them.

Source: docs.zanbarax.com/he-xin-gai-nian/margin-liquidation
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from sandbox.matching import Account, Engine, Position, Side
from sandbox.matching.events import PositionEvent
from sandbox.zanbara.errors import Problem, unknown_position
from sandbox.zanbara.markets import CASH
from sandbox.zanbara.wire import fixed, fixed_or_none, rate

ZERO = Decimal(0)


class AccountFigures:
    """Reads accounts; changes nothing. `liquidation_ratio`: equity over maintenance margin, below which it is over."""

    def __init__(self, engine: Engine, liquidation_ratio: Decimal) -> None:
        self._engine = engine
        self._margin = engine.order_margin
        self._liquidation_ratio = liquidation_ratio

    def balance(self, account: Account, now_us: int) -> dict[str, Any]:
        cash = account.balances[CASH].available
        unrealized = self._margin.unrealized(account)
        ratio = self.cross_ratio(account)
        return {
            "asset": CASH,
            "balance": fixed(cash),
            "unrealized_pnl": fixed(unrealized),
            "equity": fixed(cash + unrealized),
            "position_margin": fixed(self._margin.held(account)),
            "order_margin": fixed(account.reserved),
            "available_balance": fixed(self.available(account)),
            "margin_ratio": None if ratio is None else rate(ratio),
            "updated_at": now_us // 1000,
        }

    def available(self, account: Account) -> Decimal:
        return max(ZERO, self._margin.free(account, CASH))

    def positions(self, account: Account) -> list[tuple[str, Position]]:
        """Open positions by symbol, the newest first."""
        return sorted(account.positions.items(), key=lambda item: (item[1].opened_us, item[1].id), reverse=True)

    def position_object(
        self, account: Account, symbol: str, position: Position, *, closed_by: Side | None = None
    ) -> dict[str, Any]:
        """A position as it is now; one with nothing left was of the other side than the order that closed it."""
        terms, mark = account.terms[symbol], self._engine.mark(symbol)
        is_long = position.quantity > 0 if position.quantity else closed_by is Side.SELL
        margin = position.margin if terms.isolated else abs(position.cost) / terms.leverage
        ratio = self._isolated_ratio(account, symbol, position) if terms.isolated else self.cross_ratio(account)
        return {
            "symbol": symbol,
            "position_side": "long" if is_long else "short",
            "quantity": fixed(abs(position.quantity)),
            "entry_price": fixed(position.entry_price),
            "mark_price": fixed(mark),
            "amount": fixed(abs(position.quantity) * mark),
            "leverage": terms.leverage,
            "margin_mode": "isolated" if terms.isolated else "cross",
            "margin": fixed(margin),
            "maintenance_margin": fixed(self._maintenance(account, symbol, position)),
            "margin_ratio": None if ratio is None else rate(ratio),
            "liquidation_price": fixed_or_none(self._liquidation_price(account, symbol, position)),
            "unrealized_pnl": fixed(position.unrealized(mark)),
            "realized_pnl": fixed(position.realized),
            "created_at": position.opened_us // 1000,
            "updated_at": position.updated_us // 1000,
        }

    def position_as_of(self, event: PositionEvent, side: Side) -> dict[str, Any]:
        """A position as an order of this side left it; one that was closed is gone from the account."""
        account, held = event.account, event.account.positions.get(event.symbol)
        state = Position(event.position_id, event.quantity, event.cost, event.realized, updated_us=event.time_us)
        state.opened_us = event.position.opened_us
        state.margin = held.margin if held is not None else ZERO
        return self.position_object(account, event.symbol, state, closed_by=side)

    # -- margin ------------------------------------------------------------------------------------------------------

    def cross_ratio(self, account: Account, *, lost: Decimal = ZERO) -> Decimal | None:
        """The account's equity, so much of it lost, over what its positions on cross margin need; None without any."""
        needed = self._engine.liquidation.cross_maintenance(account)
        return (self._engine.margin.equity(account) - lost) / needed if needed else None

    def ratios(self, account: Account) -> Iterator[Decimal]:
        """Of everything that is liquidated by itself: the account where it has cross positions, each isolated one."""
        cross = self.cross_ratio(account)
        if cross is not None:
            yield cross
        for symbol, position in account.positions.items():
            if account.terms[symbol].isolated:
                ratio = self._isolated_ratio(account, symbol, position)
                if ratio is not None:
                    yield ratio

    def check_safe(self, ratios: Iterable[Decimal], *, field: str) -> None:
        """Refuse a change that would leave one of these margin ratios where the account is liquidated."""
        if any(ratio <= self._liquidation_ratio for ratio in ratios):
            limit = rate(self._liquidation_ratio)
            raise Problem("INSUFFICIENT_MARGIN", f"The margin ratio must stay above {limit}", field=field)

    def _isolated_ratio(self, account: Account, symbol: str, position: Position) -> Decimal | None:
        needed = self._maintenance(account, symbol, position)
        worth = position.margin + position.unrealized(self._engine.mark(symbol))
        return worth / needed if needed else None

    def _maintenance_rate(self, account: Account, symbol: str, position: Position) -> Decimal:
        notional = abs(position.quantity) * self._engine.mark(symbol)
        return self._engine.margin.maintenance_rate(account, self._engine.markets[symbol], notional)

    def _maintenance(self, account: Account, symbol: str, position: Position) -> Decimal:
        notional = abs(position.quantity) * self._engine.mark(symbol)
        return notional * self._maintenance_rate(account, symbol, position)

    def _liquidation_price(self, account: Account, symbol: str, position: Position) -> Decimal | None:
        """The mark at which the ratio falls to the limit, other marks staying as they are; None if it never does."""
        if not position.quantity:
            return None
        held, mark = position.quantity, self._engine.mark(symbol)
        needs = self._liquidation_ratio * self._maintenance_rate(account, symbol, position) * abs(held)
        if account.terms[symbol].isolated:
            worth, others = position.margin - position.cost, ZERO
        else:
            worth = self._engine.margin.equity(account) - held * mark
            every = self._engine.liquidation.cross_maintenance(account)
            others = self._liquidation_ratio * (every - self._maintenance(account, symbol, position))
        # At mark P the equity is worth + held · P, and the limit others + needs · P.
        price = (worth - others) / (needs - held)
        return price if price > 0 else None


def held(account: Account, symbol: str) -> Position:
    """The open position in a symbol; raises `Problem` without one."""
    position = account.positions.get(symbol)
    if position is None:
        raise unknown_position()
    return position

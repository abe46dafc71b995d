"""An account's money in Zanbara's terms: balance, positions with their margin, and what would liquidate them.

Nobody is liquidated here: the figures only say where it would happen.
Source: docs.zanbarax.com/he-xin-gai-nian/margin-liquidation
"""

from decimal import Decimal
from typing import Any

from sandbox.matching import Account, Engine, Position
from sandbox.matching.events import PositionEvent
from sandbox.zanbara.markets import LISTINGS, Listing
from sandbox.zanbara.wire import fixed, fixed_or_none, rate

ZERO = Decimal(0)
CASH = "USDC"
LIQUIDATION_RATIO = Decimal("1.10")  # equity over maintenance margin, below which a position is closed


class AccountFigures:
    """Reads accounts; changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._margin = engine.order_margin
        self._listings: dict[str, Listing] = {listing.market.symbol: listing for listing in LISTINGS}

    def balance(self, account: Account, now_us: int) -> dict[str, Any]:
        cash = account.balances[CASH].available
        unrealized = self._margin.unrealized(account)
        return {
            "asset": CASH,
            "balance": fixed(cash),
            "unrealized_pnl": fixed(unrealized),
            "equity": fixed(cash + unrealized),
            "position_margin": fixed(self._margin.held(account)),
            "order_margin": fixed(self._margin.reserved(account)),
            "available_balance": fixed(self.available(account)),
            "margin_ratio": self._written_ratio(account),
            "updated_at": now_us // 1000,
        }

    def available(self, account: Account) -> Decimal:
        return max(ZERO, self._margin.free(account, CASH))

    def positions(self, account: Account) -> list[tuple[str, Position]]:
        """Open positions by symbol, the newest first."""
        return sorted(account.positions.items(), key=lambda item: (item[1].opened_us, item[1].id), reverse=True)

    def position_object(self, account: Account, symbol: str, position: Position) -> dict[str, Any]:
        terms, mark = account.terms[symbol], self._engine.mark(symbol)
        is_long = position.quantity > 0 or (not position.quantity and position.cost > 0)
        margin = position.margin if terms.isolated else abs(position.cost) / terms.leverage
        maintenance = self._maintenance(symbol, position)
        unrealized = position.unrealized(mark)
        if terms.isolated:
            ratio = rate((margin + unrealized) / maintenance) if maintenance else None
        else:
            ratio = self._written_ratio(account)
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
            "maintenance_margin": fixed(maintenance),
            "margin_ratio": ratio,
            "liquidation_price": fixed_or_none(self._liquidation_price(account, symbol, position)),
            "unrealized_pnl": fixed(unrealized),
            "realized_pnl": fixed(position.realized),
            "created_at": position.opened_us // 1000,
            "updated_at": position.updated_us // 1000,
        }

    def position_as_of(self, event: PositionEvent) -> dict[str, Any]:
        """A position as an event left it; one that was closed is gone from the account."""
        account, held = event.account, event.account.positions.get(event.symbol)
        state = Position(event.position_id, event.quantity, event.cost, event.realized, updated_us=event.time_us)
        state.opened_us = held.opened_us if held is not None and held.id == event.position_id else event.time_us
        state.margin = held.margin if held is not None else ZERO
        return self.position_object(account, event.symbol, state)

    # -- margin ------------------------------------------------------------------------------------------------------

    def _maintenance(self, symbol: str, position: Position) -> Decimal:
        return abs(position.quantity) * self._engine.mark(symbol) * self._listings[symbol].maintenance_rate

    def _cross_maintenance(self, account: Account) -> Decimal:
        """What the cross positions need together; zero without any."""
        needs = (
            self._maintenance(symbol, position)
            for symbol, position in account.positions.items()
            if not account.terms[symbol].isolated
        )
        return sum(needs, ZERO)

    def _equity(self, account: Account) -> Decimal:
        return account.balances[CASH].available + self._margin.unrealized(account)

    def _written_ratio(self, account: Account) -> str | None:
        needed = self._cross_maintenance(account)
        return rate(self._equity(account) / needed) if needed else None

    def _liquidation_price(self, account: Account, symbol: str, position: Position) -> Decimal | None:
        """The mark at which the ratio falls to the limit, other marks staying as they are; None if it never does."""
        if not position.quantity:
            return None
        held, mark = position.quantity, self._engine.mark(symbol)
        needs = LIQUIDATION_RATIO * self._listings[symbol].maintenance_rate * abs(held)
        if account.terms[symbol].isolated:
            worth, others = position.margin - position.cost, ZERO
        else:
            worth = self._equity(account) - held * mark
            others = LIQUIDATION_RATIO * (self._cross_maintenance(account) - self._maintenance(symbol, position))
        # At mark P the equity is worth + held · P, and the limit others + needs · P.
        price = (worth - others) / (needs - held)
        return price if price > 0 else None

"""What the parts of the engine work on together: books, prices, margins, waiting orders, and what is told outside."""

from collections.abc import Iterable

from sandbox.matching.book import Book
from sandbox.matching.margin import Margin
from sandbox.matching.market import Market, MarketState
from sandbox.matching.order_margin import OrderMargin
from sandbox.matching.outbox import Outbox
from sandbox.matching.prices import Prices
from sandbox.matching.rules import Rules
from sandbox.matching.triggers import Triggers


class Floor:
    """One engine's state, accounts aside. `states` says what each market takes and may be written at any time."""

    def __init__(self, markets: Iterable[Market], rules: Rules, *, first_update_id: int) -> None:
        self.rules = rules
        self.markets = {market.symbol: market for market in markets}
        self.states = dict.fromkeys(self.markets, MarketState.OPEN)
        self.books = {
            market.symbol: Book(market.symbol, last_price=market.start_price, update_id=first_update_id)
            for market in self.markets.values()
        }
        self.prices = Prices(self.markets, self.books)
        self.margin = Margin(self.markets, self.prices.mark, rules)
        self.order_margin = OrderMargin(self.prices.mark, is_used=rules.reserves_margin)
        self.triggers = Triggers()
        self.outbox = Outbox()

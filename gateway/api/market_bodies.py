"""Public shapes of market data."""

from typing import Self

from adapters import models
from gateway.api.bodies import Plain, Shape


class Market(Shape):
    venue: str
    symbol: str
    venue_symbol: str
    type: str
    status: str
    base: str
    quote: str
    settle: str
    tick_size: Plain
    step_size: Plain
    min_quantity: Plain
    max_quantity: Plain | None
    min_price: Plain | None
    max_price: Plain | None
    min_notional: Plain | None
    contract_size: Plain
    max_leverage: int | None
    maker_fee_rate: Plain | None
    taker_fee_rate: Plain | None
    funding_interval_ms: int | None

    @classmethod
    def of(cls, market: models.Market) -> Self:
        return cls(**{name: getattr(market, name) for name in cls.model_fields})


class Ticker(Shape):
    venue: str
    symbol: str
    last_price: str
    open_24h: str | None
    high_24h: str | None
    low_24h: str | None
    volume_24h: str | None
    amount_24h: str | None
    """In quote units."""
    price_change_24h: str | None
    price_change_rate_24h: str | None
    """A fraction: "0.05" is five percent."""
    trade_count_24h: int | None


class OrderBook(Shape):
    venue: str
    symbol: str
    bids: list[tuple[str, str]]
    """`[price, quantity]`, best first."""
    asks: list[tuple[str, str]]
    update_id: int


class Trade(Shape):
    trade_id: str | None
    price: str
    quantity: str
    side: str
    """The taker's."""
    timestamp: int
    venue_time_us: int

"""The markets this face offers: the engine's rules, and the few facts only Backpack's market object shows."""

from dataclasses import dataclass
from decimal import Decimal

from sandbox.matching import Band, Market, MarketKind

LAST_BAND = Band(Decimal("0.25"), Decimal(2))
MARK_BAND = Band(Decimal("0.75"), Decimal("1.25"))
IMPACT = Band(Decimal("0.99"), Decimal("1.01"))


@dataclass(frozen=True, slots=True)
class MarginFunction:
    """`max(base, factor · √notional)`."""

    base: Decimal
    factor: Decimal

    def of(self, notional: Decimal) -> Decimal:
        return max(self.base, self.factor * abs(notional).sqrt())


@dataclass(frozen=True, slots=True)
class Listing:
    """A market as Backpack lists it. Margin functions are set for perpetuals only."""

    market: Market
    created_at: str
    imf: MarginFunction | None = None
    mmf: MarginFunction | None = None
    open_interest_limit: str = "0"


def _market(symbol: str, tick: str, step: str, start_price: str) -> Market:
    base, quote, *perp = symbol.split("_")
    return Market(
        symbol=symbol,
        kind=MarketKind.PERP if perp else MarketKind.SPOT,
        base=base,
        quote=quote,
        tick=Decimal(tick),
        step=Decimal(step),
        min_quantity=Decimal(step),
        min_price=Decimal(tick),
        start_price=Decimal(start_price),
        last_band=LAST_BAND,
        mark_band=MARK_BAND,
        impact=IMPACT,
    )


LISTINGS = (
    Listing(_market("SOL_USDC", "0.01", "0.01", "150.00"), "2025-01-21T06:34:54.691858"),
    Listing(_market("BTC_USDC", "0.1", "0.00001", "95000.0"), "2025-01-21T06:34:54.691858"),
    Listing(
        _market("SOL_USDC_PERP", "0.01", "0.01", "150.10"),
        "2025-01-21T06:34:54.691858",
        imf=MarginFunction(Decimal("0.02"), Decimal("0.00006")),
        mmf=MarginFunction(Decimal("0.0125"), Decimal("0.0000035")),
        open_interest_limit="1000000",
    ),
    Listing(
        _market("BTC_USDC_PERP", "0.1", "0.00001", "95040.0"),
        "2025-01-21T06:34:54.691858",
        imf=MarginFunction(Decimal("0.02"), Decimal("0.00006")),
        mmf=MarginFunction(Decimal("0.0125"), Decimal("0.0000035")),
        open_interest_limit="10000",
    ),
)

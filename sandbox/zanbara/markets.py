"""The perpetuals this face offers: the engine's rules, and what only Zanbara's symbol object shows.

Sources: docs.zanbarax.com/jiao-yi-dui-yu-shi-chang and …/trading-pairs/eth-perp
"""

from dataclasses import dataclass
from decimal import Decimal

from sandbox.matching import Market, MarketKind

LISTED_MS = 1_759_795_200_000
FUNDING_INTERVAL_MS = 28_800_000
MAX_OPEN_ORDERS = 200  # per symbol


@dataclass(frozen=True, slots=True)
class Listing:
    """A market as Zanbara lists it. Its number makes trade ids unique over all markets."""

    market: Market
    number: int
    max_leverage: int
    maintenance_rate: Decimal

    @property
    def initial_rate(self) -> Decimal:
        return 1 / Decimal(self.max_leverage)


def _market(base: str, *, tick: str, lot: str, most: str, start: str, leverage: int) -> Market:
    return Market(
        symbol=f"{base}-PERP",
        kind=MarketKind.PERP,
        base=base,
        quote="USDC",
        tick=Decimal(tick),
        step=Decimal(lot),
        min_quantity=Decimal(lot),
        max_quantity=Decimal(most),
        min_price=Decimal(tick),
        start_price=Decimal(start),
        max_leverage=Decimal(leverage),
    )


LISTINGS = (
    Listing(_market("SOL", tick="0.01", lot="0.01", most="100", start="150.10", leverage=10), 1, 10, Decimal("0.05")),
    Listing(_market("ETH", tick="0.10", lot="0.01", most="50", start="3000.0", leverage=20), 2, 20, Decimal("0.025")),
    Listing(_market("BTC", tick="1", lot="0.001", most="5", start="95040", leverage=20), 3, 20, Decimal("0.025")),
)

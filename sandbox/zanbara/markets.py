"""The perpetuals this face offers: the engine's rules, and what only Zanbara's symbol object shows.

Sources: docs.zanbarax.com/jiao-yi-dui-yu-shi-chang and …/trading-pairs/eth-perp
"""

from dataclasses import dataclass
from decimal import Decimal

from sandbox.config import ZanbaraConfig
from sandbox.matching import FundingTerms, MarginFunction, Market, MarketKind, Rules

CASH = "USDC"  # what everything is quoted and settled in
LISTED_MS = 1_759_795_200_000
FUNDING_INTERVAL_MS = 28_800_000


@dataclass(frozen=True, slots=True)
class Listing:
    """A market as Zanbara lists it. Its number makes trade ids unique over all markets."""

    market: Market
    number: int
    maintenance_rate: Decimal

    @property
    def max_leverage(self) -> int:
        return int(self.market.max_leverage)

    @property
    def initial_rate(self) -> Decimal:
        return 1 / self.market.max_leverage


def _listing(
    base: str, number: int, *, tick: str, lot: str, most: str, start: str, index: str, leverage: int, maintenance: str
) -> Listing:
    market = Market(
        symbol=f"{base}-PERP",
        kind=MarketKind.PERP,
        base=base,
        quote=CASH,
        tick=Decimal(tick),
        step=Decimal(lot),
        min_quantity=Decimal(lot),
        max_quantity=Decimal(most),
        min_price=Decimal(tick),
        start_price=Decimal(start),
        index_price=Decimal(index),
        max_leverage=Decimal(leverage),
        maintenance=MarginFunction(Decimal(maintenance)),
        funding=FundingTerms(FUNDING_INTERVAL_MS * 1000),
    )
    return Listing(market, number, Decimal(maintenance))


LISTINGS = (
    _listing("SOL", 1, tick="0.01", lot="0.01", most="100", start="150.10", index="150.00", leverage=10,
             maintenance="0.05"),
    _listing("ETH", 2, tick="0.10", lot="0.01", most="50", start="3000.0", index="2999.0", leverage=20,
             maintenance="0.025"),
    _listing("BTC", 3, tick="1", lot="0.001", most="5", start="95040", index="95000", leverage=20,
             maintenance="0.025"),
)  # fmt: skip


def rules_of(config: ZanbaraConfig) -> Rules:
    """How this venue settles orders and positions."""
    return Rules(
        keeps_rejected=True,
        caps_reducing=True,
        reserves_margin=True,
        half_initial=config.mmr_rule == "half_initial",
        liquidation_ratio=config.liquidation_ratio,
        liquidation_fee=config.liquidation_fee_rate,
    )

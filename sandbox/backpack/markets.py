"""What this face offers: markets by the engine's rules, assets with their chains, and what only Backpack shows."""

from dataclasses import dataclass
from decimal import Decimal

from sandbox.matching import Band, FundingTerms, MarginFunction, Market, MarketKind, Rules
from sandbox.matching.rules import Collateral

CASH = "USDC"
HOUR_US = 3_600_000_000
LAST_BAND = Band(Decimal("0.25"), Decimal(2))
MARK_BAND = Band(Decimal("0.75"), Decimal("1.25"))
IMPACT = Band(Decimal("0.99"), Decimal("1.01"))
INITIAL = MarginFunction(Decimal("0.02"), Decimal("0.00006"))
MAINTENANCE = MarginFunction(Decimal("0.0125"), Decimal("0.0000035"))
# A day's terms paid by the hour: an eighth each, because the interest is meant for eight hours.
FUNDING = FundingTerms(interval_us=HOUR_US, cap=Decimal("0.01"), share=Decimal("0.125"))
POSITION_LIMIT = Decimal(5_000_000)


@dataclass(frozen=True, slots=True)
class Listing:
    """A market as Backpack lists it."""

    market: Market
    created_at: str
    open_interest_limit: str = "0"


@dataclass(frozen=True, slots=True)
class Token:
    """An asset on one chain. A withdrawal's fee is part of what is withdrawn."""

    blockchain: str
    minimum_deposit: Decimal
    minimum_withdrawal: Decimal
    fee: Decimal
    decimals: int
    contract: str = ""


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset with its chains, and what it counts as collateral: a weight, and the kind of its haircut function."""

    symbol: str
    name: str
    coingecko_id: str
    tokens: tuple[Token, ...]
    weight: Decimal
    haircut: tuple[tuple[str, str], ...] = (("type", "identity"),)

    @property
    def priced_by(self) -> str | None:
        """The market whose mark is the asset's price; None for cash."""
        return None if self.symbol == CASH else f"{self.symbol}_{CASH}"


def _market(symbol: str, tick: str, step: str, start_price: str, index_price: str | None = None) -> Market:
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
        max_leverage=1 / INITIAL.base,
        initial=INITIAL if perp else None,
        maintenance=MAINTENANCE if perp else None,
        funding=FUNDING if perp else None,
        index_price=None if index_price is None else Decimal(index_price),
    )


def _haircut(base: str, penalty: str) -> tuple[tuple[str, str], ...]:
    return (("base", base), ("positiveCurvePenalty", penalty), ("type", "inverseSqrt"))


_CREATED = "2025-01-21T06:34:54.691858"

LISTINGS = (
    Listing(_market("SOL_USDC", "0.01", "0.01", "150.00"), _CREATED),
    Listing(_market("BTC_USDC", "0.1", "0.00001", "95000.0"), _CREATED),
    Listing(_market("SOL_USDC_PERP", "0.01", "0.01", "150.10", "150.00"), _CREATED, "1000000"),
    Listing(_market("BTC_USDC_PERP", "0.1", "0.00001", "95040.0", "95000.0"), _CREATED, "10000"),
)

ASSETS = (
    Asset(
        "BTC",
        "Bitcoin",
        "bitcoin",
        (Token("Bitcoin", Decimal("0.0001"), Decimal("0.0005"), Decimal("0.0002"), 8),),
        Decimal("0.95"),
        _haircut("1.05", "0.000005"),
    ),
    Asset(
        "SOL",
        "Solana",
        "solana",
        (Token("Solana", Decimal("0.01"), Decimal("0.02"), Decimal("0.005"), 9),),
        Decimal("0.9"),
        _haircut("1.1", "0.0001"),
    ),
    Asset(
        "USDC",
        "USD Coin",
        "usd-coin",
        (
            Token("Solana", Decimal(1), Decimal(2), Decimal(1), 6, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
            Token("Ethereum", Decimal(5), Decimal(10), Decimal(5), 6, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
        ),
        Decimal(1),
    ),
)

RULES = Rules(
    replaces_triggered=True,
    collateral=tuple(
        Collateral(asset.symbol, asset.priced_by, asset.weight) for asset in ASSETS if asset.priced_by is not None
    ),
    position_limit=POSITION_LIMIT,
)

"""What venues settle differently about the same order. Data: the engine asks, a venue's face chooses."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Collateral:
    """An asset that counts as margin besides the settle asset: at the mark of a spot market, by a weight."""

    asset: str
    priced_by: str
    weight: Decimal


@dataclass(frozen=True, slots=True)
class Rules:
    """The defaults refuse early and look at an account's margin as a whole.

    `keeps_rejected`: a post-only order that would take is accepted and ends as rejected, instead of being refused.
    `caps_reducing`: a reduce-only order may be larger than its position and trades only what is there; otherwise it is
    refused, and resting ones shrink with the position.
    `reserves_margin`: every open order holds back its own margin and taker fee, by the leverage the account has chosen.
    `replaces_triggered`: a trigger that fires places another order, which points back; otherwise it goes on as itself.
    `collateral`: what else than the settle asset an account's equity is made of.
    `position_limit`: the largest notional an account's exposure in one market may come to.
    `half_initial`: the maintenance margin is half of what the account's own leverage asks for, not the market's.
    `liquidation_ratio`: equity below this many times the maintenance margin liquidates. `liquidation_fee`: the share of
    the closed notional that goes to the insurance fund.
    """

    keeps_rejected: bool = False
    caps_reducing: bool = False
    reserves_margin: bool = False
    replaces_triggered: bool = False
    collateral: tuple[Collateral, ...] = ()
    position_limit: Decimal | None = None
    half_initial: bool = False
    liquidation_ratio: Decimal = Decimal(1)
    liquidation_fee: Decimal = Decimal(0)

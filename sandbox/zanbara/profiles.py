"""What the venue knows of an account besides its money: its level, its discount, whether it is suspended.

Sources: docs.zanbarax.com/zanb-dai-bi/referral-system and …/di-yi-ceng-yong-hu-ceng-feng-kong
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sandbox.config import AccountConfig
from sandbox.matching import FeeSchedule


@dataclass(frozen=True, slots=True)
class UserLevel:
    """What a level of trading experience allows; a position cap is the most a position may be worth (none: any)."""

    max_leverage: int
    position_cap: Decimal | None


USER_LEVELS = {
    "newbie": UserLevel(3, Decimal(5_000)),
    "junior": UserLevel(5, Decimal(20_000)),
    "intermediate": UserLevel(10, Decimal(50_000)),
    "senior": UserLevel(15, Decimal(100_000)),
    "professional": UserLevel(20, None),
}

# From so many ZANB on, so much off both fees.
DISCOUNTS = (
    (Decimal(500_000), Decimal("0.5")),
    (Decimal(100_000), Decimal("0.4")),
    (Decimal(50_000), Decimal("0.3")),
    (Decimal(10_000), Decimal("0.2")),
    (Decimal(1_000), Decimal("0.1")),
)


@dataclass(slots=True)
class Profile:
    """One account's standing. `is_frozen` may be set at any time."""

    level_name: str
    fees: FeeSchedule
    is_frozen: bool = False

    @property
    def level(self) -> UserLevel:
        return USER_LEVELS[self.level_name]


def profiles(accounts: Sequence[AccountConfig]) -> dict[str, Profile]:
    """Every account's profile by its name; raises `ValueError` for a level there is not."""
    unknown = {account.user_level for account in accounts} - USER_LEVELS.keys()
    if unknown:
        raise ValueError(f"no user level {', '.join(sorted(unknown))}")
    return {
        account.name: Profile(account.user_level, fees_for(account.zanb_held), account.is_frozen)
        for account in accounts
    }


def fees_for(zanb_held: Decimal) -> FeeSchedule:
    """The fees of who holds so many ZANB."""
    full = FeeSchedule()
    share = 1 - next((discount for held, discount in DISCOUNTS if zanb_held >= held), Decimal(0))
    return FeeSchedule(perp_maker=full.perp_maker * share, perp_taker=full.perp_taker * share)

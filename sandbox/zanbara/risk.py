"""How close an account is to liquidation, in five levels; each change of level is told once.

Source: docs.zanbarax.com/di-yi-ceng-yong-hu-ceng-feng-kong/risk-warnings
"""

from decimal import Decimal
from typing import Any

from sandbox.matching import Account
from sandbox.matching.events import Liquidated
from sandbox.zanbara.accounts import AccountFigures
from sandbox.zanbara.wire import rate

LIQUIDATION = "liquidation"
LEVELS = ((Decimal("1.10"), LIQUIDATION), (Decimal("1.50"), "danger"), (Decimal("2.00"), "warning"))
NOTICE_UP_TO = Decimal("3.00")


def risk_level(ratio: Decimal | None) -> str:
    """The level of a margin ratio; without positions there is no risk."""
    if ratio is None:
        return "safe"
    for below, level in LEVELS:
        if ratio < below:
            return level
    return "notice" if ratio <= NOTICE_UP_TO else "safe"


class RiskWatch:
    """Remembers each watched account's level."""

    def __init__(self, figures: AccountFigures) -> None:
        self._figures = figures
        self._levels: dict[str, str] = {}

    def current(self, account: Account) -> dict[str, Any]:
        """The account's risk as of now, which from now on is what a change is measured by."""
        data = risk_object(min(self._figures.ratios(account), default=None))
        self._levels[account.name] = data["level"]
        return data

    def change(self, account: Account) -> dict[str, Any] | None:
        """The account's risk if its level is another one than before."""
        before = self._levels.get(account.name)
        data = self.current(account)
        return data if data["level"] != before else None

    def liquidated(self, event: Liquidated) -> dict[str, Any] | None:
        """What an account came to just before it was liquidated; its next look will find another level again."""
        before, self._levels[event.account.name] = self._levels.get(event.account.name), LIQUIDATION
        return risk_object(event.equity / event.maintenance) if before != LIQUIDATION else None


def risk_object(ratio: Decimal | None) -> dict[str, Any]:
    return {"level": risk_level(ratio), "margin_ratio": None if ratio is None else rate(ratio)}

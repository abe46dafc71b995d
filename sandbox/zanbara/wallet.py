"""Money that comes and goes: deposits as they arrive, withdrawals on their way out, and where deposits are sent to.

A withdrawal leaves the balance at once and reaches the chain by and by.
"""

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from sandbox.matching import Engine
from sandbox.matching.events import Transfer
from sandbox.zanbara.addresses import base58
from sandbox.zanbara.markets import CASH

ZERO = Decimal(0)
NETWORK = "solana"
FEE = Decimal(1)
DAY_US = 86_400_000_000
# How long after its request a withdrawal is what.
STAGES_US = ((60_000_000, "completed"), (10_000_000, "processing"), (0, "pending"))


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money that has arrived."""

    number: int
    account: str
    amount: Decimal
    time_us: int

    @property
    def id(self) -> str:
        return f"dep_{self.number:016}"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Money that was asked out. `amount` includes the fee."""

    number: int
    account: str
    amount: Decimal
    address: str
    time_us: int

    @property
    def id(self) -> str:
        return f"wdr_{self.number:016}"

    def stage(self, now_us: int) -> tuple[str, int]:
        """Its status and since when."""
        age_us = now_us - self.time_us
        reached_us, status = next((stage for stage in STAGES_US if stage[0] <= age_us), STAGES_US[-1])
        return status, self.time_us + reached_us


class Wallet:
    """Every account's deposits and withdrawals, oldest first."""

    def __init__(self, engine: Engine, now_us: int) -> None:
        self._deposits: dict[str, list[Deposit]] = {}
        self._withdrawals: dict[str, list[Withdrawal]] = {}
        self._announced: Withdrawal | None = None
        self._next_number = 1
        for account in engine.accounts.values():
            amount = account.balances[CASH].available if account.watched else ZERO
            if amount:
                self._deposit(account.name, amount, now_us)

    def deposits(self, account: str) -> list[Deposit]:
        return self._deposits.get(account, [])

    def withdrawals(self, account: str) -> list[Withdrawal]:
        return self._withdrawals.get(account, [])

    def withdrawn_today(self, account: str, now_us: int) -> Decimal:
        """What was asked out since midnight UTC."""
        midnight_us = now_us - now_us % DAY_US
        return sum((item.amount for item in self.withdrawals(account) if item.time_us >= midnight_us), ZERO)

    def announce(self, account: str, amount: Decimal, address: str, now_us: int) -> Withdrawal:
        """Enter a withdrawal; the transfer that takes the money out must follow at once."""
        withdrawal = Withdrawal(self._number(), account, amount, address, now_us)
        self._withdrawals.setdefault(account, []).append(withdrawal)
        self._announced = withdrawal
        return withdrawal

    def recorded(self, transfer: Transfer) -> str | None:
        """Enter what came in; the id of the deposit or withdrawal that moved the money, if it was either."""
        if transfer.amount > 0:
            return self._deposit(transfer.account.name, transfer.amount, transfer.time_us).id
        announced, self._announced = self._announced, None
        return announced.id if announced is not None else None

    def _deposit(self, account: str, amount: Decimal, time_us: int) -> Deposit:
        deposit = Deposit(self._number(), account, amount, time_us)
        self._deposits.setdefault(account, []).append(deposit)
        return deposit

    def _number(self) -> int:
        number = self._next_number
        self._next_number += 1
        return number


def transaction_of(identifier: str) -> str:
    """The chain's name for a movement: 64 bytes in base58, following from its id."""
    return base58(hashlib.sha512(f"sandbox transaction {identifier}".encode()).digest())

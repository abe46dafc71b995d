"""Private calls about money that comes and goes: the deposit address, deposits, withdrawals and asking for one.

A withdrawal needs a signature and its own permission, which are the gate's, and a second factor, which is checked here.
"""

from decimal import Decimal
from typing import Any, TypeVar

from sandbox.matching import Account
from sandbox.simulation import Simulation
from sandbox.zanbara.accounts import AccountFigures
from sandbox.zanbara.addresses import address_of, is_address
from sandbox.zanbara.bodies import Fields
from sandbox.zanbara.calls import Call, Created
from sandbox.zanbara.errors import Problem
from sandbox.zanbara.markets import CASH
from sandbox.zanbara.new_order import check_grid
from sandbox.zanbara.trading import insufficient
from sandbox.zanbara.wallet import FEE, NETWORK, Deposit, Wallet, Withdrawal, transaction_of
from sandbox.zanbara.wire import EIGHT, fixed

ZERO = Decimal(0)
LEAST = Decimal(10)
DAILY_CAP = Decimal(100_000)
SECOND_FACTOR = "000000"

Row = TypeVar("Row", Deposit, Withdrawal)


class Transfers:
    """Moves money out; in, it comes by itself."""

    def __init__(self, simulation: Simulation, figures: AccountFigures, wallet: Wallet) -> None:
        self._simulation = simulation
        self._figures = figures
        self._wallet = wallet

    def deposit_address(self, call: Call) -> Any:
        return {"asset": CASH, "network": NETWORK, "address": address_of(call.account.name)}

    def deposits(self, call: Call) -> Any:
        page, rows = call.query.page(), _in_range(call, self._wallet.deposits(call.account.name))
        return page.of_list(rows, _written_deposit)

    def withdrawals(self, call: Call) -> Any:
        page, rows = call.query.page(), _in_range(call, self._wallet.withdrawals(call.account.name))
        return page.of_list(rows, lambda row: _written_withdrawal(row, call.now_us))

    def withdraw(self, call: Call) -> Any:
        """Not safe to repeat: each call is a withdrawal of its own."""
        fields, account = call.body(), call.account
        amount, address = _read(fields)
        self._check(account, amount, address, call.now_us)
        withdrawal = self._wallet.announce(account.name, amount, address, call.now_us)
        self._simulation.transfer(account, CASH, -amount, call.now_us)
        return Created(_written_withdrawal(withdrawal, call.now_us))

    def _check(self, account: Account, amount: Decimal, address: str, now_us: int) -> None:
        if not is_address(address):
            raise Problem("INVALID_ADDRESS", "Not a Solana address", field="address")
        left = DAILY_CAP - self._wallet.withdrawn_today(account.name, now_us)
        if not LEAST <= amount <= left:
            raise Problem(
                "WITHDRAWAL_LIMIT_EXCEEDED",
                f"At least {fixed(LEAST)} and at most {fixed(left)} USDC",
                field="amount",
                details={"minimum": fixed(LEAST), "remaining": fixed(left)},
            )
        available = self._figures.available(account)
        if amount > available:
            raise insufficient(available=available, required=amount, field="amount")
        left_ratio = self._figures.cross_ratio(account, lost=amount)
        self._figures.check_safe([] if left_ratio is None else [left_ratio], field="amount")


def _read(fields: Fields) -> tuple[Decimal, str]:
    """Amount and address of a withdrawal whose second factor is right."""
    fields.require("asset", "amount", "network", "address")
    fields.choice("asset", (CASH,))
    amount = fields.decimal("amount") or ZERO
    fields.choice("network", (NETWORK,))
    address = fields.text("address") or ""
    code = fields.text("verification_code")
    fields.text("memo")
    check_grid("amount", amount, EIGHT)
    if code != SECOND_FACTOR:
        raise Problem("VERIFICATION_REQUIRED", "The second factor is missing or wrong", field="verification_code")
    return amount, address


def _in_range(call: Call, rows: list[Row]) -> list[Row]:
    """The newest first."""
    start_ms, end_ms = call.query.times_ms()
    return [row for row in reversed(rows) if start_ms <= row.time_us // 1000 <= end_ms]


def _written_deposit(deposit: Deposit) -> dict[str, Any]:
    return {
        "deposit_id": deposit.id,
        "asset": CASH,
        "amount": fixed(deposit.amount),
        "network": NETWORK,
        "tx_hash": transaction_of(deposit.id),
        "status": "completed",
        "created_at": deposit.time_us // 1000,
        "updated_at": deposit.time_us // 1000,
    }


def _written_withdrawal(withdrawal: Withdrawal, now_us: int) -> dict[str, Any]:
    status, since_us = withdrawal.stage(now_us)
    return {
        "withdrawal_id": withdrawal.id,
        "asset": CASH,
        "amount": fixed(withdrawal.amount),
        "fee": fixed(FEE),
        "network": NETWORK,
        "address": withdrawal.address,
        "status": status,
        "tx_hash": transaction_of(withdrawal.id) if status == "completed" else None,
        "created_at": withdrawal.time_us // 1000,
        "updated_at": since_us // 1000,
    }

"""What an account has chosen, and what it is charged: `/api/v1/account`."""

from dataclasses import dataclass
from typing import Any

from sandbox.backpack.errors import bad_payload
from sandbox.backpack.fields import Fields, read_object
from sandbox.backpack.markets import POSITION_LIMIT
from sandbox.backpack.wire import plain
from sandbox.matching import Account

UPDATE = "UpdateAccountSettingsRequest"


@dataclass(slots=True)
class _Choices:
    """Kept and shown; lending and borrowing, which they are about, is not simulated."""

    auto_borrow_settlements: bool = False
    auto_lend: bool = False
    auto_repay_borrows: bool = True


class AccountSettings:
    """Reads and changes settings; the leverage limit is the engine's, and counts at once."""

    def __init__(self) -> None:
        self._choices: dict[str, _Choices] = {}

    def show(self, account: Account) -> Any:
        fees, choices = account.fees, self._of(account)
        waiting = sum(order.is_waiting for order in account.open_orders.values())
        return {
            "autoBorrowSettlements": choices.auto_borrow_settlements,
            "autoLend": choices.auto_lend,
            "autoRealizePnl": True,
            "autoRepayBorrows": choices.auto_repay_borrows,
            "borrowLimit": "1000000",
            "futuresMakerFee": plain(fees.perp_maker),
            "futuresTakerFee": plain(fees.perp_taker),
            "leverageLimit": plain(account.leverage_limit),
            "limitOrders": len(account.open_orders) - waiting,
            "liquidating": False,
            "positionLimit": plain(POSITION_LIMIT),
            "spotMakerFee": plain(fees.spot_maker),
            "spotTakerFee": plain(fees.spot_taker),
            "triggerOrders": waiting,
        }

    def update(self, account: Account, body: Any) -> None:
        """Change what the body names; nothing if any of it cannot be read."""
        fields = Fields(read_object(body, UPDATE), UPDATE)
        choices = self._of(account)
        borrow = fields.optional_boolean("autoBorrowSettlements")
        lend = fields.optional_boolean("autoLend")
        repay = fields.optional_boolean("autoRepayBorrows")
        leverage = fields.decimal("leverageLimit")
        if leverage is not None and leverage <= 0:
            raise bad_payload("string_decimal", "Invalid decimal", UPDATE)
        account.leverage_limit = leverage or account.leverage_limit
        choices.auto_borrow_settlements = choices.auto_borrow_settlements if borrow is None else borrow
        choices.auto_lend = choices.auto_lend if lend is None else lend
        choices.auto_repay_borrows = choices.auto_repay_borrows if repay is None else repay

    def _of(self, account: Account) -> _Choices:
        return self._choices.setdefault(account.name, _Choices())

"""Money that leaves: only to addresses of the account's address book, which need no second factor.

The venue has switched the token off that would open other addresses: a wrong one is refused, a right one does not help.
A withdrawal takes its quantity at once, fee included, and is confirmed a little later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.backpack.account_limits import AccountLimits, known_asset
from sandbox.backpack.addresses import BLOCKCHAINS, transaction_hash
from sandbox.backpack.errors import Problem, bad_payload, forbidden, refused
from sandbox.backpack.fields import Fields, read_object, wrong_type
from sandbox.backpack.markets import ASSETS, Token
from sandbox.backpack.pages import Page, page
from sandbox.backpack.parameters import BAD_ENUM, Parameters
from sandbox.backpack.two_factor import TwoFactor
from sandbox.backpack.wire import naive_iso, plain
from sandbox.config import AccountConfig
from sandbox.matching import Account, Reason
from sandbox.matching.admission import decimals
from sandbox.records import Lateness, Shelf
from sandbox.simulation import Simulation

PAYLOAD = "AccountWithdrawalPayload"
CONFIRMED_AFTER_US = 5_000_000
MAX_CLIENT_ID = 255
TOKENS = {(asset.symbol, token.blockchain): token for asset in ASSETS for token in asset.tokens}


@dataclass(frozen=True, slots=True)
class Withdrawal:
    id: int
    symbol: str
    blockchain: str
    address: str
    quantity: Decimal
    fee: Decimal
    client_id: str | None
    time_us: int


class Withdrawals:
    """Takes money out of accounts, and lists what was taken."""

    def __init__(
        self, simulation: Simulation, limits: AccountLimits, accounts: tuple[AccountConfig, ...], lateness: Lateness
    ) -> None:
        self._simulation = simulation
        self._limits = limits
        self._address_books = {account.name: frozenset(account.address_book) for account in accounts}
        self._shelf: Shelf[Withdrawal] = Shelf(lateness)
        self._next_id = 880
        self.two_factor = TwoFactor()

    def request(self, account: Account, body: Any, now_us: int) -> Any:
        """Withdraw; raises `Problem`."""
        members = read_object(body, PAYLOAD)
        fields = Fields(members, PAYLOAD)
        address, symbol = fields.text("address"), fields.text("symbol", "CustodyAsset")
        blockchain = fields.text("blockchain", "Blockchain")
        if blockchain not in BLOCKCHAINS:
            raise bad_payload("Blockchain", BAD_ENUM, PAYLOAD)
        quantity = fields.required_decimal("quantity")
        second_factor = fields.optional_text("twoFactorToken")
        fields.boolean("autoBorrow")
        fields.boolean("autoLendRedeem")
        fields.optional_object("recipientInformation", "WithdrawalRecipientInformation")
        client_id = _client_id(members)
        token = TOKENS.get((known_asset(symbol), blockchain))
        if token is None:
            raise Problem(400, "INVALID_ASSET", "Invalid asset for this blockchain")
        self._check_right(account, address, second_factor)
        self._check_quantity(account, symbol, quantity, token)
        withdrawal = Withdrawal(self._next_id, symbol, blockchain, address, quantity, token.fee, client_id, now_us)
        self._next_id += 1
        self._simulation.transfer(account, symbol, -quantity, now_us)
        self._shelf.add(account.name, withdrawal, now_us)
        return withdrawal_row(withdrawal, now_us)

    def history(self, account: Account, query: Parameters, now_us: int) -> Page:
        from_ms, to_ms = query.period()
        identifier, client_id = query.integer("id", high=2**31 - 1), query.text("clientId")
        rows = (
            item
            for item in self._shelf.newest_first(account.name, now_us)
            if from_ms <= item.time_us // 1000 <= to_ms
            and identifier in (None, item.id)
            and client_id in (None, item.client_id)
        )
        return page(query, rows, lambda item: withdrawal_row(item, now_us))

    def _check_right(self, account: Account, address: str, second_factor: str | None) -> None:
        if second_factor is not None:
            self.two_factor.use(account, second_factor)
        if address not in self._address_books.get(account.name, ()):
            raise forbidden("Withdrawal address must be in the address book and not require two factor authentication")

    def _check_quantity(self, account: Account, symbol: str, quantity: Decimal, token: Token) -> None:
        if decimals(quantity) > token.decimals:
            raise refused(Reason.QUANTITY_TOO_PRECISE)
        if quantity < token.minimum_withdrawal:
            raise refused(Reason.QUANTITY_OUT_OF_RANGE)
        if quantity > self._limits.withdrawable(account, symbol):
            raise refused(Reason.INSUFFICIENT_FUNDS)


def withdrawal_row(item: Withdrawal, now_us: int) -> dict[str, Any]:
    is_confirmed = now_us >= item.time_us + CONFIRMED_AFTER_US
    return {
        "accountIdentifier": None,
        "bankIdentifier": None,
        "bankName": None,
        "blockchain": item.blockchain,
        "clientId": item.client_id,
        "createdAt": naive_iso(item.time_us),
        "fee": plain(item.fee),
        "fiatFee": None,
        "fiatState": None,
        "fiatSymbol": None,
        "id": item.id,
        "identifier": None,
        "isInternal": False,
        "providerId": None,
        "quantity": plain(item.quantity),
        "status": "confirmed" if is_confirmed else "pending",
        "subaccountId": None,
        "symbol": item.symbol,
        "toAddress": item.address,
        "transactionHash": transaction_hash(f"withdrawal {item.id}", item.blockchain) if is_confirmed else None,
        "triggerAt": None,
    }


def _client_id(members: Mapping[str, Any]) -> str | None:
    """Text; some clients write a number."""
    value = members.get("clientId")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise wrong_type("string", value, PAYLOAD)
    text = str(value)
    if len(text) > MAX_CLIENT_ID:
        raise bad_payload("string", f"clientId must not be longer than {MAX_CLIENT_ID}", PAYLOAD)
    return text

"""The accounts we hold credentials for, opened at their venues."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from adapters.contract import PLACE, AccountData, CallKind, Capital, History, Positions, Trading, Venue, VenueAccount
from adapters.models import AccountName
from gateway import about, tracing
from gateway.auth.grants import Client
from gateway.errors import Code, Refusal
from gateway.limiter import Limiter, Passage, Throttle
from gateway.settings import AddressConfig, OrphanPolicy
from gateway.store.tokens import AccountTokens

EGRESS = "default"
"""The one address this process's requests leave from, as the limiter names it."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account, with the budget its calls are made from."""

    name: AccountName
    venue: Venue
    at_venue: VenueAccount
    limiter: Limiter
    tokens: AccountTokens
    orphans: OrphanPolicy = OrphanPolicy.REPORT
    destinations: Mapping[str, AddressConfig] = field(default_factory=dict)
    """Where its money may be withdrawn to, by the name that requests use; none: withdrawals are off."""

    @property
    def trading(self) -> Trading:
        """Raises `Refusal` if the venue has no trading."""
        if self.at_venue.trading is None:
            raise self._lacks("orders")
        return self.at_venue.trading

    @property
    def data(self) -> AccountData:
        """Raises `Refusal` if the venue does not tell what an account holds."""
        if self.at_venue.data is None:
            raise self._lacks("account data")
        return self.at_venue.data

    @property
    def positions(self) -> Positions:
        """Raises `Refusal` if nothing can be set about its positions."""
        if self.at_venue.positions is None:
            raise self._lacks("settings of positions")
        return self.at_venue.positions

    @property
    def capital(self) -> Capital:
        """Raises `Refusal` if the venue does not tell of deposits and withdrawals."""
        if self.at_venue.capital is None:
            raise self._lacks("deposits and withdrawals")
        return self.at_venue.capital

    @property
    def history(self) -> History:
        """Raises `Refusal` if the venue does not tell what it booked."""
        if self.at_venue.history is None:
            raise self._lacks("ledger")
        return self.at_venue.history

    def throttle(self, client: str, max_wait_s: float | None = None, kind: CallKind | None = None) -> Throttle:
        """The account's budget as one client sees it; `kind` overrides the calls' own priority."""
        return self.limiter.throttle(client=client, account=self.name, egress=EGRESS, max_wait_s=max_wait_s, kind=kind)

    def passage(self, client: str) -> Passage | None:
        """Leave for one order without waiting, to be asked for at once.

        None if others wait, if the budget is known to be spent, or if it takes a login first.
        """
        call = next((call for call in self.venue.limits.calls if call.name == PLACE), None)
        needs_log_in = self.at_venue.log_in is not None and not self.tokens.is_at_hand
        if call is None or needs_log_in:
            return None
        return self.limiter.passage(call, client=client, account=self.name, egress=EGRESS)

    def _lacks(self, what: str) -> Refusal:
        return Refusal(Code.NOT_SUPPORTED, f"{self.venue.name} has no {what}", venue=self.venue.name)


class Accounts:
    """All accounts, by name; a client finds only those it was granted."""

    def __init__(self, accounts: Iterable[Account]):
        self._by_name: Mapping[AccountName, Account] = {}
        self.take_up(accounts)

    def take_up(self, accounts: Iterable[Account]) -> None:
        """Replace all accounts; calls under way finish with the credentials they began with."""
        self._by_name = {account.name: account for account in accounts}

    def all(self) -> Iterable[Account]:
        return self._by_name.values()

    def find(self, name: AccountName) -> Account | None:
        return self._by_name.get(name)

    def granted(self, client: Client) -> list[Account]:
        return [account for account in self._by_name.values() if account.name in client.accounts]

    def get(self, name: str, client: Client) -> Account:
        """The account, if the client was granted it.

        Raises `Refusal`: a foreign account and one that does not exist answer alike.
        """
        account = self._by_name.get(AccountName(name))
        if account is None or account.name not in client.accounts:
            raise Refusal(
                Code.ACCOUNT_NOT_FOUND,
                f"there is no account {name[:64]!r} for this client; GET /v1/accounts lists yours",
                field="account",
            )
        about.note(account=account.name)
        tracing.note(account=account.name, venue=account.venue.name)
        return account

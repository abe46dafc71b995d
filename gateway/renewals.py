"""Renewing the venues' tokens ahead of their expiry, so that no order has to wait for a login."""

import asyncio

import structlog

from adapters.contract import CallKind, Token
from adapters.errors import VenueError
from adapters.models import AccountName
from gateway.accounts import Account, Accounts
from gateway.errors import Refusal, StoreUnavailable

_log = structlog.get_logger()

_LOOK_EVERY_S = 1.0
_CLIENT = "crossgate"


class Renewals:
    """Keeps a good token for every account that has any; whichever replica comes first logs in for all."""

    def __init__(self, accounts: Accounts):
        self._accounts = accounts

    async def run(self) -> None:
        """Renew again and again; ends only by cancellation. One account in trouble holds up no other."""
        kept: dict[AccountName, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                for account in self._accounts.all():
                    if account.at_venue.log_in is not None and (account.name not in kept or kept[account.name].done()):
                        kept[account.name] = tasks.create_task(self._keep(account.name))
                await asyncio.sleep(_LOOK_EVERY_S)

    async def _keep(self, name: AccountName) -> None:
        while (account := self._accounts.find(name)) is not None:
            if account.tokens.renew_in_s() == 0:
                await self._renew(account)
            await asyncio.sleep(min(_LOOK_EVERY_S, max(0.05, account.tokens.renew_in_s())))

    async def _renew(self, account: Account) -> None:
        async def fetch() -> Token:
            if account.at_venue.log_in is None:
                raise AssertionError("only accounts with tokens are kept")
            # As urgent as a cancel: without a token nothing else can be sent either.
            return await account.at_venue.log_in(account.throttle(_CLIENT, kind=CallKind.CANCEL))

        try:
            await account.tokens.renew(fetch)
        except (VenueError, Refusal, StoreUnavailable) as error:
            _log.warning("token_not_renewed", account=account.name, error=str(error))
            await asyncio.sleep(_LOOK_EVERY_S)

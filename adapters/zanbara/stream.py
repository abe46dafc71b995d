"""Zanbara's private stream: its session, the loop that keeps it up, and the tokens it needs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.common.reconnect import KeptStream
from adapters.common.session import OutOfStep
from adapters.contract import Throttle, TokenCache
from adapters.models import AccountName, StreamEvent
from adapters.zanbara.rest import Rest
from adapters.zanbara.session import AccountSession

ASK_EVERY_S = 1.0
"""How late a heartbeat, or a renewed token, may be."""


class ZanbaraAccountStreams:
    """Fulfils `contract.AccountStreams`."""

    def __init__(self, account: AccountName, rest: Rest, tokens: TokenCache, url: str) -> None:
        self._account = account
        self._rest = rest
        self._tokens = tokens
        self._url = url

    @asynccontextmanager
    async def connect(self, throttle: Throttle) -> AsyncIterator[AsyncIterator[StreamEvent]]:
        session = AccountSession(self._rest.venue, self._account)

        async def authorize() -> None:
            """The token cache renews ahead of expiry, so asking it again and again is enough."""
            try:
                if session.refused_token is not None:
                    await self._tokens.refused(session.refused_token)
                    session.refused_token = None
                session.token = await self._rest.token(throttle)
            except Exception as exc:  # whoever pays for logins may refuse in words of its own
                raise OutOfStep(f"no token: {type(exc).__name__}") from exc

        kept = KeptStream(
            self._url,
            session,
            self._rest.clock,
            name=f"{self._rest.venue}/{self._account}",
            ask_every_s=ASK_EVERY_S,
            prepare=authorize,
        )
        async with kept.running():
            yield kept.events()

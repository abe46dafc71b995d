"""A token cache for one caller: the adapters' own tests need no fleet."""

from adapters.contract import FetchToken, Token


class MemoryTokens:
    """Keeps the token it fetched until it is refused; counts how often it had to fetch."""

    def __init__(self) -> None:
        self.fetched = 0
        self._token: Token | None = None

    async def get(self, fetch: FetchToken) -> str:
        if self._token is None:
            self._token = await fetch()
            self.fetched += 1
        return self._token.value

    async def refused(self, token: str) -> None:
        if self._token is not None and self._token.value == token:
            self._token = None

"""Private channels: an account's journal as one client may see it.

The journal is their source, so that a client that was away learns exactly what happened: `after` brings everything
since, in order, then `replay_complete`, then what is new.
"""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from starlette.websockets import WebSocket

from gateway.accounts import Account, Accounts
from gateway.api.event_bodies import data_of, is_visible
from gateway.api.journal_filter import cursor_expired
from gateway.auth import Client
from gateway.errors import Code, Refusal
from gateway.journal import CursorExpired, Entry, Follower, Journals, Kind
from gateway.orders.settling import Settling

KINDS = {"orders": Kind.ORDER, "fills": Kind.FILL, "positions": Kind.POSITION, "balances": Kind.BALANCE}
"""What of the journal each private channel shows."""

Admit = Callable[[str, WebSocket], Client]
"""The client a token speaks for, where it may read; raises `Refusal`."""

Recheck = Callable[[Client, WebSocket], Client | None]
"""A client that was admitted, as it stands now; None if anything was taken away from it since."""


class PrivateChannels:
    """Opens private channels for the clients of one replica."""

    def __init__(self, journals: Journals, accounts: Accounts, settling: Settling):
        self._journals = journals
        self._accounts = accounts
        self._settling = settling

    def account(self, client: Client, name: str) -> Account:
        """The account, if it was granted. Raises `Refusal`."""
        return self._accounts.get(name, client)

    async def follow(
        self,
        client: Client,
        account: Account,
        channel: str,
        after: str | None,
        *,
        send: Callable[[bytes], None],
        room: Callable[[], Awaitable[None]],
    ) -> tuple[Follower, bytes]:
        """Send everything after the cursor, as there is room for it, and go on sending what is new.

        Answers with the message that says that the replay is complete. Raises `Refusal` and `StoreUnavailable`.
        """

        def offer(entry: Entry) -> None:
            body = self._message(client, account, channel, entry)
            if body is not None:
                send(body)

        try:
            follower, cursor = await self._journals.follow(account.venue.name, account.name, after, offer, room=room)
        except CursorExpired:
            raise cursor_expired("after") from None
        except ValueError as error:
            raise Refusal(Code.INVALID_PARAMETER, str(error), field="after") from None
        members = {"type": "replay_complete", **_head(account, channel), "cursor": cursor}
        return follower, msgspec.json.encode(members)

    def leave(self, followers: Sequence[Follower]) -> None:
        for follower in followers:
            self._journals.leave(follower)

    def _message(self, client: Client, account: Account, channel: str, entry: Entry) -> bytes | None:
        """The entry as the client sees it; None if it is not the channel's, or not for this client."""
        if entry.kind != KINDS[channel]:
            return None
        # The grants as they stood when it subscribed: whoever loses any is closed.
        if not is_visible(client, account, entry):
            return None
        data = data_of(entry, account, self._settling)
        if data is None:
            return None
        members = {"type": "update", **_head(account, channel), "cursor": entry.cursor, "integrity": "ok", "data": data}
        return msgspec.json.encode(members)


def _head(account: Account, channel: str) -> dict[str, str]:
    return {"channel": channel, "venue": account.venue.name, "account": account.name}

"""How far a journal reaches: where it ends now, and whether everything after a cursor is still there."""

from gateway.journal.entry import BEGINNING, Position, position
from gateway.store.client import Store


class CursorExpired(Exception):
    """Entries after the cursor have been cut off, or were lost: what was missed cannot be told."""


async def newest_cursor(store: Store, key: str) -> str:
    """Where the journal ends now. Raises `StoreUnavailable`."""
    newest = await store.command("XREVRANGE", key, "+", "-", "COUNT", 1)
    return newest[0][0].decode() if newest else BEGINNING


async def check_reach(store: Store, key: str, at: Position) -> None:
    """Raises `CursorExpired` unless every entry after `at` is there, and `StoreUnavailable`.

    A cursor is an entry's: if that is gone it was cut off, or of a store that was lost and may be an older copy by now.
    """
    if at > position(BEGINNING):
        cursor = f"{at[0]}-{at[1]}"
        if not await store.command("XRANGE", key, cursor, cursor):
            raise CursorExpired
    elif await store.command("EXISTS", key):
        info = await store.command("XINFO", "STREAM", key)
        if info[b"entries-added"] != info[b"length"]:
            raise CursorExpired

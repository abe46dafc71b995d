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
    """Raises `CursorExpired` unless every entry after `at` is there, and `StoreUnavailable`."""
    oldest = await store.command("XRANGE", key, "-", "+", "COUNT", 1)
    if not oldest:
        if at > position(BEGINNING):  # there was an entry once, and the store has lost it
            raise CursorExpired
        return
    info = await store.command("XINFO", "STREAM", key)
    if at > position(info[b"last-generated-id"].decode()):
        raise CursorExpired
    is_whole = info[b"entries-added"] == info[b"length"]
    if at < position(oldest[0][0].decode()) and not (is_whole and at == position(BEGINNING)):
        raise CursorExpired

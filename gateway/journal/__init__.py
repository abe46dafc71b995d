"""The journal of an account: what happened on it, in order. Written by whoever makes it happen, read by all."""

from gateway.journal.entry import Entry, Kind
from gateway.journal.reader import CursorExpired, Follower, Journals

__all__ = ["CursorExpired", "Entry", "Follower", "Journals", "Kind"]

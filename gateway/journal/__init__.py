"""The journal of an account: what happened on it, in order. Written by whoever makes it happen, read by all."""

from gateway.journal.archiver import Archiver, ArchiveTerms
from gateway.journal.entry import BEGINNING, EVERYBODY, MAX_LENGTH, UNCUT, Entry, Kind
from gateway.journal.holding import Holding, decode_holding
from gateway.journal.pages import Page, read_page
from gateway.journal.reach import CursorExpired, newest_cursor
from gateway.journal.reader import Follower, Journals

__all__ = [
    "BEGINNING",
    "EVERYBODY",
    "MAX_LENGTH",
    "UNCUT",
    "ArchiveTerms",
    "Archiver",
    "CursorExpired",
    "Entry",
    "Follower",
    "Holding",
    "Journals",
    "Kind",
    "Page",
    "decode_holding",
    "newest_cursor",
    "read_page",
]

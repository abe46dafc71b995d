"""Writing one account's archive, so that no crash and no second archiver can spoil it. Blocking: for a thread.

- A file is sealed by its last line, then renamed from `.open` to `.jsonl`; what was written is on disk before anybody
  is told so.
- Whoever takes over copies the open file, without a line that was half written, into one of its own epoch, and takes
  the old name away. An archiver that was paused meanwhile then writes into a file that has no name any more, and its
  rename fails. Of a rename and a removal of the same name only one succeeds: that one goes on.
- Files of a higher epoch are never touched.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.journal.archive_files import ArchiveFile, file_name, files_in, in_use, previous_of
from gateway.journal.chain import GENESIS, BrokenLine, linked, read_line
from gateway.journal.entry import BEGINNING, position


class Superseded(Exception):
    """Another archiver has taken over: nothing more may be written."""


class ArchiveDamaged(Exception):
    """What was archived before cannot be read any more: a person has to look at it."""


@dataclass(slots=True)
class Tail:
    """Where an account's archive ends."""

    file: int = 0
    """Number of the file that is open, or of the last one that was sealed."""
    tip: str = GENESIS
    previous: str = GENESIS
    """The tip before the open file."""
    cursor: str | None = None
    """The last entry's; None before the first."""
    number: int = 0
    """The last entry's, as the journal counts them."""
    first: str | None = None
    count: int = 0
    """Entries in the open file."""
    opened_ms: int = 0
    bytes_written: int = 0

    def take(self, record: dict[str, Any], tip: str) -> None:
        """Go past one line."""
        self.tip = tip
        match record["record"]:
            case "entry":
                self.cursor, self.number = record["cursor"], record["number"]
                self.first = self.first or self.cursor
                self.count += 1
            case "file":
                self.file, self.previous, self.opened_ms = record["file"], record["previous"], record["opened"]
                self.first, self.count, self.bytes_written = None, 0, 0


class ArchiveWriter:
    """One account's archive, as the archiver of one epoch writes it."""

    def __init__(self, folder: Path, *, venue: str, account: str, epoch: int):
        self._folder = folder
        self._venue = venue
        self._account = account
        self._epoch = epoch
        self._descriptor: int | None = None
        self._path: Path | None = None
        self.tail = Tail()

    def take_over(self, recorded: str | None) -> None:
        """Go on where the files end; `recorded` is how far they are known to have come, if that is known.

        Raises `Superseded`, `ArchiveDamaged` and `OSError`.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        while not self._has_taken_over(recorded):
            pass

    def append(self, records: Sequence[dict[str, Any]], *, now_ms: int) -> None:
        """Write records; they are on disk when this returns. Raises `OSError`: then take over again."""
        lines: list[bytes] = []
        tip = self.tail.tip
        if self._descriptor is None:
            self._open(self.tail.file + 1)
            header = {
                "record": "file",
                "format": 1,
                "venue": self._venue,
                "account": self._account,
                "file": self.tail.file + 1,
                "previous": tip,
                "opened": now_ms,
            }
            records = [header, *records]
        for record in records:
            line, tip = linked(record, tip)
            lines.append(line)
            self.tail.take(record, tip)
        self._write(b"".join(lines))

    def rotate(self, *, now_ms: int, rotate_bytes: int, rotate_s: int) -> None:
        """Seal the open file if it is large or old enough. Raises `Superseded` and `OSError`."""
        tail = self.tail
        is_due = tail.bytes_written >= rotate_bytes or now_ms - tail.opened_ms >= rotate_s * 1_000
        if self._descriptor is None or self._path is None or not tail.count or not is_due:
            return
        seal = {
            "record": "seal",
            "count": tail.count,
            "first": tail.first,
            "last": tail.cursor,
            "number": tail.number,
            "previous": tail.previous,
        }
        line, tail.tip = linked(seal, tail.tip)
        self._write(line)
        try:
            self._path.rename(self._folder / file_name(tail.file, self._epoch, is_sealed=True))
        except FileNotFoundError:
            raise Superseded(f"{self._path} was taken over") from None
        self._sync_folder()
        self.close()

    def close(self) -> None:
        """Safe to repeat."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = self._path = None

    def _has_taken_over(self, recorded: str | None) -> bool:
        """False: somebody else changed the files meanwhile, and it is worth another look."""
        files = files_in(self._folder)
        if any(one.epoch > self._epoch for one in files):
            raise Superseded(f"{self._folder} has files of a later epoch")
        used = in_use(files)
        for stale in [one.path for one in files if one not in used] + list(self._folder.glob("*.tmp")):
            stale.unlink(missing_ok=True)
        self.tail = Tail()
        if sealed := [one for one in used if one.is_sealed]:
            self._follow_sealed(sealed[-1])
        if not used or used[-1].is_sealed:
            return True
        was_open = used[-1]
        kept = self._follow_open(was_open, recorded)
        mine = self._folder / file_name(was_open.number, self._epoch, is_sealed=False)
        if kept:
            self._copy_to(mine, kept)
            if was_open.path == mine:
                return True
        try:
            was_open.path.unlink()
        except FileNotFoundError:  # it has just been sealed, or taken over by another
            self.close()
            mine.unlink(missing_ok=True)
            return False
        self._sync_folder()
        return True

    def _follow_sealed(self, file: ArchiveFile) -> None:
        lines = file.path.read_bytes().split(b"\n")
        try:
            tip = previous_of(lines[0])
            for line in lines[:-1]:
                record, tip = read_line(line, tip)
                self.tail.take(record, tip)
        except BrokenLine as error:
            raise ArchiveDamaged(f"{file.path} {error}") from None

    def _follow_open(self, file: ArchiveFile, recorded: str | None) -> list[bytes]:
        """The lines that stay: neither a seal that came to nothing, nor what a crash left behind them."""
        kept: list[bytes] = []
        lines = file.raw_lines()
        try:
            tip = self.tail.tip if self.tail.file or not lines else previous_of(lines[0])
            for line in lines:
                record, tip = read_line(line, tip)
                if record["record"] == "seal":
                    break
                self.tail.take(record, tip)
                kept.append(line)
        except BrokenLine as error:
            if recorded is not None and position(self.tail.cursor or BEGINNING) < position(recorded):
                raise ArchiveDamaged(f"{file.path}:{len(kept) + 1} {error}") from None
        return kept

    def _copy_to(self, mine: Path, lines: Sequence[bytes]) -> None:
        copy = mine.with_suffix(".tmp")
        self._open_path(copy, os.O_TRUNC)
        self._write(b"".join(line + b"\n" for line in lines))
        copy.rename(mine)
        self._path = mine
        self._sync_folder()

    def _open(self, number: int) -> None:
        self._open_path(self._folder / file_name(number, self._epoch, is_sealed=False), os.O_EXCL)

    def _open_path(self, path: Path, flags: int) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | flags, 0o640)
        self._path = path
        self._sync_folder()

    def _write(self, data: bytes) -> None:
        assert self._descriptor is not None  # noqa: S101 - it has just been opened
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]
        os.fsync(self._descriptor)
        self.tail.bytes_written += len(data)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # some mounts cannot
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

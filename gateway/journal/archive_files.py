"""Where an archive's files are, and what is in them; who writes them is `archive_writer`.

An account has a folder. Its files are numbered from 1: `00000007.1764.jsonl` is the seventh, sealed by the archiver of
epoch 1764; the last one may still be open (`.open`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.journal.chain import BrokenLine, read_line

_NAME = re.compile(r"([0-9]{8})\.([0-9]{1,16})\.(jsonl|open)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    path: Path
    number: int
    epoch: int
    is_sealed: bool

    def raw_lines(self) -> list[bytes]:
        """Complete lines, without their ends; of a file that is being written the rest is left out."""
        return self.path.read_bytes().split(b"\n")[:-1]


def file_name(number: int, epoch: int, *, is_sealed: bool) -> str:
    return f"{number:08d}.{epoch}.{'jsonl' if is_sealed else 'open'}"


def files_in(folder: Path) -> list[ArchiveFile]:
    """An account's files, in order; open ones after sealed ones."""
    paths = folder.iterdir() if folder.is_dir() else ()
    found = [
        ArchiveFile(path, int(match[1]), int(match[2]), match[3] == "jsonl")
        for path in paths
        if (match := _NAME.fullmatch(path.name))
    ]
    return sorted(found, key=lambda one: (one.number, not one.is_sealed, one.epoch))


def in_use(files: Sequence[ArchiveFile]) -> list[ArchiveFile]:
    """Without what archivers left behind that were overtaken: open files whose number is sealed, or of lower epochs."""
    sealed = [one for one in files if one.is_sealed]
    last = max((one.number for one in sealed), default=0)
    is_open = [one for one in files if not one.is_sealed and one.number > last]
    return sealed + [one for one in is_open if one.epoch == max(other.epoch for other in is_open)]


def accounts_in(directory: Path) -> list[str]:
    """Accounts that have an archive."""
    return sorted(path.name for path in directory.iterdir() if path.is_dir() and files_in(path))


def entries_in(folder: Path) -> Iterator[dict[str, Any]]:
    """An account's archived entries in order; raises `BrokenLine`, naming file and line, where they cannot be trusted.

    The chain is followed from each file's first line on; that the files themselves are all there `verify` says.
    """
    for file in in_use(files_in(folder)):
        tip: str | None = None
        for number, line in enumerate(file.raw_lines(), 1):
            try:
                if tip is None:
                    tip = previous_of(line)
                record, tip = read_line(line, tip)
            except BrokenLine as error:
                raise BrokenLine(f"{file.path}:{number}: {error}") from None
            if record["record"] == "entry":
                yield record


def previous_of(line: bytes) -> str:
    """What a file's first line says that it follows. Raises `BrokenLine`."""
    match = re.search(rb'"previous":"([0-9a-f]{64})"', line)
    if match is None:
        raise BrokenLine("is no first line of a file")
    return match[1].decode()

"""Checking an archive: every line, every seal, every file there; says what it holds and what is first wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.journal.archive_files import ArchiveFile, accounts_in, files_in, in_use, previous_of
from gateway.journal.chain import GENESIS, BrokenLine, read_line


@dataclass(slots=True)
class Verdict:
    """What one account's archive holds, up to the first thing that is wrong."""

    account: str
    files: int = 0
    entries: int = 0
    gaps: list[str] = field(default_factory=list)
    """Where entries were cut or lost before they were copied: told, not wrong."""
    last_cursor: str | None = None
    tip: str = GENESIS
    """The last line's hash: kept elsewhere, it proves later that nothing was cut off at the end."""
    wrong: str | None = None


def verify(directory: Path, *, first_file: int = 1) -> Iterator[Verdict]:
    """A verdict for each account; older files than `first_file` are taken to have been moved elsewhere."""
    for account in accounts_in(directory):
        verdict = Verdict(account)
        try:
            _verify(directory / account, first_file, verdict)
        except BrokenLine as error:
            verdict.wrong = str(error)
        yield verdict


def _verify(folder: Path, first_file: int, verdict: Verdict) -> None:
    expected = first_file
    for file in in_use(files_in(folder)):
        if file.number < expected:
            if file.number < first_file:
                continue
            raise BrokenLine(f"{file.path}: there are two files {file.number}")
        if file.number > expected:
            raise BrokenLine(f"{folder}: file {expected} is missing")
        _verify_file(file, verdict, follows=file.number > first_file or first_file == 1)
        verdict.files += 1
        expected += 1


def _verify_file(file: ArchiveFile, verdict: Verdict, *, follows: bool) -> None:
    lines = file.raw_lines()
    count, first, is_sealed, number = 0, None, False, 0
    try:
        tip = verdict.tip if follows or not lines else previous_of(lines[0])
        for number, line in enumerate(lines, 1):
            _require(not is_sealed, "follows the file's seal")
            record, tip = read_line(line, tip)
            verdict.tip = tip
            match record["record"]:
                case "file":
                    _require((number, record["file"]) == (1, file.number), "is the first line of another file")
                case "entry":
                    count, first, verdict.last_cursor = count + 1, first or record["cursor"], record["cursor"]
                case "gap":
                    verdict.gaps.append(f"{file.path}:{number}: after {record['after']}")
                case "seal":
                    seal = (record["count"], record["first"], record["last"])
                    _require(seal == (count, first, verdict.last_cursor), "seals other lines than these")
                    is_sealed = True
    except BrokenLine as error:
        raise BrokenLine(f"{file.path}:{number} {error}") from None
    if file.is_sealed and not is_sealed:
        raise BrokenLine(f"{file.path}:{number + 1} the seal is missing")
    if file.is_sealed and not file.path.read_bytes().endswith(b"\n"):
        raise BrokenLine(f"{file.path}:{number + 1} follows the file's seal")
    verdict.entries += count


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001  # it reads as a sentence
    if not holds:
        raise BrokenLine(otherwise)

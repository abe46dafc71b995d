"""An archive's files: nothing twice, nothing missing, over crashes at any byte and archivers that overtake others."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.journal.archive_files import entries_in, files_in
from gateway.journal.archive_writer import ArchiveDamaged, ArchiveWriter, Superseded
from gateway.journal.chain import GENESIS, linked
from gateway.journal.verify import Verdict, verify

NOW_MS = 1_700_000_000_000
ROTATE = {"now_ms": NOW_MS, "rotate_bytes": 1, "rotate_s": 3600}


def cursor(number: int) -> str:
    return f"{NOW_MS}-{number}"


def entries(numbers: Iterable[int]) -> list[dict[str, Any]]:
    return [
        {"record": "entry", "number": n, "cursor": cursor(n), "kind": "order", "owner": "bot", "data": {"n": n}}
        for n in numbers
    ]


def writer(directory: Path, epoch: int = 1, recorded: str | None = None) -> ArchiveWriter:
    made = ArchiveWriter(directory / "main", venue="v", account="main", epoch=epoch)
    made.take_over(recorded)
    return made


def archived(directory: Path) -> list[int]:
    return [entry["number"] for entry in entries_in(directory / "main")]


def verdict(directory: Path) -> Verdict:
    [one] = verify(directory)
    return one


def three_files(directory: Path) -> list[Path]:
    """Two that are sealed, and an open one."""
    one = writer(directory)
    for first in (1, 4, 7):
        one.append(entries(range(first, first + 3)), now_ms=NOW_MS)
        if first < 7:
            one.rotate(**ROTATE)
    one.close()
    return [file.path for file in files_in(directory / "main")]


def test_files_follow_each_other_and_can_be_verified(tmp_path: Path) -> None:
    paths = three_files(tmp_path)
    assert [path.suffix for path in paths] == [".jsonl", ".jsonl", ".open"]
    found = verdict(tmp_path)
    assert (found.wrong, found.files, found.entries, found.last_cursor) == (None, 3, 9, cursor(9))
    assert archived(tmp_path) == list(range(1, 10))


def test_a_file_is_sealed_when_it_is_large_or_old_and_never_empty(tmp_path: Path) -> None:
    one = writer(tmp_path)
    one.rotate(**ROTATE)
    one.append(entries([1]), now_ms=NOW_MS)
    one.rotate(now_ms=NOW_MS + 9_999, rotate_bytes=10_000, rotate_s=10)
    assert not files_in(tmp_path / "main")[0].is_sealed
    one.rotate(now_ms=NOW_MS + 10_000, rotate_bytes=10_000, rotate_s=10)
    assert files_in(tmp_path / "main")[0].is_sealed
    one.close()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 5_000))
def test_what_a_crash_half_wrote_is_cut_and_written_again(tmp_path_factory: Any, cut: int) -> None:
    directory = tmp_path_factory.mktemp("archive")
    [*_, is_open] = three_files(directory)
    whole = is_open.read_bytes()
    is_open.write_bytes(whole[: cut % (len(whole) + 1)])
    again = writer(directory, epoch=2, recorded=cursor(6))
    assert 6 <= again.tail.number <= 9
    again.append(entries(range(again.tail.number + 1, 12)), now_ms=NOW_MS)
    again.rotate(**ROTATE)
    again.close()
    assert archived(directory) == list(range(1, 12))
    assert verdict(directory).wrong is None


def test_a_line_that_was_recorded_and_cannot_be_read_is_for_a_person(tmp_path: Path) -> None:
    [*_, is_open] = three_files(tmp_path)
    is_open.write_bytes(is_open.read_bytes().replace(b'"n":8', b'"n":5'))
    before = is_open.read_bytes()
    with pytest.raises(ArchiveDamaged, match="00000003"):
        writer(tmp_path, epoch=2, recorded=cursor(9))
    assert is_open.read_bytes() == before


def test_a_paused_archiver_that_wakes_up_changes_nothing(tmp_path: Path) -> None:
    paused = writer(tmp_path)
    paused.append(entries([1, 2]), now_ms=NOW_MS)
    other = writer(tmp_path, epoch=2)
    paused.append(entries([3]), now_ms=NOW_MS)  # into a file that has no name any more
    other.append(entries([3, 4]), now_ms=NOW_MS)
    with pytest.raises(Superseded):
        paused.rotate(**ROTATE)
    paused.close()
    with pytest.raises(Superseded):
        writer(tmp_path, epoch=1)
    other.rotate(**ROTATE)
    other.close()
    assert archived(tmp_path) == [1, 2, 3, 4]
    assert verdict(tmp_path).wrong is None


def test_a_file_that_is_sealed_while_another_takes_over_is_left_to_who_sealed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = writer(tmp_path)
    old.append(entries([1, 2]), now_ms=NOW_MS)
    copy_to = ArchiveWriter._copy_to

    def seal_meanwhile(self: ArchiveWriter, mine: Path, lines: Any) -> None:
        copy_to(self, mine, lines)
        old.rotate(**ROTATE)

    monkeypatch.setattr(ArchiveWriter, "_copy_to", seal_meanwhile)
    other = writer(tmp_path, epoch=2)
    other.append(entries([3]), now_ms=NOW_MS)
    other.close()
    assert archived(tmp_path) == [1, 2, 3]
    assert verdict(tmp_path).wrong is None


def test_what_crashed_in_the_middle_of_taking_over_left_nothing_that_counts(tmp_path: Path) -> None:
    old = writer(tmp_path)
    old.append(entries([1, 2]), now_ms=NOW_MS)
    old.close()
    folder = tmp_path / "main"
    [file] = files_in(folder)
    (folder / "00000001.2.open").write_bytes(file.path.read_bytes())  # before the old name was taken away
    (folder / "00000001.3.tmp").write_bytes(b"half")
    last = writer(tmp_path, epoch=4)
    last.append(entries([3]), now_ms=NOW_MS)
    last.close()
    assert archived(tmp_path) == [1, 2, 3]
    assert [path.name for path in sorted(folder.iterdir())] == ["00000001.4.open"]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda paths: replace(paths[1], b'"n":5', b'"n":6'), "00000002.1.jsonl:3 does not follow"),
        (lambda paths: drop_line(paths[1], 2), "00000002.1.jsonl:3 does not follow"),
        (lambda paths: drop_line(paths[0], 4), "00000001.1.jsonl:5 the seal is missing"),
        (lambda paths: paths[1].unlink(), "file 2 is missing"),
        (lambda paths: paths[0].unlink(), "file 1 is missing"),
        (lambda paths: swap(paths[0], paths[1]), "00000001.1.jsonl:1 does not follow"),
        (lambda paths: paths[0].write_bytes(paths[0].read_bytes() + b"{}"), "follows the file's seal"),
        (lambda paths: paths[1].write_bytes(b""), "00000002.1.jsonl:1 the seal is missing"),
    ],
)
def test_verify_names_what_is_first_wrong(tmp_path: Path, spoil: Any, complaint: str) -> None:
    spoil(three_files(tmp_path))
    assert complaint in (verdict(tmp_path).wrong or "")


def test_a_seal_that_counts_other_lines_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "main"
    folder.mkdir()
    header = {"record": "file", "format": 1, "file": 1, "previous": GENESIS, "opened": NOW_MS}
    seal = {"record": "seal", "count": 2, "first": cursor(1), "last": cursor(1), "number": 1, "previous": GENESIS}
    tip, lines = GENESIS, b""
    for record in (header, *entries([1]), seal):
        line, tip = linked(record, tip)
        lines += line
    (folder / "00000001.1.jsonl").write_bytes(lines)
    assert "00000001.1.jsonl:3 seals other lines than these" in (verdict(tmp_path).wrong or "")


def test_older_files_may_have_been_moved_elsewhere(tmp_path: Path) -> None:
    three_files(tmp_path)[0].unlink()
    [found] = verify(tmp_path, first_file=2)
    assert (found.wrong, found.files, found.entries) == (None, 2, 6)


def replace(path: Path, old: bytes, new: bytes) -> None:
    path.write_bytes(path.read_bytes().replace(old, new))


def drop_line(path: Path, index: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:index] + lines[index + 1 :]))


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)

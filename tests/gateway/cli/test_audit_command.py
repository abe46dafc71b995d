"""`crossgate audit` tells from the archive alone what happened, who did it, and whether it can be believed."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.commands import app
from gateway.journal.archive_writer import ArchiveWriter

START_MS = 1_700_000_000_000


def step(number: int, kind: str, owner: str, **data: Any) -> dict[str, Any]:
    cursor = f"{START_MS + number * 60_000}-0"
    return {"record": "entry", "number": number, "cursor": cursor, "kind": kind, "owner": owner, "data": data}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("archive")
    for account in ("main", "second"):
        writer = ArchiveWriter(directory / account, venue="backpack", account=account, epoch=1)
        writer.take_over(None)
        records = [
            step(1, "order", "sa-01", order_id=f"{account}-1", state="unknown", venue_order_id=None),
            step(2, "balance", "*", name="USDC"),
            step(3, "order", "sa-01", order_id=f"{account}-1", state="live", venue_order_id=f"77-{account}"),
            {"record": "gap", "after": None, "expected": 4, "found": 9},
            step(9, "fill", "sa-01", order_id=f"{account}-1", venue_order_id=f"77-{account}"),
            step(10, "order", "sa-02", order_id=f"{account}-2", state="live", venue_order_id="78"),
            step(11, "operation", "treasurer", client_operation_id="pay-1", state="sent", venue_operation_id=None),
            step(12, "operation", "treasurer", client_operation_id="pay-1", state="done", venue_operation_id="w1"),
        ]
        writer.append(records, now_ms=START_MS)
        writer.rotate(now_ms=START_MS, rotate_bytes=1, rotate_s=1)
        writer.close()
    return directory


def audit(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def test_export_prints_entries_by_time_and_kind(archive: Path) -> None:
    every = rows(audit("export", "--account", "main", "--directory", archive))
    assert [row["number"] for row in every] == [1, 2, 3, 9, 10, 11, 12]
    some = rows(
        audit("export", "--account", "main", "--directory", archive, "--kind", "order", "--from", "2023-11-14T22:15:20",
              "--to", START_MS + 9 * 60_000)
    )  # fmt: skip
    assert [row["number"] for row in some] == [3]
    assert some[0]["owner"] == "sa-01"


def test_export_as_csv_has_the_same_rows(archive: Path) -> None:
    result = audit("export", "--account", "main", "--directory", archive, "--format", "csv")
    table = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["number"], row["kind"]) for row in table][:2] == [("1", "order"), ("2", "balance")]
    assert json.loads(table[1]["data"]) == {"name": "USDC"}


def test_who_finds_every_step_of_an_order_by_the_venues_id(archive: Path) -> None:
    steps = rows(audit("who", "--venue-order", "77-second", "--directory", archive))
    assert [(row["account"], row["number"], row["owner"]) for row in steps] == [
        ("second", 1, "sa-01"),
        ("second", 3, "sa-01"),
        ("second", 9, "sa-01"),
    ]
    assert audit("who", "--venue-order", "99", "--directory", archive).exit_code == 1


@pytest.mark.parametrize("name", [("--venue-operation", "w1"), ("--operation", "pay-1")])
def test_who_finds_every_step_of_an_operation_by_either_id(archive: Path, name: tuple[str, str]) -> None:
    result = audit("who", *name, "--account", "main", "--directory", archive)
    assert [(row["number"], row["owner"]) for row in rows(result)] == [(11, "treasurer"), (12, "treasurer")]
    assert "treasurer asked for it on main as treasurer:pay-1" in result.stderr
    assert audit("who", "--directory", archive).exit_code == 2


def test_verify_tells_what_is_there_and_fails_for_what_is_wrong(archive: Path) -> None:
    result = audit("verify", archive)
    assert result.exit_code == 0
    assert "main: ok: 1 files, 7 entries" in result.output
    assert "second: gap:" in result.output
    [file] = (archive / "second").iterdir()
    whole = file.read_bytes()
    try:
        file.write_bytes(whole.replace(b"sa-02", b"sa-03"))
        result = audit("verify", archive)
    finally:
        file.write_bytes(whole)
    assert result.exit_code == 1
    assert f"second: WRONG: {file}:7 " in result.output


def test_what_is_not_there_is_said(archive: Path, tmp_path: Path) -> None:
    for arguments in (
        ("export", "--account", "none", "--directory", archive),
        ("export", "--account", "main", "--directory", archive, "--from", "yesterday"),
        ("export", "--account", "main", "--directory", tmp_path / "none"),
        ("verify", tmp_path / "none"),
    ):
        assert audit(*arguments).exit_code == 2

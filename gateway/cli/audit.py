"""`crossgate audit`: what the archive of the journals says, and whether it can be believed."""

import csv
import itertools
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.fail import fail, fail_config
from gateway.cli.options import ConfigFile
from gateway.config_file import ConfigError, load
from gateway.journal.archive_files import accounts_in, entries_in
from gateway.journal.chain import BrokenLine
from gateway.journal.verify import verify as verdicts_of

app = typer.Typer(help="Read and check the archive of the accounts' journals.", no_args_is_help=True)

Directory = Annotated[
    Path | None, typer.Option("--directory", help="The archive; by default `archive.directory` of the configuration.")
]
OneAccount = Annotated[str, typer.Option("--account", help="The account.")]
_TIME = "ISO 8601 (UTC unless it says otherwise) or milliseconds since the epoch"


class Format(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


@app.command("export")
def export(
    *,
    account: OneAccount,
    since: Annotated[str | None, typer.Option("--from", help=f"The first instant: {_TIME}.")] = None,
    until: Annotated[str | None, typer.Option("--to", help=f"The last instant: {_TIME}.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only this kind; may be given again.")] = None,
    shape: Annotated[Format, typer.Option("--format", help="One JSON object a line, or CSV.")] = Format.JSONL,
    directory: Directory = None,
    config: ConfigFile = None,
) -> None:
    """Print an account's archived entries, oldest first."""
    folder = _account_in(_archive(directory, config), account)
    first_ms, last_ms = _instant_ms(since, "--from"), _instant_ms(until, "--to")
    rows = (
        row
        for row in _rows(folder)
        if (first_ms is None or row["timestamp"] >= first_ms)
        and (last_ms is None or row["timestamp"] <= last_ms)
        and (not kind or row["kind"] in kind)
    )
    _print(rows, shape)


@app.command("verify")
def verify(
    directory: Annotated[Path, typer.Argument(help="The archive.")],
    first_file: Annotated[int, typer.Option(help="The oldest file that is still here, where some were moved.")] = 1,
) -> None:
    """Recompute every line's hash and every seal; name the first line that is wrong, or the file that is missing."""
    if not directory.is_dir():
        fail(f"there is no directory {directory}", code=2)
    is_sound = True
    for verdict in verdicts_of(directory, first_file=first_file):
        if verdict.wrong is not None:
            is_sound = False
            typer.echo(f"{verdict.account}: WRONG: {verdict.wrong}", err=True)
            continue
        typer.echo(
            f"{verdict.account}: ok: {verdict.files} files, {verdict.entries} entries up to {verdict.last_cursor}, "
            f"last hash {verdict.tip}"
        )
        for gap in verdict.gaps:
            typer.echo(f"{verdict.account}: gap: {gap}: entries were cut or lost before they could be copied")
    if not is_sound:
        raise typer.Exit(1)


@app.command("who")
def who(
    *,
    venue_order: Annotated[str | None, typer.Option("--venue-order", help="The venue's own id of an order.")] = None,
    venue_operation: Annotated[
        str | None, typer.Option("--venue-operation", help="The venue's own id of a withdrawal.")
    ] = None,
    operation: Annotated[str | None, typer.Option("--operation", help="A client's own id of an operation.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="Look on this account only.")] = None,
    directory: Directory = None,
    config: ConfigFile = None,
) -> None:
    """Print which client placed an order, or asked for a withdrawal or a setting, and every step it took."""
    asked = {"venue_order_id": venue_order, "venue_operation_id": venue_operation, "client_operation_id": operation}
    wanted = {member: value for member, value in asked.items() if value is not None}
    if len(wanted) != 1:
        fail("give one of --venue-order, --venue-operation and --operation", code=2)
    [(member, value)] = wanted.items()
    archive = _archive(directory, config)
    names = accounts_in(archive) if account is None else [_account_in(archive, account).name]
    steps: list[dict[str, Any]] = []
    for name in names:
        # Twice over the files rather than all of them in memory: the venue's id is not known in the first steps.
        ids = {_subject(row) for row in _rows(archive / name) if row["data"].get(member) == value} - {None}
        if ids:
            steps += [row for row in _rows(archive / name) if _subject(row) in ids]
    if not steps:
        fail(f"nothing in {archive} has the {member} {value!r}")
    steps.sort(key=lambda row: (row["account"], _subject(row) or ""))  # stable: steps stay in the order they came in
    for (account_name, subject), rows in itertools.groupby(steps, lambda row: (row["account"], _subject(row))):
        told = list(rows)
        owners = ", ".join(sorted({row["owner"] for row in told}))
        did = "placed it" if "order_id" in told[0]["data"] else "asked for it"
        typer.echo(f"# {owners} {did} on {account_name} as {subject}, {len(told)} steps", err=True)
        _print(iter(told), Format.JSONL)


def _subject(row: dict[str, Any]) -> str | None:
    """The order that a row is about, or the operation, which its client's own id names; None: neither."""
    data = row["data"]
    if data.get("client_operation_id") is not None:
        return f"{row['owner']}:{data['client_operation_id']}"
    order_id: str | None = data.get("order_id")
    return order_id


def _archive(directory: Path | None, config: Path | None) -> Path:
    if directory is None:
        try:
            directory = load(config).archive.directory
        except ConfigError as error:
            fail_config(error)
    if directory is None or not directory.is_dir():
        fail(f"there is no archive: {directory or 'archive.directory is not set; give --directory'}", code=2)
    return directory


def _account_in(archive: Path, account: str) -> Path:
    if account not in accounts_in(archive):
        fail(f"{archive} has no archive of an account {account!r}", code=2)
    return archive / account


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    try:
        for entry in entries_in(folder):
            yield {
                "account": folder.name,
                "number": entry["number"],
                "cursor": entry["cursor"],
                "timestamp": int(entry["cursor"].partition("-")[0]),
                "kind": entry["kind"],
                "owner": entry["owner"],
                "data": entry["data"],
            }
    except BrokenLine as error:
        fail(f"the archive cannot be believed from here on: {error}")


def _print(rows: Iterator[dict[str, Any]], shape: Format) -> None:
    if shape is Format.JSONL:
        for row in rows:
            typer.echo(json.dumps(row, separators=(",", ":")))
        return
    writer = csv.writer(sys.stdout)
    writer.writerow(["account", "number", "cursor", "timestamp", "kind", "owner", "data"])
    for row in rows:
        writer.writerow([*list(row.values())[:-1], json.dumps(row["data"], separators=(",", ":"))])


def _instant_ms(text: str | None, option: str) -> int | None:
    if text is None or (text.isascii() and text.isdecimal()):
        return None if text is None else int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option}: {text!r} is no time; {_TIME}", code=2)
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)

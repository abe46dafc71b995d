"""The table of which client made which call, and whether all went well. Pure: pytest is `conftest.py`'s business."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

BEGIN = "<!-- table: begin -->"
END = "<!-- table: end -->"
PASSED, FAILED, ABSENT = "✓", "✗", ""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One call by one client."""

    table: str
    call: str
    client: str


@dataclass
class PassTable:
    """Cells in the order they came. One failed test fails the calls it makes, whatever other tests say."""

    cells: dict[Cell, bool] = field(default_factory=dict)

    def add(self, cell: Cell, *, passed: bool) -> None:
        self.cells[cell] = passed and self.cells.get(cell, True)

    def sections(self) -> dict[str, list[list[str]]]:
        """Per table its rows: a heading, the calls in alphabetical order, and how many passed of how many."""
        found = {}
        for table in dict.fromkeys(cell.table for cell in sorted(self.cells)):
            cells = {cell: passed for cell, passed in self.cells.items() if cell.table == table}
            clients = sorted({cell.client for cell in cells}, key=_python_first)
            found[table] = [
                ["call", *clients],
                *(
                    [call, *(_mark(cells.get(Cell(table, call, client))) for client in clients)]
                    for call in sorted({cell.call for cell in cells})
                ),
                ["passed", *(_total(cells, client) for client in clients)],
            ]
        return found

    def total(self) -> tuple[int, int]:
        """How many calls passed, of how many."""
        return sum(self.cells.values()), len(self.cells)


def _python_first(client: str) -> tuple[bool, str]:
    return not client.startswith("Python"), client


def _mark(passed: bool | None) -> str:
    return ABSENT if passed is None else PASSED if passed else FAILED


def _total(cells: dict[Cell, bool], client: str) -> str:
    passed = [cells[cell] for cell in cells if cell.client == client]
    return f"{sum(passed)} of {len(passed)}"


def as_text(rows: list[list[str]]) -> str:
    """Aligned columns for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def as_markdown(table: PassTable) -> str:
    """The tables as a page shows them."""
    parts = []
    for title, (heading, *rows, totals) in table.sections().items():
        lines = [heading, ["---"] + [":-:"] * (len(heading) - 1)]
        lines += [[_code(row[0]), *row[1:]] for row in rows] + [totals]
        parts.append("\n".join([f"### {title}", "", *(f"| {' | '.join(line)} |" for line in lines)]))
    return "\n\n".join(parts)


def _code(call: str) -> str:
    """`name`, and in words what about it."""
    name, colon, about = call.partition(":")
    return f"`{name}`{colon}{about}"


def write_into(page: str, table: PassTable) -> str:
    """The page with the tables between its markers replaced."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{as_markdown(table)}\n\n{END}{after}"


def calls_in(page: str) -> dict[Cell, bool]:
    """The cells a page's tables show, and whether it says that they passed."""
    cells = {}
    _, begun = page.split(BEGIN)
    tables, _ = begun.split(END)
    for part in tables.split("### ")[1:]:
        title, *lines = part.strip().splitlines()
        heading, _, *rows, _ = [_columns(line) for line in lines if line]
        for call, *marks in rows:
            for client, mark in zip(heading[1:], marks, strict=True):
                if mark != ABSENT:
                    cells[Cell(title, call.replace("`", ""), client)] = mark == PASSED
    return cells


def _columns(line: str) -> list[str]:
    return [column.strip() for column in re.split(r"\|", line)[1:-1]]


def cells_of(clients: Iterable[tuple[str, str]], calls: Iterable[str]) -> list[Cell]:
    """Every call by every client named."""
    named = list(calls)
    return [Cell(table, call, client) for table, client in clients for call in named]

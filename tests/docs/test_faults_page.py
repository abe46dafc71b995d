"""docs/faults.md is whole: every fault once, every test it names is one, the counts at its head are right."""

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/faults.md").read_text()

FAULTS = {"A": 12, "B": 9, "C": 10, "D": 15, "E": 19, "F": 11, "G": 4, "Y": 6, "I": 7, "J": 13, "K": 17}
"""How many of each group there are."""

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if re.match(r"\| \w\d", line)
]


def named_in(row: list[str]) -> list[str]:
    return re.findall(r"`([^`]+)`", row[4])


def test_every_fault_stands_once_in_its_order() -> None:
    expected = [f"{group}{number}" for group, count in FAULTS.items() for number in range(1, count + 1)]
    assert [row[0] for row in ROWS] == expected
    assert len(expected) == 123


def test_every_row_says_what_happens_and_shows_it_or_says_why_not() -> None:
    for name, fault, does, state, _ in ROWS:
        assert fault, name
        assert does.endswith("."), name
        assert state in {"shown", "part", "missing", "untested"}, name
    assert [row[0] for row in ROWS if row[3] in {"shown", "part"} and not named_in(row)] == []
    assert [row[0] for row in ROWS if row[3] == "untested" and named_in(row)] == []


def test_every_test_it_names_is_one() -> None:
    named = {test for row in ROWS for test in named_in(row)}
    found: dict[str, set[str]] = {}
    for path in {test.partition("::")[0] for test in named}:
        tree = ast.parse((ROOT / "tests" / path).read_text())
        functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        found[path] = {function.name for function in functions}
    missing = [test for test in named if test.partition("::")[2] not in found[test.partition("::")[0]]]
    assert missing == []
    assert len(named) > 150


def test_the_counts_at_its_head_are_right() -> None:
    counts = Counter(row[3] for row in ROWS)
    head = PAGE.split("\n##", maxsplit=1)[0]
    told = re.search(r"(\d+) are shown by tests, (\d+) in part, (\d+) are missing and (\d+) untested", head)
    assert told is not None
    assert [int(count) for count in told.groups()] == [
        counts[state] for state in ("shown", "part", "missing", "untested")
    ]
    assert PAGE.splitlines()[2].startswith(f"{len(ROWS)} faults")

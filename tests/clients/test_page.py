"""docs/clients.md says what is so: its versions, its examples and the calls it lists."""

import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.pass_table import Cell, calls_in
from tests.clients.venue import Venue

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/clients.md").read_text()
SCRIPTS = ROOT / "tests/clients/js"


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def at(venue: Venue, example: str) -> str:
    """An example with the address of a sandbox that is running."""
    return example.replace("127.0.0.1:9101", f"127.0.0.1:{venue.urls.port}")


@pytest.mark.parametrize("example", examples("python"), ids=["ccxt", "ccxt.pro", "bpx-py"])
def test_an_example_in_python_runs_as_it_stands(venue: Venue, example: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", at(venue, example)], capture_output=True, text=True, timeout=40, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()


@pytest.fixture
def script(venue: Venue) -> Iterator[Path]:
    """The example as a file beside the packages it imports."""
    [example] = examples("javascript")
    path = SCRIPTS / f"example-{venue.urls.port}.mjs"
    path.write_text(at(venue, example))
    yield path
    path.unlink()


def test_the_example_in_javascript_runs_as_it_stands(script: Path) -> None:
    run = subprocess.run(["node", script], capture_output=True, text=True, timeout=40, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("closed\n")


def test_the_versions_are_those_that_are_driven() -> None:
    versions = dict(re.findall(r"^\| (ccxt[^|]*|bpx-py) \| ([0-9.]+) \|", PAGE, re.MULTILINE))
    locked = json.loads((SCRIPTS / "package-lock.json").read_text())["packages"]
    assert versions == {
        "ccxt for Python": importlib.metadata.version("ccxt"),
        "ccxt for JavaScript": locked["node_modules/ccxt"]["version"],
        "bpx-py": importlib.metadata.version("bpx-py"),
    }


def test_the_lock_names_no_registry() -> None:
    assert "resolved" not in (SCRIPTS / "package-lock.json").read_text()


def test_the_table_lists_the_calls_that_are_driven(
    pytestconfig: pytest.Config, driven: set[Cell], whole_suite: bool
) -> None:
    """All of them and no others; a run of a part of the suite can only tell the first."""
    if pytestconfig.getoption("--table"):
        pytest.skip("it is about to be written")
    listed = calls_in(PAGE)
    assert all(listed.values())
    assert driven == set(listed) if whole_suite else driven <= set(listed)

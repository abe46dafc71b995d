"""The fixtures that come with the package, in a pytest run of their own as a user has it."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "docs/examples/bot"
# Plugins of this project's own environment are none of the user's.
USERS_PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider", "-p", "no:xdist")


def run(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*USERS_PYTEST, "--rootdir", str(directory), *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=55, check=False)


def test_the_example_of_a_users_bot_passes() -> None:
    done = run(EXAMPLE, "-c", str(EXAMPLE / "pytest.ini"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_a_sandbox_without_a_gateway_is_configured_and_steered(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\ncrossgate_venues = backpack\n"
        "crossgate_sandbox_arguments = --clock stepped --clock-start-ms 1759800000000 --no-makers --book-levels 3\n"
    )
    (tmp_path / "test_venue.py").write_text("""
import httpx, pytest

def test_it_is_as_configured(crossgate_sandbox):
    assert list(crossgate_sandbox) == ["backpack"]
    venue = crossgate_sandbox["backpack"]
    assert [account["name"] for account in venue.accounts] == ["desk-a", "desk-b", "desk-poor"]
    assert venue.control.now_ms() == 1759800000000
    assert venue.control.advance(500) == 1759800000500

def test_it_is_steered(crossgate_sandbox):
    venue = crossgate_sandbox["backpack"]
    venue.control.fault({"status": 503, "body": "down"}, match={"path": "/api/v1/ping"})
    assert [httpx.get(venue.url + "/api/v1/ping").text for _ in range(2)] == ["down", "pong"]
    first, second = (venue.control.fault({"status": 503}, count=None) for _ in range(2))
    venue.control.clear_faults(first)
    assert [rule["id"] for rule in venue.control.faults()][-1:] == [second]
    venue.control.clear_faults()
    assert venue.control.faults() == []
    assert venue.control.strike_sockets("close", topic="trade.*", code=1013) == 0
    venue.control.skip_ids("SOL_USDC", 5)
    venue.control.maintenance(on=True, message="Back soon")
    assert httpx.get(venue.url + "/api/v1/status").json() == {"message": "Back soon", "status": "Maintenance"}
    venue.control.maintenance(on=False)
    venue.control.outage("hang", 50, cut=True)
    venue.control.transfer("desk-poor", "USDC", "100")
    venue.control.set_prices("SOL_USDC_PERP", mark="151", index=None)
    venue.control.set_state("SOL_USDC", "closed")
    assert venue.control.ledger()["requests"][0]["status"] == 503
    venue.control.reset()
    assert venue.control.ledger()["requests"] == []
    with pytest.raises(httpx.HTTPStatusError):
        venue.control.advance(-1)
""")
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_options_may_be_overridden_by_a_fixture(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("""
import pytest
from gateway.cli.stack import StackOptions

@pytest.fixture(scope="session")
def crossgate_stack_options():
    return StackOptions(venue_ports={"zanbara": 0}, sandbox_arguments=["--accounts", "1"])
""")
    (tmp_path / "test_venue.py").write_text("""
def test_it_is_as_said(crossgate_sandbox):
    assert "acct-01" in {account["name"] for account in crossgate_sandbox["zanbara"].accounts}
""")
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_run_that_asks_for_no_fixture_pays_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text("""
import sys

def test_nothing_else_was_imported():
    loaded = {name for name in sys.modules if name.split(".")[0] in {"gateway", "adapters", "sandbox", "fastapi"}}
    assert loaded == {"gateway", "gateway.pytest_plugin"}
""")
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr

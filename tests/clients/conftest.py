"""The clients' common ground: a venue to trade on, and a table of what was driven at the end of a run."""

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import ccxt.async_support
import pytest

from sandbox.config import AMPLE, DEFAULT_ACCOUNTS, AccountConfig, BackpackConfig, SandboxConfig, numbered_accounts
from sandbox.matching import OrderRequest, OrderType, Side
from sandbox.world import World
from tests.clients.bpx_py import FLAVOURS, Bpx, account_of, pointed_at
from tests.clients.ccxt_python import close, exchange_at
from tests.clients.pass_table import Cell, PassTable, as_text, cells_of, write_into
from tests.clients.venue import ADDRESS, Keys, Venue, started

PAGE = Path(__file__).parents[2] / "docs/clients.md"
ACCOUNTS = (
    *DEFAULT_ACCOUNTS,
    AccountConfig("withdrawer", AMPLE, address_book=(ADDRESS,), scopes=("read", "trade", "withdraw")),
    *numbered_accounts(400),
)
FUNDED = ("desk-a", "desk-b")
HOUR_MS = 3_600_000
DRIVEN = pytest.StashKey[set[Cell]]()


# -- a venue -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def venue() -> Iterator[Venue]:
    """A lively market with the venue's own limits, shared by a run's tests: each trades with an account of its own."""
    with started(SandboxConfig(accounts=ACCOUNTS)) as up:
        yield up


@pytest.fixture(scope="session")
def settled() -> Iterator[Venue]:
    """A still market that lived through one full hour: funding was exchanged for the positions that were open.

    Its clock begins an hour ago and is then put right, for clients sign with the time they have.
    """
    config = SandboxConfig(accounts=ACCOUNTS, makers=False, book_levels=20, clock_skew_ms=-HOUR_MS)
    with started(config) as up:
        up.control("prices", {"symbol": "SOL_USDC_PERP", "funding_rate": "0.0001"})
        up.inside(partial(_buy, quantity=Decimal(2)))
        up.control("clock", {"advance_ms": HOUR_MS})
        yield up


@pytest.fixture(scope="session")
def curt() -> Iterator[Venue]:
    """A still market that answers cancels with nothing, as the venue may: accepted, and done a moment later."""
    config = SandboxConfig(makers=False, book_levels=20, backpack=BackpackConfig(empty_cancels=True))
    with started(config) as up:
        yield up


def _buy(world: World, *, quantity: Decimal) -> None:
    """Everyone buys the perpetual."""
    wish = OrderRequest(symbol="SOL_USDC_PERP", side=Side.BUY, type=OrderType.MARKET, quantity=quantity)
    for name in FUNDED:
        world.simulation.place(world.simulation.engine.accounts[name], wish, world.clock.now_us())


@pytest.fixture
def keys(venue: Venue) -> Keys:
    return venue.new_account()


SYNC = pytest.param(ccxt.backpack, id="sync", marks=pytest.mark.client("ccxt: REST", "Python"))
ASYNC = pytest.param(ccxt.async_support.backpack, id="async", marks=pytest.mark.client("ccxt: REST", "Python, async"))


@pytest.fixture(params=[SYNC, ASYNC])
async def exchange(request: pytest.FixtureRequest, venue: Venue, keys: Keys) -> AsyncIterator[Any]:
    """Both of ccxt's Python flavours, each with an account of its own."""
    opened = exchange_at(request.param, venue, keys)
    yield opened
    await close(opened)


@pytest.fixture(
    params=[
        pytest.param("sync", marks=pytest.mark.client("bpx-py", "Python")),
        pytest.param("async", marks=pytest.mark.client("bpx-py", "Python, async")),
    ]
)
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bpx(flavour: str, venue: Venue, keys: Keys) -> Iterator[Bpx]:
    public, account = FLAVOURS[flavour]
    with pointed_at(venue):
        yield Bpx(public(), account_of(account, keys), account, flavour == "async")


# -- the table ---------------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--table", action="store_true", help="write the table of calls into docs/clients.md")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "client(table, name): whose calls these are, and in which table they belong")
    config.addinivalue_line("markers", "calls(name, ...): the client's calls that a test judges")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Write on each test's reports which calls it judges; first of all, so that what is deselected counts as there."""
    driven = config.stash.setdefault(DRIVEN, set())
    for item in items:
        clients = [mark.args for mark in item.iter_markers("client")]
        cells = cells_of(clients, [call for mark in item.iter_markers("calls") for call in mark.args])
        driven.update(cells)
        item.user_properties.append(("driven", [[cell.table, cell.call, cell.client] for cell in cells]))


@pytest.fixture(scope="session")
def driven(pytestconfig: pytest.Config) -> set[Cell]:
    """Every call that the collected tests judge."""
    return pytestconfig.stash[DRIVEN]


@pytest.fixture(scope="session")
def whole_suite(request: pytest.FixtureRequest) -> bool:
    """Whether every module here was collected."""
    return {item.path for item in request.session.items} == set(Path(__file__).parent.glob("test_*.py"))


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    table = PassTable()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            for cell in dict(report.user_properties).get("driven", []):
                table.add(Cell(*cell), passed=outcome == "passed")
    if not table.cells:
        return
    for title, rows in table.sections().items():
        terminalreporter.section(title)
        terminalreporter.write_line(as_text(rows))
    passed, total = table.total()
    terminalreporter.section(f"{passed} of {total} calls passed")
    if config.getoption("--table"):
        PAGE.write_text(write_into(PAGE.read_text(), table))

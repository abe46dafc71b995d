"""ccxt for JavaScript: each check of the scripts under js/ is a test."""

import json
import os
import re
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.clients.venue import Venue

SCRIPTS = Path(__file__).parent / "js"
TABLES = {"rest.mjs": "ccxt: REST", "streams.mjs": "ccxt.pro: streams"}
ACCOUNTS = 40
LIMIT_S = 120


def checks(script: str) -> list[str]:
    """The checks that a script makes, in its own words."""
    return re.findall(r"^await check\('([^']+)'", (SCRIPTS / script).read_text(), re.MULTILINE)


def in_python(call: str) -> str:
    """`fetchOHLCV: limit` as ccxt for Python spells it."""
    name, colon, about = call.partition(":")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() + colon + about


def parameters(script: str) -> list[Any]:
    marks = pytest.mark.client(TABLES[script], "JavaScript")
    return [pytest.param(call, marks=[marks, pytest.mark.calls(in_python(call))], id=call) for call in checks(script)]


def results_of(script: str, venue: Venue) -> dict[str, Any]:
    """Run a script to its end; a check that it did not reach is not among the results."""
    keys = [venue.new_account() for _ in range(ACCOUNTS)]
    settings = {
        "SANDBOX_URL": venue.urls.url,
        "SANDBOX_WS_URL": venue.urls.ws_url,
        "SANDBOX_KEYS": json.dumps([asdict(each) for each in keys]),
    }
    run = subprocess.run(
        ["node", script],
        cwd=SCRIPTS,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0, run.stderr
    return {line["call"]: line for line in lines}


@pytest.fixture(scope="module")
def rest(venue: Venue) -> dict[str, Any]:
    return results_of("rest.mjs", venue)


@pytest.fixture(scope="module")
def streams(venue: Venue) -> dict[str, Any]:
    return results_of("streams.mjs", venue)


@pytest.mark.timeout(LIMIT_S + 10)
@pytest.mark.parametrize("call", parameters("rest.mjs"))
def test_over_rest(rest: dict[str, Any], call: str) -> None:
    assert rest[call]["ok"], rest[call]["error"]


@pytest.mark.timeout(LIMIT_S + 10)
@pytest.mark.parametrize("call", parameters("streams.mjs"))
def test_over_streams(streams: dict[str, Any], call: str) -> None:
    assert streams[call]["ok"], streams[call]["error"]

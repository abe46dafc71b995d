"""What docs/sandbox.md says is true: its file is taken as it stands; calls, fields and names are those there are."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from gateway import pytest_plugin
from gateway.cli.venue_control import VenueControl
from sandbox.command_line import asked_for, parser
from sandbox.config import Counting, LimitConfig, SandboxConfig
from sandbox.control import _HANDLERS
from sandbox.faults import When, parse_rule
from sandbox.matching import MarketState

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/sandbox.md").read_text()


def test_the_example_of_a_file_is_taken_as_it_stands(tmp_path: Path) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "sandbox.yaml"
    path.write_text(text)
    backpack, zanbara = asked_for(parser().parse_args(["--config", str(path)]))
    assert (backpack.port, zanbara.port) == (9101, 9102)
    assert [account.name for account in zanbara.accounts] == ["main"]


@pytest.mark.parametrize("section", [SandboxConfig, LimitConfig])
def test_the_example_of_a_file_names_every_field(section: type) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert [field.name for field in dataclasses.fields(section) if f"{field.name}:" not in text] == []


def test_every_option_it_names_is_one() -> None:
    named = set(re.findall(r"--[a-z][a-z-]+", PAGE)) - {"--env-file", "--venues-only", "--sandbox-config", "--ports"}
    assert named <= set(parser()._option_string_actions)


def test_it_names_exactly_the_control_calls_there_are() -> None:
    named = set(re.findall(r"(GET|POST|DELETE) (/sim/[a-z/-]+)", PAGE))
    assert named == set(_HANDLERS)


def test_its_example_of_a_fault_is_one() -> None:
    [text] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    rule = parse_rule(json.loads(text))
    assert rule.when is When.AFTER_EXECUTE
    assert rule.match.fits_request("POST", "/api/v1/order", "desk-a")


def test_it_names_every_kind_of_window_and_state_and_what_fixtures_offer() -> None:
    fixtures = [name for name in vars(pytest_plugin) if name.startswith("crossgate_")]
    methods = [name for name in vars(VenueControl) if not name.startswith("_") and name != "url"]
    missing = [name for name in (*Counting, *MarketState, *fixtures, *methods) if f"`{name}`" not in PAGE]
    assert missing == []


def test_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    assert links

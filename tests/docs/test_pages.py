"""What the pages say is true: examples are read by the code they are about, paths exist, keys are real."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from gateway.api.problem import STATUS
from gateway.app import create_app
from gateway.auth.secrets import new_seed
from gateway.config_file import load
from gateway.settings import SecretSource, Settings
from gateway.store import keys
from tests.golden_keys import BACKPACK_KEY

ROOT = Path(__file__).parents[2]
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
API = (ROOT / "docs/api.md").read_text()


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example of docs/configuration.md as a file, with the secrets it names beside it."""
    [text] = re.findall(r"```yaml\n(.*?)```", CONFIGURATION, re.DOTALL)
    (tmp_path / "secrets").mkdir()
    for name in ("tokens.key", "ids.key", "seal.key"):
        (tmp_path / "secrets" / name).write_text(new_seed())
    (tmp_path / "secrets/main-01.key").write_text(BACKPACK_KEY["public"])
    (tmp_path / "secrets/main-01.secret").write_text(BACKPACK_KEY["secret"])
    path = tmp_path / "crossgate.yaml"
    path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return path


def test_the_example_configuration_is_taken_as_it_stands(example: Path) -> None:
    settings = load(example)
    create_app(settings, "redis://127.0.0.1")
    assert set(settings.venues) == {"backpack", "backpack-sim"}


def test_every_setting_is_documented_with_its_default() -> None:
    """A setting that is not in the table cannot be found by whoever needs it."""
    table = CONFIGURATION.split("## Settings")[1]
    missing = [
        name for name in _names(Settings) if f"`{name}`" not in table and f"`.{name.split('.')[-1]}`" not in table
    ]
    assert missing == []


def _names(section: type[BaseModel], prefix: str = "") -> list[str]:
    names = []
    for name, field in section.model_fields.items():
        nested: Any = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel) and nested is not SecretSource:
            names += _names(nested, f"{prefix}{name}.")
        elif not prefix and name in {"venues", "accounts", "profiles", "clients"}:
            continue  # named by users; their members are listed with NAME
        else:
            names.append(f"{prefix}{name}")
    return names


def test_the_api_page_names_exactly_the_paths_there_are(example: Path) -> None:
    app: Any = create_app(load(example), "redis://127.0.0.1")
    paths = set(app._app.app.openapi()["paths"])
    table = API.split("## Paths")[1].split("## Orders")[0]
    named = set()
    for line in table.splitlines():
        whole = ""
        for path in re.findall(r"(/[a-z{}_/0-9-]*)", line.split("|")[1] if line.startswith("| `") else ""):
            if path.startswith("/v1"):
                whole = path
                named.add(path)
            elif not path.startswith(("/healthz", "/readyz")):
                named.add(whole + path)
    named -= {"/v1/ws", "/v1/auth/token"}
    assert named == paths - {"/v1/auth/token"}


def test_the_api_page_names_every_error_code_this_gateway_can_answer() -> None:
    later = {"INTERNAL_ERROR"}
    assert {code for code in STATUS if f"`{code}`" not in API} == later


def test_every_key_of_redis_is_documented() -> None:
    page = (ROOT / "docs/redis.md").read_text()
    source = Path(keys.__file__).read_text()
    areas = set(re.findall(r'_key\(venue, "(\w+)", "(\w+)"', source))
    assert areas
    missing = [pair for pair in areas if f":{pair[0]}:{pair[1]}" not in page and f"`:{pair[1]}`" not in page]
    assert missing == []


def test_the_readme_links_to_pages_that_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_no_page_holds_yaml_that_is_none() -> None:
    for page in ROOT.glob("docs/*.md"):
        for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
            assert isinstance(yaml.safe_load(text), dict)

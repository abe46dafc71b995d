"""Reading the configuration file, strictly: every problem is found at start and names its key."""

import os
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_settings import SettingsError

from gateway.settings import ENV_DELIMITER, ENV_PREFIX, Settings

_NO_SETTINGS = frozenset(
    {"CROSSGATE_REDIS_URL", "CROSSGATE_CONFIG"}
    | {"CROSSGATE_URL", "CROSSGATE_TOKEN", "CROSSGATE_API_KEY", "CROSSGATE_API_SECRET"}
)
"""Variables that other parts and commands read."""


class ConfigError(Exception):
    """The configuration cannot be used; each problem names its key."""

    def __init__(self, problems: list[str]):
        super().__init__("\n".join(problems))
        self.problems = problems


def load(path: Path | None) -> Settings:
    """Read the file (None: the environment alone) and the environment.

    Raises `ConfigError` with one line for each problem, each naming the key; values are not repeated, since one of
    them may be a secret in the wrong place.
    """
    values = _read_yaml(path) if path is not None else {}
    unknown = sorted(_unknown_variables(os.environ))
    if unknown:
        raise ConfigError([f"{name}: no setting has this name" for name in unknown])
    redis = values.get("redis") or {}
    if (url := os.environ.get("CROSSGATE_REDIS_URL")) and isinstance(redis, dict):
        values["redis"] = {**redis, "url": url}
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ConfigError([_problem(item) for item in error.errors()]) from None
    except SettingsError as error:  # it names the setting, and not the value
        raise ConfigError([str(error)]) from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {type(error).__name__}"]) from None
    try:
        values = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise ConfigError([f"{path}{line}: {getattr(error, 'problem', None) or 'is not YAML'}"]) from None
    if not isinstance(values, dict):
        raise ConfigError([f"{path}: must be a mapping of sections"])
    return {str(name): section for name, section in values.items()}


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML lets a key stand twice and keeps the last; a limit written twice must not be half believed."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    for name in environ:
        if name.startswith(ENV_PREFIX) and name not in _NO_SETTINGS:
            section = name.removeprefix(ENV_PREFIX).split(ENV_DELIMITER)[0].lower()
            if section not in Settings.model_fields:
                yield name


def _problem(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        message = "no setting has this name"
    elif item["type"] == "missing":
        message = "is required"
    return f"{key}: {message}" if key else message

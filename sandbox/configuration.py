"""From what a file or a command line says to the configurations of the venues to start; a wrong key is named."""

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any

import msgspec
import yaml

from sandbox.config import AccountConfig, LimitConfig, SandboxConfig, numbered_accounts
from sandbox.world import VENUES

BOTH = "both"
PORTS = {"backpack": 9101, "zanbara": 9102}
HIGHEST_VIP = 4
AT_LEAST = {"clock_rate": 1, "tick_ms": 1, "book_levels": 0, "history_lag_ms": 0, "ledger_size": 1}
CHOICES = {
    "zanbara.environment": ("production", "testnet"),
    "zanbara.mmr_rule": ("per_symbol", "half_initial"),
}


class BadConfiguration(ValueError):
    """A configuration that cannot be used; the message names the key."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wishes:
    """What was said beside the configuration's own fields.

    `venue` is one or `both`. `port` is the first venue's, the other one takes the next; 0 is any free one. `limits` go
    over each venue's own, `vip` over the accounts'; `more_accounts` are added to them.
    """

    venue: str | None = None
    port: int | None = None
    zanbara_port: int | None = None
    more_accounts: int = 0
    limits: Mapping[str, int] = dataclasses.field(default_factory=dict)
    vip: Mapping[str, int] = dataclasses.field(default_factory=dict)


def read_file(path: Path) -> dict[str, Any]:
    """The members of a YAML or JSON file, every scalar as text: a number must not pass through a float."""
    try:
        text = path.read_text()
        raw = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes texts, lists and mappings only
    except OSError as exc:
        raise BadConfiguration(f"{path}: {exc.strerror}") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise BadConfiguration(f"{path}: not YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(raw, dict):
        raise BadConfiguration(f"{path}: expected keys and values")
    return raw


def configurations(raw: Mapping[str, Any], wishes: Wishes) -> list[SandboxConfig]:
    """One configuration for each venue to start. Raises `BadConfiguration`."""
    config = _converted({name: value for name, value in raw.items() if name not in {"venue", "port"}})
    _check(config)
    names = _venues(raw, wishes)
    ports = _ports(names, raw, wishes)
    config = dataclasses.replace(config, accounts=_with_wishes(config, wishes))
    _check_classes(names, config.limits.limits or {}, "limits.limits")
    _check_classes(names, wishes.limits, "--limit")
    return [
        dataclasses.replace(config, venue=name, port=ports[name], limits=_limits_of(name, config.limits, wishes.limits))
        for name in names
    ]


def _venues(raw: Mapping[str, Any], wishes: Wishes) -> list[str]:
    venue = wishes.venue or raw.get("venue", BOTH)
    if venue not in (BOTH, *VENUES):
        raise BadConfiguration(f"venue: one of {', '.join(VENUES)}, {BOTH}")
    return list(VENUES) if venue == BOTH else [venue]


def _ports(venues: list[str], raw: Mapping[str, Any], wishes: Wishes) -> dict[str, int]:
    first = wishes.port if wishes.port is not None else _number("port", raw.get("port"))
    ports = dict(PORTS)
    if first is not None:
        ports = {venue: first + at if first else 0 for at, venue in enumerate(venues)}
    if wishes.zanbara_port is not None:
        ports["zanbara"] = wishes.zanbara_port
    return ports


def _converted(raw: Mapping[str, Any]) -> SandboxConfig:
    for problem in _unknown_keys(SandboxConfig, raw, ""):
        raise BadConfiguration(problem)
    try:
        return msgspec.convert(raw, SandboxConfig, strict=False)
    except msgspec.ValidationError as exc:
        said, _, where = str(exc).partition(" - at `$.")
        raise BadConfiguration(f"{where.rstrip('`')}: {said[:1].lower()}{said[1:]}" if where else said) from exc


def _unknown_keys(kind: Any, raw: Any, where: str) -> Iterable[str]:
    """Every key that is no field of the dataclass it is meant for, all the way down."""
    if typing.get_origin(kind) in (UnionType, typing.Union):
        for each in typing.get_args(kind):
            yield from _unknown_keys(each, raw, where)
    elif typing.get_origin(kind) is tuple and isinstance(raw, list):
        for number, item in enumerate(raw):
            yield from _unknown_keys(typing.get_args(kind)[0], item, f"{where}[{number}]")
    elif dataclasses.is_dataclass(kind) and isinstance(raw, Mapping):
        hints = typing.get_type_hints(kind)
        for name, value in raw.items():
            path = f"{where}.{name}" if where else str(name)
            if name not in hints:
                yield f"{path}: no such key; there are {', '.join(hints)}"
            else:
                yield from _unknown_keys(hints[name], value, path)


def _check(config: SandboxConfig) -> None:
    for path, allowed in CHOICES.items():
        value: Any = config
        for name in path.split("."):
            value = getattr(value, name)
        if value not in allowed:
            raise BadConfiguration(f"{path}: one of {', '.join(allowed)}")
    for name, least in AT_LEAST.items():
        if getattr(config, name) < least:
            raise BadConfiguration(f"{name}: at least {least}")
    if config.limits.period_ms < 1:
        raise BadConfiguration("limits.period_ms: at least 1")
    names = [account.name for account in config.accounts]
    if len(set(names)) < len(names):
        raise BadConfiguration("accounts: each name once")


def _check_classes(venues: list[str], given: Mapping[str, int], where: str) -> None:
    known = sorted({name for venue in venues for name in VENUES[venue].limits.limits})
    if unknown := given.keys() - set(known):
        raise BadConfiguration(f"{where} {', '.join(sorted(unknown))}: classes are {', '.join(known)}")


def _limits_of(venue: str, config: LimitConfig, given: Mapping[str, int]) -> LimitConfig:
    """What is said of a class goes over the venue's own; the other venue has other classes."""
    own = VENUES[venue].limits.limits
    if config.limits is None and not given:
        return config
    limits = {**own, **(config.limits or {}), **given}
    return dataclasses.replace(config, limits={name: limit for name, limit in limits.items() if name in own})


def _with_wishes(config: SandboxConfig, wishes: Wishes) -> tuple[AccountConfig, ...]:
    accounts = config.accounts + numbered_accounts(wishes.more_accounts)
    if unknown := wishes.vip.keys() - {account.name for account in accounts}:
        raise BadConfiguration(f"--vip {', '.join(sorted(unknown))}: no such account")
    if max((*wishes.vip.values(), *(account.vip_level for account in accounts)), default=0) > HIGHEST_VIP:
        raise BadConfiguration(f"--vip: levels are 0 to {HIGHEST_VIP}")
    return tuple(
        dataclasses.replace(account, vip_level=wishes.vip.get(account.name, account.vip_level)) for account in accounts
    )


def _number(name: str, text: Any) -> int | None:
    if text is None:
        return None
    if not (isinstance(text, str) and text.isascii() and text.isdigit()):
        raise BadConfiguration(f"{name}: expected a number")
    return int(text)

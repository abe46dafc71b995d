"""The command line of the sandbox: what was said, as the members of a configuration and wishes beside them."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.config import ClockKind, Counting, SandboxConfig
from sandbox.configuration import BOTH, PORTS, BadConfiguration, Wishes, configurations, read_file
from sandbox.world import VENUES

EVERY_KIND = [kind.value for kind in Counting]
NESTED = "/"  # an option's destination `zanbara/environment` is that member of that section


def parser() -> argparse.ArgumentParser:
    """Options that are not given leave no trace: the file or the default holds."""
    own = SandboxConfig()
    parser = argparse.ArgumentParser(
        prog="crossgate sandbox" if sys.argv[0] == "crossgate sandbox" else "python -m sandbox",
        description="Simulated exchanges that speak the REST and WebSocket protocols of Backpack and Zanbara. "
        "Nothing to set up: start it, and paste what it prints.",
        epilog="While it runs: GET /sim/accounts lists credentials, GET /sim/ledger tells what happened, "
        "POST /sim/faults makes things go wrong, POST /sim/prices moves markets. All of it: docs/sandbox.md.",
        argument_default=argparse.SUPPRESS,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=32),
    )
    parser.add_argument("--venue", choices=[*VENUES, BOTH], help=f"which to start (default {BOTH})")
    ports = ", ".join(f"{venue} {port}" for venue, port in PORTS.items())
    parser.add_argument(
        "--port",
        type=int,
        help=f"port of the first venue, the other takes the next; 0: any free ones (default {ports})",
    )
    parser.add_argument("--zanbara-port", type=int, metavar="PORT", help="port of Zanbara")
    parser.add_argument("--host", dest="/host", metavar="HOST", help=f"address to listen on (default {own.host})")
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML or JSON; options given here go over it")
    parser.add_argument("--json", action="store_true", help="print a line of JSON per venue, as without a terminal")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent process ends (Linux)")
    _add_market(parser.add_argument_group("market and accounts"), own)
    _add_clock(parser.add_argument_group("clock"), own)
    _add_limits(parser.add_argument_group("limits and strictness"), own)
    _add_backpack(parser.add_argument_group("Backpack only"))
    _add_zanbara(parser.add_argument_group("Zanbara only"), own)
    return parser


def asked_for(arguments: argparse.Namespace) -> list[SandboxConfig]:
    """The configurations these arguments and their file describe. Raises `BadConfiguration`."""
    said = vars(arguments)
    raw = read_file(said["config"]) if "config" in said else {}
    raw = _over(raw, _members(said))
    wishes = Wishes(
        venue=said.get("venue"),
        port=said.get("port"),
        zanbara_port=said.get("zanbara_port"),
        more_accounts=said.get("accounts", 0),
        limits=_pairs("--limit", said.get("limit", ())),
        vip=_pairs("--vip", said.get("vip", ())),
    )
    return configurations(raw, wishes)


# -- options -----------------------------------------------------------------------------------------------------------


def _add_market(group: argparse._ArgumentGroup, own: SandboxConfig) -> None:
    group.add_argument("--seed", dest="/seed", type=int, metavar="N", help=f"of prices and makers (default {own.seed})")
    group.add_argument("--accounts", type=int, metavar="N", help="N more accounts: acct-01, acct-02, …")
    group.add_argument(
        "--no-makers",
        dest="/makers",
        action="store_const",
        const=False,
        help="no market makers: books move only when users move them",
    )
    group.add_argument(
        "--book-levels", dest="/book_levels", type=int, metavar="N", help="with --no-makers: N static levels a side"
    )
    group.add_argument(
        "--book-heartbeat",
        dest="/book_heartbeat",
        action="store_const",
        const=True,
        help="let an update id pass at every tick in which a book stands still",
    )
    group.add_argument(
        "--tick-ms", dest="/tick_ms", type=int, metavar="MS", help=f"how often makers requote (default {own.tick_ms})"
    )
    group.add_argument(
        "--history-lag-ms", dest="/history_lag_ms", type=int, metavar="MS", help="how late histories show what happened"
    )


def _add_clock(group: argparse._ArgumentGroup, own: SandboxConfig) -> None:
    group.add_argument(
        "--clock",
        dest="/clock",
        choices=[kind.value for kind in ClockKind],
        help=f"as real time, --clock-rate times as fast, or moved by POST /sim/clock only (default {own.clock})",
    )
    group.add_argument("--clock-rate", dest="/clock_rate", type=int, metavar="N", help="with --clock scaled")
    group.add_argument(
        "--clock-start-ms", dest="/clock_start_ms", type=int, metavar="MS", help="epoch milliseconds (default now)"
    )
    group.add_argument(
        "--clock-skew-ms", dest="/clock_skew_ms", type=int, metavar="MS", help="how far the venue's clock is ahead"
    )


def _add_limits(group: argparse._ArgumentGroup, own: SandboxConfig) -> None:
    group.add_argument(
        "--limit", action="append", metavar="CLASS=N", help=f"requests per period, repeatable. Defaults: {_classes()}"
    )
    group.add_argument(
        "--limit-period-ms",
        dest="/limits/period_ms",
        type=int,
        metavar="MS",
        help=f"length of a period (default {own.limits.period_ms})",
    )
    group.add_argument(
        "--counting",
        choices=EVERY_KIND,
        help="how windows are counted (default: Backpack by the clock, Zanbara from the first request on)",
    )
    group.add_argument(
        "--strict-limits",
        dest="counting",
        action="store_const",
        const="all",
        help="judge by every kind of counting at once",
    )
    group.add_argument(
        "--limits-only-recorded",
        dest="/limits/enforced",
        action="store_const",
        const=False,
        help="serve what comes too often, and record it",
    )
    group.add_argument(
        "--strict-signatures",
        dest="/strict_signatures",
        action="store_const",
        const=True,
        help="Backpack: the documented signing string only",
    )
    group.add_argument("--strict", action="store_true", help="--strict-limits and --strict-signatures")


def _add_backpack(group: argparse._ArgumentGroup) -> None:
    for option, what in (
        ("historical-trades", "count /api/v1/trades as historical"),
        ("historical-funding", "count /api/v1/fundingRates as historical"),
        ("empty-cancels", "answer cancels with 202 and no body"),
    ):
        dest = f"/backpack/{option.replace('-', '_')}"
        group.add_argument(f"--{option}", dest=dest, action="store_const", const=True, help=what)


def _add_zanbara(group: argparse._ArgumentGroup, own: SandboxConfig) -> None:
    defaults = own.zanbara
    group.add_argument(
        "--environment",
        dest="/zanbara/environment",
        choices=["production", "testnet"],
        help=f"testnet has no limits and sends no X-RateLimit headers (default {defaults.environment})",
    )
    for option, what in (
        ("token-lifetime-s", f"life of a token (default {defaults.token_lifetime_s})"),
        (
            "ws-heartbeat-timeout-ms",
            f"silence after which a socket is closed with 4000 (default {defaults.ws_heartbeat_timeout_ms})",
        ),
    ):
        dest = f"/zanbara/{option.replace('-', '_')}"
        group.add_argument(f"--{option}", dest=dest, type=int, metavar="N", help=what)
    group.add_argument("--vip", action="append", metavar="ACCOUNT=LEVEL", help="VIP 1 to 3, 4 market maker")
    group.add_argument(
        "--halt", dest="/zanbara/halted", action="append", metavar="SYMBOL", help="a symbol that takes no orders"
    )
    for option, what in (
        ("require-signature", "refuse private requests without a signature"),
        ("reject-replay", "refuse a signature seen before"),
        ("strict-numbers", "refuse JSON numbers where text belongs"),
    ):
        dest = f"/zanbara/{option.replace('-', '_')}"
        group.add_argument(f"--{option}", dest=dest, action="store_const", const=True, help=what)


def _classes() -> str:
    """Every venue's classes of requests."""
    return "; ".join(
        f"{name} " + ", ".join(f"{kind}={limit}" for kind, limit in venue.limits.limits.items())
        for name, venue in VENUES.items()
    )


# -- what was said -----------------------------------------------------------------------------------------------------


def _members(said: Mapping[str, Any]) -> dict[str, Any]:
    """What options said of the configuration's own fields, nested as it is."""
    members: dict[str, Any] = {}
    if "counting" in said or "strict" in said:
        kind = "all" if "strict" in said else said["counting"]
        members["limits"] = {"counting": EVERY_KIND if kind == "all" else [kind]}
    if "strict" in said:
        members["strict_signatures"] = True
    for destination, value in said.items():
        if destination.startswith(NESTED):
            *sections, name = destination.split(NESTED)[1:]
            place = members
            for section in sections:
                place = place.setdefault(section, {})
            place[name] = value
    return members


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        known = merged.get(name)
        merged[name] = _over(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _pairs(option: str, items: Sequence[str]) -> dict[str, int]:
    """`NAME=N` arguments as a mapping."""
    pairs = {}
    for item in items:
        name, _, number = item.partition("=")
        if not (number.isascii() and number.isdigit()):
            raise BadConfiguration(f"{option} {item}: expected a name, `=` and a number")
        pairs[name] = int(number)
    return pairs

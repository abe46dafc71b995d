"""`python -m sandbox`: one simulated venue as a process. Prints one line of JSON when ready; SIGTERM ends it."""

import argparse
import asyncio
import ctypes
import dataclasses
import json
import os
import signal
import sys

import uvloop

from sandbox.config import (
    DEFAULT_ACCOUNTS,
    AccountConfig,
    Counting,
    LimitConfig,
    SandboxConfig,
    ZanbaraConfig,
    numbered_accounts,
)
from sandbox.server import running
from sandbox.world import VENUES

PR_SET_PDEATHSIG = 1
HIGHEST_VIP = 4


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A simulated exchange that speaks a real venue's REST and WebSocket protocol.",
        epilog="GET /sim/accounts lists credentials, GET /sim/ledger what happened, POST /sim/faults spoils things.",
    )
    limits = LimitConfig()
    parser.add_argument("--venue", choices=sorted(VENUES), default="backpack", help="whose protocol to speak")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--port", type=int, default=9101, help="port to listen on; 0 picks a free one (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of prices and market makers (default %(default)s)")
    parser.add_argument("--accounts", type=int, default=0, metavar="N", help="N more accounts: acct-01, acct-02, …")
    parser.add_argument(
        "--no-makers", action="store_true", help="no market makers: the book moves only when users move it"
    )
    parser.add_argument(
        "--book-levels", type=int, default=0, metavar="N", help="with --no-makers: N static levels a side"
    )
    parser.add_argument("--tick-ms", type=int, default=100, help="how often makers requote (default %(default)s)")
    parser.add_argument(
        "--limit-period-ms",
        type=int,
        default=limits.period_ms,
        help="period of the request limits (default %(default)s)",
    )
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="CLASS=N",
        help=f"requests per period of a class; repeatable. Classes and defaults: {_classes()}",
    )
    parser.add_argument(
        "--counting",
        choices=[kind.value for kind in Counting],
        help="how windows are counted (default: as the venue does, backpack by the clock, zanbara from the first one)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="judge by every kind of counting, and documented signatures only"
    )
    parser.add_argument("--strict-limits", action="store_true", help="judge by every kind of counting at once")
    parser.add_argument("--strict-signatures", action="store_true", help="accept the documented signing string only")
    parser.add_argument("--history-lag-ms", type=int, default=0, help="how late histories show what happened")
    parser.add_argument(
        "--clock-skew-ms", type=int, default=0, help="how far the venue's clock is ahead of this machine's"
    )
    _add_zanbara_options(parser)
    parser.add_argument("--with-parent", action="store_true", help="end when the parent process ends (Linux)")
    return parser


def _classes() -> str:
    """Every venue's classes of requests, for the help text."""
    return "; ".join(
        f"{name} " + ", ".join(f"{kind}={limit}" for kind, limit in venue.limits.limits.items())
        for name, venue in VENUES.items()
    )


def _add_zanbara_options(parser: argparse.ArgumentParser) -> None:
    defaults = ZanbaraConfig()
    group = parser.add_argument_group("zanbara only")
    group.add_argument(
        "--environment",
        choices=["production", "testnet"],
        default=defaults.environment,
        help="testnet has no request limits and sends no X-RateLimit headers (default %(default)s)",
    )
    group.add_argument(
        "--token-lifetime-s", type=int, default=defaults.token_lifetime_s, help="life of a token (default %(default)s)"
    )
    group.add_argument(
        "--ws-heartbeat-timeout-ms",
        type=int,
        default=defaults.ws_heartbeat_timeout_ms,
        help="silence after which a socket is closed with 4000 (default %(default)s)",
    )
    group.add_argument("--vip", action="append", default=[], metavar="ACCOUNT=LEVEL", help="VIP 1 to 3, 4 market maker")
    group.add_argument("--halt", action="append", default=[], metavar="SYMBOL", help="a symbol that takes no orders")
    group.add_argument("--require-signature", action="store_true", help="refuse private requests without a signature")
    group.add_argument("--reject-replay", action="store_true", help="refuse a signature seen before")
    group.add_argument("--strict-numbers", action="store_true", help="refuse JSON numbers where text belongs")


def _pairs(option: str, items: list[str]) -> dict[str, int]:
    """`NAME=N` arguments as a mapping; raises `ValueError` naming the one that cannot be read."""
    pairs = {}
    for item in items:
        name, _, number = item.partition("=")
        if not (number.isascii() and number.isdigit()):
            raise ValueError(f"{option} {item}: expected a name, `=` and a number")
        pairs[name] = int(number)
    return pairs


def _limits(arguments: argparse.Namespace) -> LimitConfig:
    limits = dict(VENUES[arguments.venue].limits.limits)
    given = _pairs("--limit", arguments.limit)
    if unknown := given.keys() - limits.keys():
        raise ValueError(f"--limit {', '.join(sorted(unknown))}: classes are {', '.join(sorted(limits))}")
    counting: tuple[Counting, ...] | None = None
    if arguments.strict or arguments.strict_limits:
        counting = tuple(Counting)
    elif arguments.counting is not None:
        counting = (Counting(arguments.counting),)
    return LimitConfig(period_ms=arguments.limit_period_ms, limits=limits | given, counting=counting)


def _accounts(arguments: argparse.Namespace) -> tuple[AccountConfig, ...]:
    accounts = DEFAULT_ACCOUNTS + numbered_accounts(arguments.accounts)
    levels = _pairs("--vip", arguments.vip)
    if unknown := levels.keys() - {account.name for account in accounts}:
        raise ValueError(f"--vip {', '.join(sorted(unknown))}: no such account")
    if max(levels.values(), default=0) > HIGHEST_VIP:
        raise ValueError(f"--vip: levels are 0 to {HIGHEST_VIP}")
    return tuple(dataclasses.replace(account, vip_level=levels.get(account.name, 0)) for account in accounts)


def configured(arguments: argparse.Namespace) -> SandboxConfig:
    """The configuration these arguments describe; raises `ValueError` on one that cannot be read."""
    return SandboxConfig(
        venue=arguments.venue,
        host=arguments.host,
        port=arguments.port,
        seed=arguments.seed,
        accounts=_accounts(arguments),
        makers=not arguments.no_makers,
        book_levels=arguments.book_levels,
        tick_ms=arguments.tick_ms,
        limits=_limits(arguments),
        strict_signatures=arguments.strict or arguments.strict_signatures,
        history_lag_ms=arguments.history_lag_ms,
        clock_skew_ms=arguments.clock_skew_ms,
        zanbara=ZanbaraConfig(
            environment=arguments.environment,
            token_lifetime_s=arguments.token_lifetime_s,
            ws_heartbeat_timeout_ms=arguments.ws_heartbeat_timeout_ms,
            require_signature=arguments.require_signature,
            reject_replay=arguments.reject_replay,
            strict_numbers=arguments.strict_numbers,
            halted=tuple(arguments.halt),
        ),
    )


async def serve(config: SandboxConfig) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(config) as urls:
        ready = {"event": "ready", "venue": config.venue, "url": urls.url, "ws_url": urls.ws_url}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent ends; if it already has, end now."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)


def main() -> int:
    arguments = parser().parse_args()
    if arguments.with_parent:
        end_with_parent()
    try:
        config = configured(arguments)
    except ValueError as exc:
        sys.stderr.write(f"sandbox: {exc}\n")
        return 2
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config))
    except OSError as exc:
        sys.stderr.write(f"sandbox: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

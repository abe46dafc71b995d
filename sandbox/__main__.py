"""`python -m sandbox`: one simulated venue as a process. Prints one line of JSON when ready; SIGTERM ends it."""

import argparse
import asyncio
import ctypes
import json
import os
import signal
import sys

import uvloop

from sandbox.config import DEFAULT_ACCOUNTS, Counting, LimitConfig, SandboxConfig, numbered_accounts
from sandbox.server import running
from sandbox.world import VENUES

PR_SET_PDEATHSIG = 1


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
        help="requests per period of a class: standard=2000, historical=30; repeatable",
    )
    parser.add_argument(
        "--counting",
        choices=[kind.value for kind in Counting],
        default=Counting.CLOCK.value,
        help="how windows are counted (default %(default)s)",
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
    parser.add_argument("--with-parent", action="store_true", help="end when the parent process ends (Linux)")
    return parser


def configured(arguments: argparse.Namespace) -> SandboxConfig:
    """The configuration these arguments describe; raises `ValueError` on a limit that cannot be read."""
    limits = dict(LimitConfig().limits)
    for item in arguments.limit:
        name, _, number = item.partition("=")
        if name not in limits:
            raise ValueError(f"--limit {item}: classes are {', '.join(sorted(limits))}")
        limits[name] = int(number)
    every_kind = arguments.strict or arguments.strict_limits
    return SandboxConfig(
        venue=arguments.venue,
        host=arguments.host,
        port=arguments.port,
        seed=arguments.seed,
        accounts=DEFAULT_ACCOUNTS + numbered_accounts(arguments.accounts),
        makers=not arguments.no_makers,
        book_levels=arguments.book_levels,
        tick_ms=arguments.tick_ms,
        limits=LimitConfig(
            period_ms=arguments.limit_period_ms,
            limits=limits,
            counting=tuple(Counting) if every_kind else (Counting(arguments.counting),),
        ),
        strict_signatures=arguments.strict or arguments.strict_signatures,
        history_lag_ms=arguments.history_lag_ms,
        clock_skew_ms=arguments.clock_skew_ms,
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

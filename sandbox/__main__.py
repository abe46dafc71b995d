"""`python -m sandbox`: simulated venues as a process, all in one event loop; SIGTERM or Ctrl-C ends it.

Without a terminal, or with `--json`, it prints one line of JSON for each venue once all are ready.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Sequence

import uvloop

from sandbox.command_line import asked_for, parser
from sandbox.config import SandboxConfig
from sandbox.configuration import BadConfiguration
from sandbox.guide import guide
from sandbox.server import Urls, running

PR_SET_PDEATHSIG = 1


async def serve(configs: Sequence[SandboxConfig], *, as_json: bool) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        started = [(config, await stack.enter_async_context(running(config))) for config in configs]
        sys.stdout.write(_ready_lines(started) if as_json else f"{guide(started)}\n")
        sys.stdout.flush()
        await stop.wait()


def _ready_lines(started: Sequence[tuple[SandboxConfig, Urls]]) -> str:
    return "".join(
        json.dumps({"event": "ready", "venue": config.venue, "url": urls.url, "ws_url": urls.ws_url}) + "\n"
        for config, urls in started
    )


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent ends; if it already has, end now."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)


def main() -> int:
    arguments = parser().parse_args()
    if "with_parent" in arguments:
        end_with_parent()
    try:
        configs = asked_for(arguments)
    except BadConfiguration as exc:
        sys.stderr.write(f"sandbox: {exc}\n")
        return 2
    as_json = "json" in arguments or not sys.stdout.isatty()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(configs, as_json=as_json))
    except OSError as exc:
        sys.stderr.write(f"sandbox: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

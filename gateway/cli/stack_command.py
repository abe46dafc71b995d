"""`crossgate stack`: the whole set around one command, for a user's own CI; its exit code is ours."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import httpx
import typer

from gateway.cli.children import ChildFailed
from gateway.cli.ending import wait_for_end
from gateway.cli.fail import fail
from gateway.cli.stack import PREFIXES, StackOptions, running, running_venues
from gateway.cli.variables import as_lines, stack_variables, venue_variables
from gateway.store.embedded import ServerFailed, ServerNotFound

GATEWAY_PORT, FIRST_VENUE_PORT = 8080, 9101
NOT_FOUND, BY_SIGNAL = 127, 128  # as shells have it


class Ports(StrEnum):
    """Which ports the set listens on."""

    FIXED = "fixed"
    AUTO = "auto"


class Venues(StrEnum):
    """Which simulated venues there are."""

    BACKPACK = "backpack"
    ZANBARA = "zanbara"
    BOTH = "both"


def stack(
    command: Annotated[
        list[str] | None, typer.Argument(help="What to run, after `--`; without it the set stays up until Ctrl-C.")
    ] = None,
    *,
    seed: Annotated[int, typer.Option(help="Seed of the simulated markets.")] = 7,
    ports: Annotated[
        Ports, typer.Option(help="fixed: gateway 8080, Backpack 9101, Zanbara 9102; auto: any that are free.")
    ] = Ports.FIXED,
    venue: Annotated[Venues, typer.Option(help="Which simulated venues to start.")] = Venues.BOTH,
    venues_only: Annotated[
        bool, typer.Option("--venues-only", help="The simulated venues alone, without gateway and Redis.")
    ] = False,
    sandbox_config: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Configuration of the simulated venues.")
    ] = None,
    env_file: Annotated[
        Path | None, typer.Option(help="Write the variables to this file, too; it is removed at the end.")
    ] = None,
) -> None:
    """Start Redis, simulated exchanges and a gateway, run a command against them, stop them, return its exit code.

    The command finds them in its environment: CROSSGATE_URL, CROSSGATE_WS_URL, CROSSGATE_API_KEY,
    CROSSGATE_API_SECRET, CROSSGATE_ACCOUNT, and for each venue CROSSGATE_BACKPACK_URL, _WS_URL, _API_KEY, _API_SECRET,
    _ACCOUNT. Example: crossgate stack --ports auto -- pytest
    """
    if command and shutil.which(command[0]) is None:
        fail(f"no command {command[0]}", code=NOT_FOUND)
    names = list(PREFIXES) if venue is Venues.BOTH else [venue.value]
    is_fixed = ports is Ports.FIXED
    options = StackOptions(
        seed=seed,
        gateway_port=GATEWAY_PORT if is_fixed else 0,
        venue_ports={
            name: FIRST_VENUE_PORT + at if is_fixed else 0 for at, name in enumerate(PREFIXES) if name in names
        },
        sandbox_arguments=() if sandbox_config is None else ("--config", str(sandbox_config)),
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that whatever was started is ended, too
    try:
        with _running(options, venues_only=venues_only) as variables, _written(env_file, variables):
            if command:
                raise typer.Exit(_run(command, variables))
            typer.echo(as_lines(variables), nl=False)
            typer.echo("It goes on running; Ctrl-C ends it.", err=True)
            wait_for_end()
    except (ChildFailed, ServerNotFound, ServerFailed, httpx.HTTPError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(BY_SIGNAL + signal.SIGINT) from None


@contextmanager
def _running(options: StackOptions, *, venues_only: bool) -> Iterator[dict[str, str]]:
    if venues_only:
        with running_venues(options) as venues:
            yield venue_variables(venues)
    else:
        with running(options) as started:
            yield stack_variables(started)


@contextmanager
def _written(path: Path | None, variables: Mapping[str, str]) -> Iterator[None]:
    """The variables as a file only we can read, for the length of the block."""
    if path is None:
        yield
        return
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(as_lines(variables))
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}", code=2)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _run(command: list[str], variables: Mapping[str, str]) -> int:
    """Run it to its end, whatever signals come: a Ctrl-C reaches it from the terminal, a SIGTERM from us."""
    process = subprocess.Popen(command, env={**os.environ, **variables})  # noqa: S603 - what the user asked for
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
    }
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else BY_SIGNAL - code

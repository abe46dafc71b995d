"""Staying up until somebody ends it."""

import signal

import typer


def wait_for_end() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        typer.echo("Ending.", err=True)

"""`crossgate sandbox`: a simulated venue; the command line is the sandbox's own."""

import runpy
import sys

import typer


def sandbox(context: typer.Context) -> None:
    """Run a simulated exchange that speaks a real venue's protocol (see `crossgate sandbox --help`)."""
    sys.argv = ["crossgate sandbox", *context.args]
    runpy.run_module("sandbox", run_name="__main__")

"""`crossgate sandbox`: simulated venues; the command line is the sandbox's own."""

import runpy
import sys

import typer


def sandbox(context: typer.Context) -> None:
    """Run simulated exchanges that speak the real venues' protocols (see `crossgate sandbox --help`)."""
    sys.argv = ["crossgate sandbox", *context.args]
    runpy.run_module("sandbox", run_name="__main__")

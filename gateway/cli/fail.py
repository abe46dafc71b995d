"""How a command ends that cannot do what it was asked."""

from typing import NoReturn

import typer

from gateway.config_file import ConfigError


def fail(message: str, *, code: int = 1) -> NoReturn:
    """Say why on stderr and end."""
    typer.echo(f"crossgate: {message}", err=True)
    raise typer.Exit(code)


def fail_config(error: ConfigError) -> NoReturn:
    """Say what is wrong with the configuration, a line for each key."""
    typer.echo("crossgate: the configuration cannot be used:", err=True)
    for problem in error.problems:
        typer.echo(f"  {problem}", err=True)
    raise typer.Exit(2)

"""The command `crossgate`, one module for each of its commands."""


def main() -> None:
    """Run the command line."""
    from gateway.cli.commands import app  # noqa: PLC0415 - whoever imports one part does not pay for all commands

    app()

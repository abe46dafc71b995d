"""`crossgate config`: look at the configuration before it is used."""

import json

import typer

from adapters.models import VenueName
from gateway.cli.fail import fail_config
from gateway.cli.options import ConfigFile
from gateway.config_file import ConfigError, load
from gateway.settings import Settings

app = typer.Typer(help="Look at the configuration before it is used.", no_args_is_help=True)


@app.command("check")
def check(config: ConfigFile = None) -> None:
    """Read the configuration and every secret it points at, as `serve` would; connect to nothing."""
    # Here, since they are most of what there is, and few commands need them.
    from adapters.common.transport import HttpTransport  # noqa: PLC0415
    from gateway.app import create_app  # noqa: PLC0415
    from gateway.budgets import crowded  # noqa: PLC0415
    from gateway.clock import VenueClock  # noqa: PLC0415
    from gateway.opening import open_venues  # noqa: PLC0415
    from gateway.venue_calls import VenueCalls  # noqa: PLC0415

    try:
        settings = load(config)
        create_app(settings, "redis://127.0.0.1")
        venues = open_venues(
            settings, VenueCalls(HttpTransport()), {VenueName(name): VenueClock() for name in settings.venues}
        )
    except ConfigError as error:
        fail_config(error)
    for note in crowded(settings, venues):
        typer.echo(f"note: {note}")
    typer.echo(f"ok: {len(settings.venues)} venues, {len(settings.accounts)} accounts, {len(settings.clients)} clients")


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of the configuration file."""
    typer.echo(json.dumps(Settings.model_json_schema(), indent=2))

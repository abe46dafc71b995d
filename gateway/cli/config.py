"""`crossgate config`: look at the configuration before it is used."""

import json

import typer

from adapters.common.transport import HttpTransport
from adapters.models import VenueName
from gateway.app import create_app
from gateway.budgets import crowded
from gateway.cli.fail import fail_config
from gateway.cli.options import ConfigFile
from gateway.clock import VenueClock
from gateway.config_file import ConfigError, load
from gateway.opening import open_venues
from gateway.settings import Settings
from gateway.venue_calls import VenueCalls

app = typer.Typer(help="Look at the configuration before it is used.", no_args_is_help=True)


@app.command("check")
def check(config: ConfigFile = None) -> None:
    """Read the configuration and every secret it points at, as `serve` would; connect to nothing."""
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

"""`crossgate keys`: make secrets, and what the configuration keeps of them."""

from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from gateway.auth.secrets import new_client_secret, new_seed, new_signing_key, secret_sha256
from gateway.cli.fail import fail
from gateway.settings import Name

app = typer.Typer(help="Make secrets, and what the configuration keeps of them.", no_args_is_help=True)


@app.command("client")
def client(name: Annotated[str, typer.Argument(help="The client's name in the configuration.")]) -> None:
    """Make a secret for a client, and the lines that let it in."""
    _check_name(name)
    secret = new_client_secret()
    typer.echo("Give these to the bot; the secret is shown once and stored nowhere:")
    typer.echo(f"  api_key:    {name}")
    typer.echo(f"  api_secret: {secret}")
    typer.echo("And add this to the configuration:")
    typer.echo(f"  clients:\n    {name}:\n      scopes: [read, trade]\n      accounts: {{}}")
    typer.echo(f"      key_sha256: [{secret_sha256(secret)}]")


@app.command("signing")
def signing(name: Annotated[str, typer.Argument(help="The client's name in the configuration.")]) -> None:
    """Make a key pair that a client signs requests with, and the lines that make it count."""
    _check_name(name)
    private, public = new_signing_key()
    typer.echo("Give this to the bot; the private key is shown once and stored nowhere:")
    typer.echo(f"  private_key: {private}")
    typer.echo("And add this to the configuration:")
    typer.echo(f"  clients:\n    {name}:\n      signing_key: {public}")


@app.command("seed")
def seed() -> None:
    """Make a key for `keys.tokens` or `keys.ids`: put it in a file only the gateway can read."""
    typer.echo(new_seed())


def _check_name(name: str) -> None:
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        fail("a client's name has lower-case letters, digits and dashes only", code=2)

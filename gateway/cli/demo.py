"""`crossgate demo`: everything on one machine, a tour of it, and curl lines to go on with."""

import os
import signal
import subprocess
import sys
from typing import Annotated

import httpx
import typer

from gateway.cli.children import ChildFailed
from gateway.cli.fail import fail
from gateway.cli.stack import Stack, StackOptions, running
from gateway.store.embedded import ServerFailed, ServerNotFound


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the tour: 0 if all of it was true, else 1.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the simulated market.")] = 7,
    port: Annotated[int, typer.Option(help="Where the gateway listens; 0 picks a free port.")] = 8080,
    sandbox_port: Annotated[int, typer.Option(help="Where the simulated exchange listens; 0 picks one.")] = 9101,
) -> None:
    """Start Redis, a simulated exchange and the gateway, and take a tour that trades on it."""
    typer.echo("Starting Redis, the simulated exchange and the gateway …")
    try:
        with running(StackOptions(seed=seed, gateway_port=port, sandbox_port=sandbox_port)) as stack:
            code = _tour(stack)
            if once:
                raise typer.Exit(code)
            _go_on(stack)
            _wait_for_end()
    except (ChildFailed, ServerNotFound, ServerFailed, httpx.HTTPError) as error:
        fail(str(error))


def _tour(stack: Stack) -> int:
    typer.echo(f"The gateway listens on {stack.urls[0]}, the simulated exchange on {stack.venue_url}.")
    arguments = ["--url", stack.urls[0], "--api-key", stack.api_key, "--account", stack.account]
    env = {**os.environ, "CROSSGATE_DEMO_SECRET": stack.api_secret}
    return subprocess.run([sys.executable, "-m", "demo", *arguments], env=env, check=False).returncode  # noqa: S603


def _go_on(stack: Stack) -> None:
    url = stack.urls[0]
    typer.echo(f"""
It goes on running; Ctrl-C ends it. Logs are in {stack.logs}. To try it yourself:

  curl -s {url}/v1/markets
  curl -s {url}/v1/venues/backpack/markets/SOL-USDC/orderbook?depth=5
  TOKEN=$(curl -s {url}/v1/auth/token -H 'Content-Type: application/json' \\
    -d '{{"api_key": "{stack.api_key}", "api_secret": "{stack.api_secret}"}}' | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
  curl -s {url}/v1/accounts/{stack.account}/balances -H "Authorization: Bearer $TOKEN"
  curl -s {url}/v1/orders -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
    -d '{{"account": "{stack.account}", "symbol": "SOL-USDC", "side": "buy", "type": "limit",
         "quantity": "1", "price": "50", "client_order_id": "my-first-order"}}'
  curl -s '{url}/v1/orders?account={stack.account}&status=open' -H "Authorization: Bearer $TOKEN"
""")


def _wait_for_end() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        typer.echo("Ending.")

"""`crossgate demo`: everything on one machine, a tour of it, and curl lines to go on with."""

import os
import subprocess
import sys
import textwrap
from decimal import Decimal
from typing import Annotated

import httpx
import typer

from gateway.cli.children import ChildFailed
from gateway.cli.ending import wait_for_end
from gateway.cli.fail import fail
from gateway.cli.stack import PREFIXES, Stack, StackOptions, running
from gateway.store.embedded import ServerFailed, ServerNotFound


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the tour: 0 if all of it was true, else 1.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the simulated market.")] = 7,
    port: Annotated[int, typer.Option(help="Where the gateway listens; 0 picks a free port.")] = 8080,
    venue_port: Annotated[int, typer.Option(help="Where the first simulated exchange listens; 0 picks ports.")] = 9101,
) -> None:
    """Start Redis, a simulated exchange and the gateway, and take a tour that trades on it."""
    typer.echo("Starting Redis, the simulated exchange and the gateway …")
    ports = {name: venue_port + number if venue_port else 0 for number, name in enumerate(PREFIXES)}
    try:
        with running(StackOptions(seed=seed, gateway_port=port, venue_ports=ports)) as stack:
            code = _tour(stack)
            if once:
                raise typer.Exit(code)
            _go_on(stack)
            wait_for_end()
    except (ChildFailed, ServerNotFound, ServerFailed, httpx.HTTPError) as error:
        fail(str(error))


def _tour(stack: Stack) -> int:
    typer.echo(f"The gateway listens on {stack.urls[0]}.")
    for venue in stack.venues.values():
        typer.echo(f"The simulated {venue.name} listens on {venue.url}.")
    arguments = ["--url", stack.urls[0], "--api-key", stack.api_key, *_accounts(stack)]
    env = {**os.environ, "CROSSGATE_DEMO_SECRET": stack.api_secret}
    return subprocess.run([sys.executable, "-m", "demo", *arguments], env=env, check=False).returncode  # noqa: S603


def _accounts(stack: Stack) -> list[str]:
    """One account of each venue."""
    return [part for account in stack.accounts[: len(stack.venues)] for part in ("--account", account)]


def _go_on(stack: Stack) -> None:
    typer.echo(f"\nIt goes on running; Ctrl-C ends it. Logs are in {stack.directory}. To try it yourself:\n")
    typer.echo(textwrap.indent(examples(stack), "  "))


def examples(stack: Stack) -> str:
    """Lines to paste into a shell."""
    url, account = stack.urls[0], stack.accounts[0]
    book = httpx.get(f"{url}/v1/venues/backpack/markets/SOL-USDC/orderbook?depth=1", trust_env=False).json()["data"]
    price = (Decimal(book["bids"][0][0]) * Decimal("0.98")).quantize(Decimal("0.01"))
    return f"""\
curl -s {url}/v1/markets
curl -s '{url}/v1/venues/backpack/markets/SOL-USDC/orderbook?depth=5'
TOKEN=$(curl -s {url}/v1/auth/token -H 'Content-Type: application/json' \\
  -d '{{"api_key": "{stack.api_key}", "api_secret": "{stack.api_secret}"}}' | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
curl -s {url}/v1/accounts/{account}/balances -H "Authorization: Bearer $TOKEN"
curl -s {url}/v1/orders -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
  -d '{{"account": "{account}", "symbol": "SOL-USDC", "side": "buy", "type": "limit",
       "quantity": "1", "price": "{price}", "client_order_id": "my-first-order"}}'
curl -s '{url}/v1/orders?account={account}&status=open' -H "Authorization: Bearer $TOKEN"
curl -s -X DELETE {url}/v1/accounts/{account}/orders/by-client-id/my-first-order -H "Authorization: Bearer $TOKEN"
"""

"""`python -m demo`: take the tour of a running gateway; exits 0 if everything it shows is true, else 1."""

import argparse
import asyncio
import os
import sys

import httpx
from rich.console import Console

from demo.api import Api, CallFailed
from demo.tour import Tour, TourFailed


async def _take_tour(url: str, api_key: str, api_secret: str, accounts: list[str]) -> None:
    console = Console(highlight=False)
    async with Api.log_in(url, api_key, api_secret) as api:
        await Tour(api, accounts, console).run()


def main() -> int:
    """Parse the command line and take the tour."""
    parser = argparse.ArgumentParser(prog="demo", description="A tour of a running gateway, over HTTP and WebSocket.")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the gateway (default %(default)s)")
    parser.add_argument("--api-key", required=True, help="the client's name")
    parser.add_argument(
        "--account", required=True, action="append", help="an account granted to the client; one of each venue"
    )
    arguments = parser.parse_args()
    api_secret = os.environ.get("CROSSGATE_DEMO_SECRET")
    if not api_secret:
        parser.error("set CROSSGATE_DEMO_SECRET to the client's secret")
    try:
        asyncio.run(_take_tour(arguments.url, arguments.api_key, api_secret, arguments.account))
    except (TourFailed, CallFailed, httpx.TransportError, OSError) as error:
        print(f"\nThe tour failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

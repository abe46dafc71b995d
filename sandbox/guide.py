"""What a trader is told who has started a sandbox at a terminal: where it is, its keys, and lines to paste."""

from collections.abc import Mapping, Sequence
from textwrap import dedent
from typing import Any

from sandbox.config import ClockKind, SandboxConfig
from sandbox.server import Urls


def guide(started: Sequence[tuple[SandboxConfig, Urls]]) -> str:
    """The whole text."""
    parts = [_venue(config, urls) for config, urls in started]
    return "\n".join([*parts, "Ctrl-C ends it; nothing is kept. What else it can do: docs/sandbox.md"])


def _venue(config: SandboxConfig, urls: Urls) -> str:
    accounts = urls.world.face.accounts()
    lines = [
        f"{config.venue.capitalize()}, simulated (seed {config.seed}{_time(config)})",
        f"  REST       {urls.url}",
        f"  WebSocket  {urls.ws_url}{SOCKET_PATHS[config.venue]}",
        f"  Control    {urls.url}/sim/accounts, /sim/ledger, /sim/faults, /sim/prices, /sim/clock, …",
        "",
        *_keys(accounts),
        "",
    ]
    # Flush with the margin: Python would not take it otherwise.
    return "\n".join(lines) + "\n" + SNIPPETS[config.venue](urls.url, accounts[0]["credentials"])


def _time(config: SandboxConfig) -> str:
    match config.clock:
        case ClockKind.REAL:
            return ""
        case ClockKind.SCALED:
            return f", {config.clock_rate} times as fast as real time"
        case ClockKind.STEPPED:
            return ", time moves by POST /sim/clock only"


def _keys(accounts: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [("account", "API key", "API secret")]
    rows += [
        (str(item["name"]), item["credentials"]["api_key"], item["credentials"]["api_secret"]) for item in accounts
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [f"  {name:{widths[0]}}  {key:{widths[1]}}  {secret}" for name, key, secret in rows]


def backpack_snippet(url: str, credentials: Mapping[str, str]) -> str:
    """Python lines that trade with ccxt."""
    return dedent(f"""\
        import ccxt

        exchange = ccxt.backpack({{"apiKey": "{credentials["api_key"]}", "secret": "{credentials["api_secret"]}"}})
        exchange.urls["api"] = {{"public": "{url}", "private": "{url}"}}
        print(exchange.fetch_order_book("SOL/USDC", 5)["bids"])
        print(exchange.create_order("SOL/USDC", "limit", "buy", 1, 140)["id"])
        print([order["id"] for order in exchange.fetch_open_orders("SOL/USDC")])
        """)


def zanbara_snippet(url: str, credentials: Mapping[str, str]) -> str:
    """Shell lines that log in, then place an order in a signed request."""
    return dedent(f"""\
        URL={url} KEY={credentials["api_key"]} SECRET={credentials["api_secret"]}
        TOKEN=$(curl -s $URL/v1/auth/token -H 'Content-Type: application/json' \\
          -d "{{\\"api_key\\":\\"$KEY\\",\\"api_secret\\":\\"$SECRET\\"}}" | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
        curl -s $URL/v1/account/balance -H "Authorization: Bearer $TOKEN"
        BODY='{{"symbol":"SOL-PERP","side":"buy","type":"limit","quantity":"1","price":"140"}}' TIME=$(date +%s000)
        SIGNATURE=$(printf %s "${{TIME}}POST/v1/order/place$BODY" | openssl dgst -sha256 -hmac $SECRET | sed 's/.* //')
        curl -s $URL/v1/order/place -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
          -H "X-API-Key: $KEY" -H "X-API-Timestamp: $TIME" -H "X-API-Signature: $SIGNATURE" -d "$BODY"
        """)


SOCKET_PATHS = {"backpack": "", "zanbara": "/ws"}
SNIPPETS = {"backpack": backpack_snippet, "zanbara": zanbara_snippet}

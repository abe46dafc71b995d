"""Order requests as bytes, signed ahead of time, so that signing does not hold up who sends them."""

import base64
import hashlib
import hmac
import itertools
import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

from nacl.signing import SigningKey

from bench.sandbox.venue import RunningVenue

WINDOW_MS = 60_000
SCRIPT = 5  # requests that belong together: a cancel comes after its order
JsonObject = Mapping[str, Any]


class Mix(Enum):
    """`ALL`: two orders that rest, one that trades at once, cancels of the two. `TRADES`: only such as trade."""

    ALL = "all"
    TRADES = "trades"


Signed = Callable[[RunningVenue, Mix, int], list[bytes]]


def backpack(venue: RunningVenue, mix: Mix, count: int) -> list[bytes]:
    """Requests signed with ED25519."""
    account = venue.accounts["desk-a"]
    key = SigningKey(base64.b64decode(account["secret_key"]))
    now_ms = int(time.time() * 1000)

    def written(instruction: str, method: str, body: JsonObject) -> bytes:
        members = "".join(f"&{name}={_text(body[name])}" for name in sorted(body))
        string = f"instruction={instruction}{members}&timestamp={now_ms}&window={WINDOW_MS}"
        headers = {
            "X-API-Key": account["public_key"],
            "X-Timestamp": str(now_ms),
            "X-Window": str(WINDOW_MS),
            "X-Signature": base64.b64encode(key.sign(string.encode()).signature).decode(),
        }
        return request(venue, method, "/api/v1/order", json.dumps(body).encode(), headers)

    def place(side: str, price: str, client_id: int, time_in_force: str = "GTC") -> bytes:
        body = {
            "symbol": "SOL_USDC_PERP",
            "side": side,
            "orderType": "Limit",
            "price": price,
            "quantity": "0.05",
            "timeInForce": time_in_force,
            "clientId": client_id,
        }
        return written("orderExecute", "POST", body)

    def cancel(client_id: int) -> bytes:
        return written("orderCancel", "DELETE", {"symbol": "SOL_USDC_PERP", "clientId": client_id})

    return list(_mixed(mix, count, ("Bid", "Ask"), place, cancel))


def zanbara(venue: RunningVenue, mix: Mix, count: int) -> list[bytes]:
    """Requests with a bearer token, signed with HMAC. They must be sent within the venue's five seconds."""
    key = venue.accounts["desk-a"]["credentials"]
    token = zanbara_token(venue)
    timestamp = str(int(time.time() * 1000) + 2000)

    def written(path: str, body: JsonObject) -> bytes:
        content = json.dumps(body).encode()
        signed = f"{timestamp}POST{path}".encode() + content
        headers = {
            "Authorization": f"Bearer {token}",
            "X-API-Key": key["api_key"],
            "X-API-Timestamp": timestamp,
            "X-API-Signature": hmac.new(key["api_secret"].encode(), signed, hashlib.sha256).hexdigest(),
        }
        return request(venue, "POST", path, content, headers)

    def place(side: str, price: str, client_id: int, time_in_force: str = "GTC") -> bytes:
        body = {
            "symbol": "SOL-PERP",
            "side": side,
            "type": "limit",
            "price": price,
            "quantity": "0.05",
            "time_in_force": time_in_force,
            "client_order_id": f"{timestamp}-{client_id}",
        }
        return written("/v1/order/place", body)

    def cancel(client_id: int) -> bytes:
        return written("/v1/order/cancel", {"client_order_id": f"{timestamp}-{client_id}"})

    return list(_mixed(mix, count, ("buy", "sell"), place, cancel))


def zanbara_token(venue: RunningVenue) -> str:
    credentials = json.dumps(venue.accounts["desk-a"]["credentials"]).encode()
    asked = urllib.request.Request(
        f"http://{venue.host}:{venue.port}/v1/auth/token", credentials, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked) as answer:  # noqa: S310 - loopback
        token: str = json.load(answer)["data"]["token"]
    return token


def request(venue: RunningVenue, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {venue.host}:{venue.port}",
        "Content-Type: application/json; charset=utf-8",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _mixed(
    mix: Mix, count: int, sides: tuple[str, str], place: Callable[..., bytes], cancel: Callable[[int], bytes]
) -> Iterator[bytes]:
    """The market is near 150: what shall rest is a fifth away from it, what shall trade reaches beyond it."""
    buy, sell = sides
    taking = itertools.cycle(((buy, "160.00"), (sell, "140.00")))
    for number in range(0, count, SCRIPT):
        if mix is Mix.TRADES:
            for each in range(number, number + SCRIPT):
                yield place(*next(taking), each, "IOC")
            continue
        yield place(buy, "120.00", number)
        yield place(sell, "180.00", number + 1)
        yield place(*next(taking), number + 2, "IOC")
        yield cancel(number)
        yield cancel(number + 1)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

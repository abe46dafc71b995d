"""Signed requests: who signs is let in, once for each signature, whichever replica is asked."""

import asyncio
import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.api.context import now_ms
from gateway.auth import Signatures
from gateway.auth.signing import SignatureRefused, Signed
from gateway.errors import StoreUnavailable
from gateway.store.client import Store
from tests.gateway.api.running import Running, limit_body
from tests.redis_process import RedisProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def sign(text: bytes) -> str:
    return base64.b64encode(KEY.sign(text)).decode()


def headers_for(
    method: str, path: str, body: bytes = b"", *, client: str = "signer", at_ms: int | None = None
) -> dict[str, str]:
    timestamp_ms = now_ms() if at_ms is None else at_ms
    signature = sign(b"%d" % timestamp_ms + method.encode() + path.encode() + body)
    return {"X-API-Key": client, "X-API-Timestamp": str(timestamp_ms), "X-API-Signature": signature}


def order(**changes: Any) -> tuple[bytes, dict[str, str]]:
    """A body with its own spacing, and the headers for it."""
    body = json.dumps(limit_body(**changes), indent=3).encode()
    return body, headers_for("POST", "/v1/orders", body) | {"content-type": "application/json"}


async def test_a_signature_alone_lets_in(gateway: Running) -> None:
    body, headers = order()
    placed = await gateway.call("POST", "/v1/orders", headers=headers, content=body)
    assert (placed.status_code, placed.json()["data"]["client"]) == (201, "signer")
    path = f"/v1/orders?account=main&client_order_id={placed.json()['data']['client_order_id']}"
    found = await gateway.call("GET", path, headers=headers_for("GET", path))
    assert found.json()["data"]["total"] == 1


async def test_the_same_signed_request_is_accepted_once(gateway: Running) -> None:
    body, headers = order()
    assert (await gateway.call("POST", "/v1/orders", headers=headers, content=body)).status_code == 201
    status, error = await gateway.error("POST", "/v1/orders", headers=headers, content=body)
    assert (status, error["code"], error["field"]) == (401, "INVALID_SIGNATURE", "X-API-Signature")
    assert (error["outcome"], error["retryable"]) == ("not_sent", False)


async def test_a_body_changed_by_one_blank_is_refused(gateway: Running) -> None:
    body, headers = order()
    status, error = await gateway.error("POST", "/v1/orders", headers=headers, content=body + b" ")
    assert (status, error["code"]) == (401, "INVALID_SIGNATURE")


@pytest.mark.parametrize("off_ms", [-8_000, 8_000])
async def test_a_timestamp_too_far_from_our_time_is_named(gateway: Running, off_ms: int) -> None:
    headers = headers_for("GET", "/v1/accounts", at_ms=now_ms() + off_ms)
    status, error = await gateway.error("GET", "/v1/accounts", headers=headers)
    assert (status, error["code"], error["field"]) == (401, "INVALID_SIGNATURE", "X-API-Timestamp")


async def test_a_client_without_a_key_and_one_that_is_none_answer_alike(gateway: Running) -> None:
    answers = [
        await gateway.error("GET", "/v1/accounts", headers=headers_for("GET", "/v1/accounts", client=name))
        for name in ("bot", "nobody")
    ]
    assert [(status, error["message"]) for status, error in answers] == [(401, answers[0][1]["message"])] * 2


async def test_a_token_of_another_client_beside_a_good_signature_is_refused(gateway: Running) -> None:
    headers = headers_for("GET", "/v1/accounts")
    status, error = await gateway.error("GET", "/v1/accounts", client="bot", headers=headers)
    assert (status, error["field"]) == (401, "X-API-Key")


async def test_a_client_that_signs_its_writes_must_and_may_read_without(gateway: Running) -> None:
    assert (await gateway.call("GET", "/v1/accounts", client="strict")).status_code == 200
    status, error = await gateway.error("POST", "/v1/orders", client="strict", json=limit_body())
    assert (status, error["code"], error["outcome"]) == (401, "INVALID_SIGNATURE", "not_sent")
    body, headers = order()
    headers |= headers_for("POST", "/v1/orders", body, client="strict")
    placed = await gateway.call("POST", "/v1/orders", client="strict", headers=headers, content=body)
    assert placed.status_code == 201


async def test_of_one_signed_request_raced_at_three_replicas_exactly_one_passes(
    gateway: Running, api_redis: RedisProcess
) -> None:
    text = [b"%d" % now_ms(), b"POST", b"/v1/orders", b"{}"]
    signed = Signed("signer", int(text[0]), KEY.sign(b"".join(text)))
    clients = gateway.services.clients
    async with Store.open(api_redis.url) as one, Store.open(api_redis.url) as two, Store.open(api_redis.url) as three:
        replicas = [Signatures(clients.get, now_ms) for _ in range(3)]
        for replica, store in zip(replicas, (one, two, three), strict=True):
            replica.open(store)
        outcomes = await asyncio.gather(
            *(replica.verify(signed, "POST", text[2], text[3], may_repeat=False) for replica in replicas * 5),
            return_exceptions=True,
        )
    refused = [outcome for outcome in outcomes if isinstance(outcome, SignatureRefused)]
    assert (len(outcomes), len(refused)) == (15, 14)


async def test_without_the_store_a_signed_cancel_passes_and_nothing_else_that_changes_something(
    gateway: Running, tmp_path: Any
) -> None:
    clients = gateway.services.clients
    async with Store.open(f"unix://{tmp_path}/nobody-listens") as store:
        away = Signatures(clients.get, now_ms)
        away.open(store)
        at_ms = now_ms()
        signed = Signed("signer", at_ms, KEY.sign(b"%dDELETE/v1/orders/x" % at_ms))
        with pytest.raises(StoreUnavailable):
            await away.verify(signed, "DELETE", b"/v1/orders/x", b"", may_repeat=False)
        assert (await away.verify(signed, "DELETE", b"/v1/orders/x", b"", may_repeat=True)).name == "signer"
        old = Signed("signer", at_ms - 8_000, KEY.sign(b"%dDELETE/v1/orders/x" % (at_ms - 8_000)))
        with pytest.raises(SignatureRefused, match="from our time"):
            await away.verify(old, "DELETE", b"/v1/orders/x", b"", may_repeat=True)

"""Signed requests at the edge: the body is read whole, judged as it came, and handed on unchanged."""

import re

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from gateway.api.context import RequestContext
from gateway.api.problem import READS
from gateway.auth.signatures import Signatures
from gateway.auth.signing import KEY, SIGNATURE, TIMESTAMP, SignatureRefused, read_headers
from gateway.errors import Code, Refusal, StoreUnavailable
from gateway.translation import store_refusal

SIGNED_BODY_MAX_BYTES = 1024 * 1024
"""What the largest route takes; each route has its own bound besides."""

_CANCEL = re.compile(r"/v1/(orders|accounts/[^/]+/orders/by-client-id)/[^/]+")


def is_signed(headers: Headers) -> bool:
    """Whether the request means to be a signed one."""
    return any(name in headers for name in (KEY, TIMESTAMP, SIGNATURE))


async def authenticate(scope: Scope, receive: Receive, context: RequestContext, signatures: Signatures) -> Receive:
    """Note in `context` who signed, or why the signature opens nothing; answers with where to read the body from."""
    headers = Headers(scope=scope)
    try:
        signed = read_headers(*(headers.getlist(name) for name in (KEY, TIMESTAMP, SIGNATURE)))
        body, receive = await _read_whole(headers, receive)
        client = await signatures.verify(
            signed, scope["method"], _target(scope), body, may_repeat=_may_repeat(scope["method"], scope["path"])
        )
    except SignatureRefused as error:
        context.refuse(Refusal(Code.INVALID_SIGNATURE, str(error), field=error.part))
    except StoreUnavailable:
        context.refuse(store_refusal(write=scope["method"] not in READS))
    except Refusal as refusal:
        context.refuse(refusal)
    else:
        if context.client is not None and context.client.name != client.name:
            context.refuse(Refusal(Code.INVALID_SIGNATURE, f"the token is not that of the client in {KEY}", field=KEY))
        else:
            context.client, context.is_signed = client, True
    return receive


def _target(scope: Scope) -> bytes:
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path


def _may_repeat(method: str, path: str) -> bool:
    """Whether it does no harm to do it twice: reads, and the cancel of one order."""
    return method in READS or (method == "DELETE" and _CANCEL.fullmatch(path) is not None)


async def _read_whole(headers: Headers, receive: Receive) -> tuple[bytes, Receive]:
    """The body, and a `receive` that gives it again."""
    too_large = Refusal(Code.PAYLOAD_TOO_LARGE, f"the body is larger than {SIGNED_BODY_MAX_BYTES} bytes")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > SIGNED_BODY_MAX_BYTES:
        raise too_large
    body = bytearray()
    has_more = True
    while has_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > SIGNED_BODY_MAX_BYTES:
            raise too_large
        has_more = message.get("more_body", False)
    whole = bytes(body)
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": whole, "more_body": False}

    return whole, again

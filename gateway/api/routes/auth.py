"""`/v1/auth`: a client's secret against a token."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from gateway.api.answers import ERRORS, ok
from gateway.api.bodies import Answer, Body, Shape
from gateway.api.deps import TheContext, TheServices, json_body, openapi_body
from gateway.errors import Code, Refusal

_log = structlog.get_logger()

router = APIRouter(prefix="/v1/auth", tags=["auth"], responses=ERRORS)


class TokenRequest(Body):
    api_key: Annotated[str, Field(max_length=64)]
    """The client's name."""
    api_secret: Annotated[str, Field(max_length=256)]


class TokenAnswer(Shape):
    token: str
    token_type: str = "Bearer"  # noqa: S105 - the word of the standard
    expires_in: int


@router.post("/token", response_model=Answer[TokenAnswer], openapi_extra=openapi_body(TokenRequest))
async def issue_token(
    the: TheServices, context: TheContext, body: Annotated[TokenRequest, Depends(json_body(TokenRequest))]
) -> Response:
    """Get a token for `Authorization: Bearer`; renew by asking again."""
    client = the.clients.with_secret(body.api_key, body.api_secret)
    if client is None:
        # Only a name we know is logged: what else stands there may be the secret, in the wrong field.
        known = body.api_key if the.clients.get(body.api_key) else None
        _log.warning("token_refused", client=known, address=context.address)
        raise Refusal(Code.AUTHENTICATION_FAILED, "no client has this api_key and api_secret")
    if client.ip_allow and context.address not in client.ip_allow:
        raise Refusal(Code.IP_NOT_ALLOWED, f"client {client.name} may not call from {context.address}")
    _log.info("token_issued", client=client.name, address=context.address)
    answer = TokenAnswer(token=the.tokens.issue(client), expires_in=the.tokens.lifetime_s)
    return ok(TokenAnswer, answer)

"""From exceptions to the error envelope: the one place where they meet HTTP."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.api.context import now_ms
from gateway.api.deps import invalid_parameter
from gateway.api.problem import READS, error_response, internal_error
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.translation import store_refusal


def install(app: FastAPI) -> None:
    """Make every error of the application leave in the envelope."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return _answer(request, error)

    @app.exception_handler(StoreUnavailable)
    async def store_gone(request: Request, error: StoreUnavailable) -> Response:
        return _answer(request, store_refusal(write=False))

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        # Starlette raises it again after this answer, and the edge logs it.
        return _answer(request, internal_error(request.method))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return _answer(request, invalid_parameter(error.errors(), skip=1))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        path = request.scope["path"][:128]  # not from `request.url`, which believes the Host header
        if error.status_code == 404:
            refusal = Refusal(Code.ENDPOINT_NOT_FOUND, f"there is no {path}; /docs lists what there is")
        elif error.status_code == 405:
            refusal = Refusal(Code.METHOD_NOT_ALLOWED, f"{request.method} is not allowed on {path}")
        else:
            refusal = Refusal(Code.INVALID_REQUEST, "the request cannot be read")
        return _answer(request, refusal, headers=error.headers)


def _answer(request: Request, refusal: Refusal, *, headers: object = None) -> Response:
    if refusal.outcome is None and request.method not in READS:
        # Whoever has sent something says so; what is refused before that says nothing.
        refusal.outcome = Outcome.NOT_SENT
    response = error_response(refusal, request_id=request.state.context.request_id, time_ms=now_ms())
    if isinstance(headers, dict):
        response.headers.update(headers)  # `Allow` beside a 405
    return response

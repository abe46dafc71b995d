"""The outermost layer: request ids, who is calling, the caller's own budget, headers, and the access log.

Plain ASGI. Whatever goes wrong inside, the client gets the error envelope, never a stack trace.
"""

import asyncio
import math
import re
import secrets
import time
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.addresses import AllowList, client_address
from gateway.api import metrics
from gateway.api.context import BudgetView, RequestContext, now_ms
from gateway.api.problem import READS, error_response, internal_error
from gateway.auth import ClientBudget, TokenRefused, Tokens
from gateway.errors import Code, Outcome, Refusal
from gateway.limiter import ON_SPENT, PRESENCE, CallerLeft, Presence

_log = structlog.get_logger()

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNCOUNTED = frozenset({"/healthz", "/readyz"})


class Edge:
    """Wraps the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        tokens: Tokens,
        budget: ClientBudget,
        trusted_proxies: AllowList,
    ):
        self._app = app
        self._tokens = tokens
        self._budget = budget
        self._trusted_proxies = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        context = self._context(Headers(scope=scope), scope)
        scope.setdefault("state", {})["context"] = context
        with structlog.contextvars.bound_contextvars(request_id=context.request_id):
            if scope["type"] == "http":
                ON_SPENT.set(context.spent)  # a request is a task of its own, and so is its context
                if scope["method"] in READS:
                    context.presence = Presence(asyncio.current_task())
                    PRESENCE.set(context.presence)
                await self._http(scope, receive, send, context)
            else:
                await self._app(scope, receive, send)

    def _context(self, headers: Headers, scope: Scope) -> RequestContext:
        given_id = headers.get("x-request-id", "")
        peer = scope["client"][0] if scope.get("client") else "unknown"
        context = RequestContext(
            request_id=given_id if _REQUEST_ID.fullmatch(given_id) else secrets.token_hex(8),
            # A proxy may add a line of its own instead of appending to the client's.
            address=client_address(peer, ",".join(headers.getlist("x-forwarded-for")), self._trusted_proxies),
        )
        authorization = headers.get("authorization")
        if authorization is None:
            return context
        kind, _, token = authorization.partition(" ")
        try:
            context.client = self._tokens.verify(token.strip() if kind.lower() == "bearer" else "")
        except TokenRefused as error:
            context.auth_refusal = Refusal(Code.AUTHENTICATION_FAILED, str(error))
        return context

    async def _http(self, scope: Scope, receive: Receive, send: Send, context: RequestContext) -> None:
        started = time.perf_counter()
        status = 500
        has_started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, has_started
            if message["type"] == "http.response.start":
                status, has_started = message["status"], True
                _add_headers(MutableHeaders(scope=message), context)
            await send(message)

        refusal = self._refuse(scope, context)
        try:
            if refusal is not None:
                response = error_response(refusal, request_id=context.request_id, time_ms=now_ms())
                await response(scope, receive, send_with_headers)
            else:
                await self._app(scope, receive, send_with_headers)
        except (ClientDisconnect, CallerLeft):
            status = 499  # as nginx has it: the client left before it was answered
        except Exception:
            _log.exception("request_failed", method=scope["method"], path=scope["path"])
            if not has_started:
                refusal = internal_error(scope["method"])
                response = error_response(refusal, request_id=context.request_id, time_ms=now_ms())
                await response(scope, receive, send_with_headers)
        finally:
            self._record(scope, context, status, time.perf_counter() - started)

    def _refuse(self, scope: Scope, context: RequestContext) -> Refusal | None:
        if scope["path"] in _UNCOUNTED:
            return None
        caller = context.client.name if context.client else f"address {context.address}"
        state = self._budget.spend(caller)
        context.touch(BudgetView(state.limit, state.remaining, math.ceil(time.time() + state.reset_in_s)))
        if state.allowed:
            return None
        return Refusal(
            Code.RATE_LIMIT_EXCEEDED,
            f"more than {state.limit} requests a second from {caller}",
            retry_after_s=state.retry_after_s,
            details={"rule": "client", "would_wait_ms": math.ceil(state.retry_after_s * 1000)},
            outcome=None if scope["method"] in READS else Outcome.NOT_SENT,
        )

    @staticmethod
    def _record(scope: Scope, context: RequestContext, status: int, seconds: float) -> None:
        route: Any = scope.get("route")
        template = getattr(route, "path", "none")
        metrics.REQUESTS.labels(scope["method"], template, str(status)).inc()
        metrics.REQUEST_SECONDS.labels(template).observe(seconds)
        if scope["path"] in _UNCOUNTED:
            return
        _log.info(
            "request",
            method=scope["method"],
            # The path only: a query may hold what does not belong in a log.
            path=scope["path"][:256],
            status=status,
            ms=round(seconds * 1000, 2),
            client=context.client.name if context.client else None,
            address=context.address,
        )


def _add_headers(headers: MutableHeaders, context: RequestContext) -> None:
    headers["X-Request-Id"] = context.request_id
    if context.budget is not None:
        headers["X-RateLimit-Limit"] = str(context.budget.limit)
        headers["X-RateLimit-Remaining"] = str(context.budget.remaining)
        headers["X-RateLimit-Reset"] = str(context.budget.reset_s)

"""One HTTP exchange: a request is read, let in, executed, answered and remembered, unless a fault strikes."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from functools import partial
from typing import Any

from sandbox.control import PREFIX, answer_control
from sandbox.edges import WIRE, ExposedTransport, Headers
from sandbox.errands import real_ms
from sandbox.face import Caller, Request, Response
from sandbox.faults import Ending, RequestDeed, Rule, When
from sandbox.ledger import Ledger, Seen, client_ids_in
from sandbox.world import World

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Execute = Callable[[], Response]

REPLAYED = '{"replayed":true}'
UNREAD = "unread"  # the class of a request that was struck before anybody looked at it


class Exchange:
    """Requests under `/sim/` go to the control plane and meet no faults, nor do those refused at the door."""

    def __init__(self, world: World, scope: Scope, receive: Receive, send: Send) -> None:
        self._world = world
        self._ledger = world.ledger  # of the venue as it was when the request came: meanwhile it may start over
        self._scope = scope
        self._receive = receive
        self._send = send

    async def serve(self) -> None:
        world, scope = self._world, self._scope
        arrived_us = world.clock.now_us()
        if scope["path"].startswith(PREFIX):
            request = _request(scope, await self._body(), arrived_us)
            await self._answer(answer_control(world, request))
            return
        rule = self._strike(scope["method"], scope["path"], None, When.BEFORE_READING)
        if rule is not None:
            request = _request(scope, b"", arrived_us)
            response = rule.deed.spoiled(None, rule.noise)
            self._record(request, Caller(request.address, None, UNREAD), response, rule.label)
            await self._send_off(response, rule.deed)
            return
        request = _request(scope, await self._body(), arrived_us)
        admission = world.face.admit(request)
        caller, outcome = admission.caller, admission.outcome
        if isinstance(outcome, Response):
            self._record(request, caller, outcome, None, refused=admission.refused)
            await self._answer(outcome)
            return
        rule = self._strike(request.method, request.path, caller.account, When.BEFORE)
        execute = partial(_execute, world, outcome)
        response = None
        if rule is None:
            response = execute()
            rule = self._strike(request.method, request.path, caller.account, When.AFTER_EXECUTE)
            if rule is None:
                self._record(request, caller, response, None)
                await self._answer(response)
                return
        await self._misbehave(request, caller, rule, response, execute)

    # -- faults --------------------------------------------------------------------------------------------------

    def _strike(self, method: str, path: str, account: str | None, when: When) -> Rule[RequestDeed] | None:
        faults = self._world.faults
        if not faults.are_about_requests:
            return None
        return faults.strike_request(method, path, account, when, at_ms=real_ms())

    async def _misbehave(
        self, request: Request, caller: Caller, rule: Rule[RequestDeed], response: Response | None, execute: Execute
    ) -> None:
        """Do what a rule says to a request that was let in; `response` is the true answer if there is one already."""
        deed, world = rule.deed, self._world
        if deed.expires_tokens and caller.account is not None:
            world.face.expire_tokens(caller.account)
        if deed.replay_ms is not None:
            world.errands.after(deed.replay_ms, partial(_replay, world, request))
        if deed.late_ms is not None:
            late = world.errands.after(deed.late_ms, execute)
            if deed.wants_truth:
                response = await _outcome(late)
        elif response is None and deed.wants_truth:
            response = execute()
        response = deed.spoiled(response, rule.noise)
        self._record(request, caller, response, rule.label)
        await self._send_off(response, deed)

    async def _send_off(self, response: Response | None, deed: RequestDeed) -> None:
        """Answer late, in part, twice or not at all."""
        errands, wire = self._world.errands, self._wire
        if deed.hang_ms and await _outcome(errands.after(deed.hang_ms, lambda: True)) is None:
            response = None
        if deed.ending is Ending.HANG:
            errands.at_end(wire.end)
            await wire.lost()
            errands.forget(wire.end)
        elif response is None:
            wire.end(reset=deed.ending is Ending.RESET)
            await wire.lost()  # from here on the server expects no answer
        elif deed.truncate is not None:
            await self._send(_head(response))
            await self._send({"type": "http.response.body", "body": response.body[: deed.truncate], "more_body": True})
            wire.finish()
            await wire.lost()
        else:
            if deed.is_twice:
                wire.write_answer(response.status, _headers(response), response.body)
            await self._answer(response)

    @property
    def _wire(self) -> ExposedTransport:
        wire: ExposedTransport = self._scope["extensions"][WIRE]
        return wire

    # -- ASGI ----------------------------------------------------------------------------------------------------

    async def _body(self) -> bytes:
        message = await self._receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body", False):
            message = await self._receive()
            body += message.get("body", b"")
        return body

    async def _answer(self, response: Response) -> None:
        await self._send(_head(response))
        await self._send({"type": "http.response.body", "body": response.body})

    def _record(
        self,
        request: Request,
        caller: Caller,
        response: Response | None,
        fault: str | None,
        *,
        refused: str | None = None,
    ) -> None:
        _record(self._ledger, request, caller, 0 if response is None else response.status, fault, refused)


def address_of(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def _execute(world: World, outcome: Callable[[int], Response]) -> Response:
    return outcome(world.clock.now_us())


async def _outcome(done: "asyncio.Future[Any]") -> Any:
    """What comes of something put off; None if the venue has started over before that."""
    await asyncio.wait([done])
    return None if done.cancelled() else done.result()


def _replay(world: World, request: Request) -> None:
    """Let the same request in once more, as if it came now. Its answer goes nowhere, and it meets no faults."""
    again = replace(request, arrived_us=world.clock.now_us())
    admission = world.face.admit(again)
    outcome = admission.outcome
    response = outcome if isinstance(outcome, Response) else _execute(world, outcome)
    _record(world.ledger, again, admission.caller, response.status, REPLAYED, admission.refused)


def _record(  # noqa: PLR0917 - private to this module
    ledger: Ledger, request: Request, caller: Caller, status: int, fault: str | None, refused: str | None
) -> None:
    seen = Seen(
        time_us=request.arrived_us,
        method=request.method,
        path=request.path,
        caller=caller.name,
        account=caller.account,
        request_class=caller.request_class,
        status=status,
        fault=fault,
        query=request.query_string,
        refused=refused,
        client_ids=client_ids_in(request.body),
    )
    ledger.record_request(seen)


def _request(scope: Scope, body: bytes, arrived_us: int) -> Request:
    return Request(
        method=scope["method"],
        path=scope["path"],
        target=_target(scope),
        query_string=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
        address=address_of(scope),
        arrived_us=arrived_us,
    )


def _target(scope: Scope) -> str:
    """Path and query exactly as they were sent."""
    path: str = scope["raw_path"].decode("latin-1")
    query: str = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _head(response: Response) -> dict[str, Any]:
    return {"type": "http.response.start", "status": response.status, "headers": _headers(response)}


def _headers(response: Response) -> Headers:
    headers = [(b"content-type", response.content_type.encode())] if response.content_type else []
    headers.append((b"content-length", str(len(response.body)).encode()))
    headers.extend((name.encode(), value.encode()) for name, value in response.headers)
    return headers

"""The control plane under /sim: what happened, what shall go wrong, start over. Unsigned JSON, no venue's business."""

import json
from collections.abc import Callable
from typing import Any

from sandbox.disruptions import begin_outage, maintain, skip_ids, strike_sockets
from sandbox.face import Request, Response
from sandbox.fault_calls import add_faults, forget_faults, show_faults
from sandbox.faults import BadRule
from sandbox.questions import BadQuestion, Question
from sandbox.scenario import pin_prices, set_state, show_prices, transfer
from sandbox.world import World

PREFIX = "/sim/"


def answer_control(world: World, request: Request) -> Response:
    """Answer a request under `/sim/`."""
    handler = _HANDLERS.get((request.method, request.path))
    if handler is None:
        return _json({"error": f"no {request.method} {request.path}"}, 404)
    query = dict(request.query)
    since = query.get("since", "0")
    if not (since.isascii() and since.isdigit()):
        return _json({"error": "`since` is epoch milliseconds"}, 400)
    try:
        return handler(world, Question(query.get("account"), int(since), request.body, query))
    except (BadQuestion, BadRule) as exc:
        return _json({"error": str(exc)}, 400)


def _ledger(world: World, question: Question) -> Response:
    account, since_ms = question.account, question.since_ms
    return _json(
        {
            "requests": world.ledger.requests(account=account, since_ms=since_ms),
            "totals": world.ledger.totals(),
            "limits": world.limits.report(account),
            "orders": world.ledger.orders(account=account, since_ms=since_ms),
            "subscriptions": world.hub.report(),
            "connections": len(world.hub.connections),
        }
    )


def _totals(world: World, question: Question) -> Response:
    return _json(world.ledger.totals())


def _limits(world: World, question: Question) -> Response:
    return _json(world.limits.report(question.account))


def _orders(world: World, question: Question) -> Response:
    return _json(world.ledger.orders(account=question.account, since_ms=question.since_ms))


def _subscriptions(world: World, question: Question) -> Response:
    return _json({"subscriptions": world.hub.report(), "connections": len(world.hub.connections)})


def _accounts(world: World, question: Question) -> Response:
    return _json({"accounts": world.face.accounts()})


def _expire_tokens(world: World, question: Question) -> Response:
    account = question.members().get("account", question.account)
    if account is not None and account not in world.simulation.engine.accounts:
        raise BadQuestion(f"no account {account}")
    expired = world.face.expire_tokens(account)
    if expired is None:
        raise BadQuestion("this venue issues no tokens")
    return _json({"expired": expired})


def _clock(world: World, question: Question) -> Response:
    config = world.config
    return _json({"time": world.clock.now_us() // 1000, "kind": config.clock.value, "rate": config.clock_rate})


def _leap(world: World, question: Question) -> Response:
    forward_ms = question.members().get("advance_ms")
    if not isinstance(forward_ms, int) or forward_ms < 0:
        raise BadQuestion("`advance_ms` is how many milliseconds to go forward")
    world.clock.leap(forward_ms)
    world.advance()
    return _clock(world, question)


def _reset(world: World, question: Question) -> Response:
    world.reset()
    return _json({"reset": True})


def _json(value: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(value, separators=(",", ":")).encode())


def _answering(ask: Callable[[World, Question], Any]) -> Callable[[World, Question], Response]:
    return lambda world, question: _json(ask(world, question))


_HANDLERS: dict[tuple[str, str], Callable[[World, Question], Response]] = {
    ("GET", "/sim/ledger"): _ledger,
    ("GET", "/sim/ledger/totals"): _totals,
    ("GET", "/sim/ledger/limits"): _limits,
    ("GET", "/sim/ledger/orders"): _orders,
    ("GET", "/sim/ledger/subscriptions"): _subscriptions,
    ("GET", "/sim/accounts"): _accounts,
    ("GET", "/sim/faults"): _answering(show_faults),
    ("POST", "/sim/faults"): _answering(add_faults),
    ("DELETE", "/sim/faults"): _answering(forget_faults),
    ("POST", "/sim/expire-tokens"): _expire_tokens,
    ("GET", "/sim/clock"): _clock,
    ("POST", "/sim/clock"): _leap,
    ("POST", "/sim/reset"): _reset,
    ("GET", "/sim/prices"): _answering(show_prices),
    ("POST", "/sim/prices"): _answering(pin_prices),
    ("POST", "/sim/markets"): _answering(set_state),
    ("POST", "/sim/transfers"): _answering(transfer),
    ("POST", "/sim/sockets"): _answering(strike_sockets),
    ("POST", "/sim/outage"): _answering(begin_outage),
    ("POST", "/sim/books"): _answering(skip_ids),
    ("POST", "/sim/maintenance"): _answering(maintain),
}

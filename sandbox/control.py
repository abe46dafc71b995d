"""The control plane under /sim: what happened, what shall go wrong, start over. Unsigned JSON, no venue's business."""

import json
from collections.abc import Callable
from typing import Any

from sandbox.disruptions import begin_outage, maintain, skip_ids, strike_sockets
from sandbox.face import Request, Response
from sandbox.fault_calls import add_faults, forget_faults, show_faults
from sandbox.faults import BadRule
from sandbox.ledger_calls import (
    show_all,
    show_book,
    show_limits,
    show_orders,
    show_subscriptions,
    show_totals,
)
from sandbox.questions import BadQuestion, Question
from sandbox.scenario import change_market, pin_prices, show_prices, transfer
from sandbox.venue_changes import change_clock, change_history, change_limits, show_clock
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
    except BadQuestion as exc:
        return _json({"error": str(exc)}, exc.status)
    except BadRule as exc:
        return _json({"error": str(exc)}, 400)


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


def _reset(world: World, question: Question) -> Response:
    world.reset()
    return _json({"reset": True})


def _json(value: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(value, separators=(",", ":")).encode())


def _answering(ask: Callable[[World, Question], Any]) -> Callable[[World, Question], Response]:
    return lambda world, question: _json(ask(world, question))


_HANDLERS: dict[tuple[str, str], Callable[[World, Question], Response]] = {
    ("GET", "/sim/ledger"): _answering(show_all),
    ("GET", "/sim/ledger/totals"): _answering(show_totals),
    ("GET", "/sim/ledger/limits"): _answering(show_limits),
    ("GET", "/sim/ledger/orders"): _answering(show_orders),
    ("GET", "/sim/ledger/subscriptions"): _answering(show_subscriptions),
    ("GET", "/sim/ledger/books"): _answering(show_book),
    ("GET", "/sim/accounts"): _accounts,
    ("GET", "/sim/faults"): _answering(show_faults),
    ("POST", "/sim/faults"): _answering(add_faults),
    ("DELETE", "/sim/faults"): _answering(forget_faults),
    ("POST", "/sim/expire-tokens"): _expire_tokens,
    ("GET", "/sim/clock"): _answering(show_clock),
    ("POST", "/sim/clock"): _answering(change_clock),
    ("POST", "/sim/limits"): _answering(change_limits),
    ("POST", "/sim/history"): _answering(change_history),
    ("POST", "/sim/reset"): _reset,
    ("GET", "/sim/prices"): _answering(show_prices),
    ("POST", "/sim/prices"): _answering(pin_prices),
    ("POST", "/sim/markets"): _answering(change_market),
    ("POST", "/sim/transfers"): _answering(transfer),
    ("POST", "/sim/sockets"): _answering(strike_sockets),
    ("POST", "/sim/outage"): _answering(begin_outage),
    ("POST", "/sim/books"): _answering(skip_ids),
    ("POST", "/sim/maintenance"): _answering(maintain),
}

"""What the control plane answers about what really happened. Part of the control plane."""

from typing import Any

from sandbox.questions import BadQuestion, NotKept, Question
from sandbox.true_books import UnknownId, best
from sandbox.world import World


def show_all(world: World, question: Question) -> Any:
    """Everything but books, in one."""
    return {
        "requests": world.ledger.requests(account=question.account, since_ms=question.since_ms),
        "totals": show_totals(world, question),
        "limits": show_limits(world, question),
        "orders": show_orders(world, question),
        "subscriptions": world.hub.report(),
        "connections": len(world.hub.connections),
    }


def show_totals(world: World, question: Question) -> Any:
    return world.ledger.totals()


def show_limits(world: World, question: Question) -> Any:
    return world.limits.report(question.account)


def show_orders(world: World, question: Question) -> Any:
    return world.ledger.orders(account=question.account, since_ms=question.since_ms)


def show_subscriptions(world: World, question: Question) -> Any:
    """What is open now, and what was."""
    history = world.subscriptions.report(question.account)
    return {"subscriptions": world.hub.report(), "connections": len(world.hub.connections), **history}


def show_book(world: World, question: Question) -> Any:
    """A market's true book when an update id (Zanbara: a sequence) was the last; without one, which ids are kept."""
    query = question.query
    symbol = query.get("symbol", "")
    if symbol not in world.simulation.engine.markets:
        raise BadQuestion(f"no market {symbol}")
    book = world.true_books.of(symbol)
    update_id, depth = question.number("update_id"), question.number("depth")
    if update_id is None:
        update_id = question.number("sequence")
    if update_id is None:
        return {"symbol": symbol, "ids": book.ids}
    try:
        bids, asks = book.at(update_id)
    except UnknownId as exc:
        raise NotKept(str(exc)) from exc
    return {"symbol": symbol, "update_id": update_id, "bids": best(bids, depth), "asks": best(asks, depth)}

"""What bots were told of their orders, held against what the venue really accepted. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.violations import Promise, Verdict


@dataclass(frozen=True, slots=True)
class Answer:
    """One attempt's answer; without a status none came."""

    status: int | None
    body: Mapping[str, Any] | None


@dataclass(slots=True)
class Wish:
    """One order as a bot wants it: its own id, and every attempt's answer."""

    account: str
    client_order_id: str
    answers: list[Answer] = field(default_factory=list)
    ended: Mapping[str, Any] | None = None
    """The order as the gateway tells of it in the end; None if it knows none."""
    is_settled: bool = False
    last: Answer | None = None
    """The last answer to the question what became of it."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One order that the venue took."""

    order_id: str
    client_id: str


def judge_orders(wishes: Sequence[Wish], accepted: Sequence[Accepted], verdict: Verdict) -> None:
    """One account's orders: none twice, none unknown to us, and nothing claimed that is not so."""
    at_venue = {order.order_id for order in accepted}
    for client_id, count in Counter(order.client_id for order in accepted).items():
        if count > 1:
            ids = [order.order_id for order in accepted if order.client_id == client_id]
            verdict.add(Promise.ONCE, f"{count} orders at the venue under one client id {client_id}: {ids}")
    known: Counter[str] = Counter()
    for wish in wishes:
        if not wish.is_settled:
            verdict.add(Promise.ONCE, f"{wish.client_order_id} was not settled: {_shown(wish)}")
        if wish.ended is not None and wish.ended["venue_order_id"] is not None:
            known[wish.ended["venue_order_id"]] += 1
        _judge_claims(wish, at_venue, verdict)
    for order_id, count in known.items():
        if count > 1:
            verdict.add(Promise.ONCE, f"venue order {order_id} was given to {count} orders of ours")
    for order_id in at_venue - known.keys():
        verdict.add(Promise.ONCE, f"venue order {order_id} is known to nobody; told were {_told(wishes)}")


def _judge_claims(wish: Wish, at_venue: Collection[str], verdict: Verdict) -> None:
    """What was said of an order at any time must be true of it."""
    placed = [order for order in (*_told_of(wish), wish.ended) if order is not None and order["venue_order_id"]]
    if any(order["venue_order_id"] not in at_venue for order in placed):
        verdict.add(Promise.ONCE, f"{wish.client_order_id} is said to be an order the venue never took: {placed}")
    if placed and wish.ended is None:
        verdict.add(Promise.ONCE, f"{wish.client_order_id} was placed and is forgotten: {placed[-1]}")
    if len({order["order_id"] for order in placed}) > 1:
        verdict.add(Promise.ONCE, f"{wish.client_order_id} was told of under several ids: {placed}")


def _told_of(wish: Wish) -> list[Mapping[str, Any]]:
    return [
        answer.body["data"]
        for answer in wish.answers
        if answer.status in (200, 201, 202) and answer.body is not None and "venue_order_id" in answer.body["data"]
    ]


def _shown(wish: Wish) -> str:
    return f"ended as {wish.ended}, last answered {_briefly(wish.last) if wish.last else 'never'}"


def _told(wishes: Sequence[Wish]) -> dict[str, list[str]]:
    return {wish.client_order_id: [_briefly(answer) for answer in wish.answers] for wish in wishes}


def _briefly(answer: Answer) -> str:
    if answer.status is None or answer.body is None:
        return "no answer"
    if answer.body.get("success"):
        return f"{answer.status} {answer.body['data'].get('status')}"
    error = answer.body["error"]
    return f"{answer.status} {error['code']} {error.get('outcome')}"

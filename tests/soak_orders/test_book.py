"""The judge itself: what is true passes it, and each planted lie is named."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.soak_orders.book import Breach, Claim, Page, Taken, Told, judge, read_answer
from tests.soak_orders.wishes import wishes

[WISH] = wishes("r", 1, ["backpack"])
ORDER = {
    **WISH.body(),
    "order_id": "o1",
    "venue_order_id": "v1",
    "status": "filled",
    "stage": "done",
    "reason": None,
    "filled_quantity": "0.10",
    "created_at": 1,
    "updated_at": 2,
}
TAKEN = Taken("backpack", "v1", "c1", WISH.content, Decimal("0.1"), "filled", accepted_ms=1_000)


def answer(http_status: int, /, **members: Any) -> Told:
    return read_answer(http_status, {"success": True, "data": ORDER | members}, asked_ms=900, is_write=True)


def refusal(status: int, code: str, outcome: str | None, asked_ms: int = 900) -> Told:
    error = {"code": code} if outcome is None else {"code": code, "outcome": outcome}
    return read_answer(status, {"success": False, "error": error}, asked_ms=asked_ms, is_write=True)


SILENCE = read_answer(None, None, asked_ms=900, is_write=True)
UNKNOWN = answer(202, status="unknown", stage="sending", venue_order_id=None, filled_quantity="0")
PLACED = answer(201)
NOT_PLACED = answer(200, status="rejected", reason="NOT_PLACED", venue_order_id=None, filled_quantity="0")
NOT_SENT = refusal(503, "STORE_UNAVAILABLE", "not_sent")
REJECTED = refusal(400, "ORDER_REJECTED", "rejected")
NONE = Told(Claim.NOT_SENT, "404 ORDER_NOT_FOUND")


def page(*told: Told, ended: Told | None = PLACED) -> Page:
    return Page(WISH, list(told), ended=ended)


TRUTHS: dict[str, tuple[Page, list[Taken]]] = {
    "placed, told once and again": (page(UNKNOWN, PLACED, answer(200)), [TAKEN]),
    "not sent, then placed by another attempt": (page(NOT_SENT, SILENCE), [TAKEN]),
    "unknown, and never there": (page(UNKNOWN, NOT_PLACED, ended=NOT_PLACED), []),
    "refused by the venue": (page(REJECTED, ended=NOT_PLACED), []),
    "never sent": (page(NOT_SENT, SILENCE, ended=NONE), []),
    "told of half, filled since": (page(answer(200, status="partial_filled", filled_quantity="0.05")), [TAKEN]),
}


@pytest.mark.parametrize("what", TRUTHS)
def test_the_truth_passes(what: str) -> None:
    told, taken = TRUTHS[what]
    assert judge([told], taken) == []


SECOND = replace(TAKEN, order_id="v2")
EMPTY = replace(TAKEN, executed=Decimal(0), status="expired")

LIES: dict[str, tuple[Page, list[Taken], Breach]] = {
    "2 orders at the venue": (page(PLACED), [TAKEN, replace(SECOND, client_id="c2")], Breach.DUPLICATE),
    "under the client id c1": (page(PLACED), [TAKEN, SECOND], Breach.DUPLICATE),
    "the venue has no v1": (page(PLACED), [], Breach.CLAIM),
    "it shows": (page(answer(200, quantity="7")), [TAKEN], Breach.CLAIM),
    "told '200 rejected NOT_PLACED', but it is there": (page(SILENCE, NOT_PLACED), [TAKEN], Breach.CLAIM),
    "told '400 ORDER_REJECTED rejected', but it is there": (page(SILENCE, REJECTED), [TAKEN], Breach.CLAIM),
    "every attempt before was told 'not sent'": (page(NOT_SENT), [TAKEN], Breach.CLAIM),
    "only 0 of 0.10 were filled": (page(answer(201, filled_quantity="0")), [EMPTY], Breach.CLAIM),
    "filled 0.05 in the end": (
        page(SILENCE, ended=answer(200, filled_quantity="0.05", status="expired")),
        [TAKEN],
        Breach.CLAIM,
    ),
    "under several ids": (page(PLACED, answer(200, order_id="o2")), [TAKEN], Breach.CLAIM),
    "is forgotten": (page(PLACED, ended=NONE), [TAKEN], Breach.CLAIM),
    "in the end we know of none": (page(SILENCE, ended=NONE), [TAKEN], Breach.ORPHAN),
    "nobody wished for": (
        page(PLACED),
        [TAKEN, replace(TAKEN, client_id="x", content=("GTC", Decimal(1), Decimal(1)))],
        Breach.ORPHAN,
    ),
    "last: nothing": (page(UNKNOWN, ended=None), [], Breach.UNSETTLED),
    "500 INTERNAL_ERROR": (page(refusal(500, "INTERNAL_ERROR", "unknown")), [TAKEN], Breach.STRANGE),
    "503 VENUE_UNAVAILABLE": (page(refusal(503, "VENUE_UNAVAILABLE", None)), [TAKEN], Breach.STRANGE),
    "409 IDEMPOTENCY_CONFLICT": (page(refusal(409, "IDEMPOTENCY_CONFLICT", "not_sent")), [TAKEN], Breach.STRANGE),
}


@pytest.mark.parametrize("what", LIES)
def test_a_planted_lie_is_caught(what: str) -> None:
    told, taken, breach = LIES[what]
    found = judge([told], taken)
    assert any(kind is breach and what in text for kind, text in found), found


def test_a_late_not_sent_does_not_excuse_what_was_sent_before_any_attempt() -> None:
    late = refusal(503, "STORE_UNAVAILABLE", "not_sent", asked_ms=900)
    after = replace(SILENCE, asked_ms=5_000)
    [(kind, _)] = judge([page(late, after)], [TAKEN])
    assert kind is Breach.CLAIM


def test_an_answer_without_an_envelope_is_strange() -> None:
    assert read_answer(200, None, asked_ms=1, is_write=True).claim is Claim.STRANGE

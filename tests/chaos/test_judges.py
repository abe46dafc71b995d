"""The judges themselves: what is well passes them, and each kind of harm is named."""

from typing import Any

import pytest

from tests.chaos.book_watch import BookWatch
from tests.chaos.order_watch import Accepted, Answer, Wish, judge_orders
from tests.chaos.violations import Promise, Verdict


def message(kind: str, epoch: int, seq: int, *, integrity: str = "ok", **data: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "epoch": epoch,
        "seq": seq,
        "integrity": integrity,
        "data": {"bids": [], "asks": [], "update_id": seq} | data if data or kind != "status" else None,
    }


START = message("snapshot", 5, 1, bids=[["99", "1"]], asks=[["101", "1"]])
LOST = message("status", 5, 2, integrity="resyncing")

HARM: dict[str, list[dict[str, Any]]] = {
    "(5, 3) after (5, 1)": [START, message("update", 5, 3)],
    "epoch 4 after 5": [START, message("update", 4, 2)],
    "a crossed book": [START, message("update", 5, 2, bids=[["101", "1"]])],
    "without a book": [START, LOST, message("update", 5, 3)],
}


@pytest.mark.parametrize("what", HARM)
def test_a_stream_that_harms_a_client_is_named(what: str) -> None:
    verdict = Verdict()
    watch = BookWatch("somebody", verdict)
    for each in HARM[what]:
        watch.take(each)
    assert verdict.promises() == {Promise.STREAM}
    assert what in str(verdict)


def test_a_stream_that_says_what_it_does_not_know_is_well() -> None:
    verdict = Verdict()
    watch = BookWatch("somebody", verdict)
    for each in (
        START,
        message("update", 5, 2, bids=[["99", "0"]]),
        message("status", 5, 3, integrity="resyncing"),
        message("snapshot", 6, 1, bids=[["98", "2"]]),
        message("update", 6, 2, asks=[["101", "3"]]),
    ):
        watch.take(each)
    assert verdict.found == []
    assert watch.compare(2, watch.books[2])
    assert not watch.compare(3, watch.books[2]), "nothing was shown at this id"
    wrong = {"bids": watch.books[2]["bids"], "asks": {}}
    assert watch.compare(2, wrong)
    assert "at id 2 the asks shown differ" in str(verdict)


def order(**members: Any) -> dict[str, Any]:
    return {"order_id": "o1", "venue_order_id": "v1", "status": "pending", "stage": "live"} | members


def wish(*answers: tuple[int, dict[str, Any]], ended: dict[str, Any] | None, is_settled: bool = True) -> Wish:
    told = [Answer(status, {"success": True, "data": data}) for status, data in answers]
    return Wish("acct", "w1", told, ended, is_settled)


TAKEN = [Accepted("v1", "c1")]

LIES: dict[str, tuple[list[Wish], list[Accepted]]] = {
    "under one client id": ([wish(ended=order())], [*TAKEN, Accepted("v2", "c1")]),
    "is known to nobody": ([wish(ended=None)], TAKEN),
    "the venue never took": ([wish((201, order()), ended=order())], []),
    "is forgotten": ([wish((201, order()), ended=None)], TAKEN),
    "under several ids": ([wish((201, order(order_id="o2")), ended=order())], TAKEN),
    "was not settled": ([wish(ended=order(), is_settled=False)], TAKEN),
    "was given to 2 orders": ([wish(ended=order()), wish(ended=order())], TAKEN),
}


@pytest.mark.parametrize("what", LIES)
def test_what_bots_were_told_must_be_so(what: str) -> None:
    verdict = Verdict()
    judge_orders(*LIES[what], verdict)
    assert verdict.promises() == {Promise.ONCE}
    assert what in str(verdict)


def test_an_order_told_of_as_it_is_is_well() -> None:
    verdict = Verdict()
    unknown = order(venue_order_id=None, status="unknown", stage="sending")
    judge_orders([wish((202, unknown), (200, order()), ended=order(status="filled"))], TAKEN, verdict)
    assert verdict.found == []

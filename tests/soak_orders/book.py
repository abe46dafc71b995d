"""The book of answers: everything bots were told of their orders, held against what the venues took. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from tests.soak_orders.wishes import Content, Wish, content_of

SAME_MOMENT_MS = 250
"""How far a venue's clock and the bots' may be apart."""
_REFUSED_IN_EARNEST = frozenset({"IDEMPOTENCY_CONFLICT", "INVALID_REQUEST", "INVALID_PARAMETER", "INTERNAL_ERROR"})
"""No answer to what these bots ask, whatever goes wrong."""


class Claim(StrEnum):
    """What an answer says of an order."""

    PLACED = "at the venue"
    NOT_THERE = "never at the venue"
    NOT_SENT = "not sent by this attempt"
    OPEN = "nothing yet"
    NONE = "no answer"
    STRANGE = "nothing that makes sense"


@dataclass(frozen=True, slots=True)
class Told:
    """One answer, or that there was none."""

    claim: Claim
    shown: str
    asked_ms: int = 0
    order_id: str | None = None
    venue_order_id: str | None = None
    content: Content | None = None
    filled: Decimal = Decimal(0)
    status: str = ""
    stage: str = ""
    created_ms: int = 0
    updated_ms: int = 0

    @property
    def is_settled(self) -> bool:
        return self.claim in {Claim.PLACED, Claim.NOT_THERE}


@dataclass(frozen=True, slots=True)
class Taken:
    """An order in a venue's ledger."""

    venue: str
    order_id: str
    client_id: str
    content: Content
    executed: Decimal
    status: str
    accepted_ms: int

    @classmethod
    def of(cls, venue: str, row: Mapping[str, Any]) -> "Taken":
        executed = Decimal(row["executed"])
        return cls(venue, row["order_id"], str(row["client_id"]), content_of(row), executed, row["status"], row["time"])


class Breach(StrEnum):
    """What must not be."""

    DUPLICATE = "twice at the venue"
    ORPHAN = "at the venue and unknown to us"
    CLAIM = "an answer claimed more than was true"
    UNSETTLED = "not settled in time"
    STRANGE = "an answer nobody understands"
    LEDGER = "the venue's ledger is incomplete"
    SLOW = "settled too slowly"
    SHORT = "not everything was tried"


@dataclass(slots=True)
class Page:
    """All that was told of one wish."""

    wish: Wish
    told: list[Told] = field(default_factory=list)
    """Answers to attempts, and to cancels."""
    unsettled_shown: str = "nothing"
    """The last answer before it was."""
    ended: Told | None = None
    """What it came to in the end; None if that was not to be learned."""


def read_answer(status: int | None, body: Any, *, asked_ms: int, is_write: bool) -> Told:
    """What an answer says. Without a status none came."""
    if status is None:
        return Told(Claim.NONE, "none", asked_ms)
    succeeded = 200 <= status < 300
    if (
        not isinstance(body, dict)
        or body.get("success") is not succeeded
        or ("data" if succeeded else "error") not in body
    ):
        return Told(Claim.STRANGE, f"{status} without an envelope", asked_ms)
    if not succeeded:
        return _error(status, body["error"], asked_ms, is_write=is_write)
    order = body["data"]
    if order["status"] == "unknown" or order["stage"] in {"queued", "sending"}:
        claim = Claim.OPEN
    else:
        claim = Claim.NOT_THERE if order["venue_order_id"] is None else Claim.PLACED
    reason = f" {order['reason']}" if order["reason"] else ""
    return Told(
        claim,
        f"{status} {order['status'] if claim is not Claim.OPEN else 'unknown'}{reason}",
        asked_ms,
        order["order_id"],
        order["venue_order_id"],
        content_of(order),
        Decimal(order["filled_quantity"]),
        order["status"],
        order["stage"],
        order["created_at"],
        order["updated_at"],
    )


def _error(status: int, error: Mapping[str, Any], asked_ms: int, *, is_write: bool) -> Told:
    outcome = error.get("outcome")
    shown = f"{status} {error['code']}" + (f" {outcome}" if outcome else "")
    if status == 500 or error["code"] in _REFUSED_IN_EARNEST or (is_write and outcome is None):
        return Told(Claim.STRANGE, f"{shown}: {error.get('message')}", asked_ms)
    claims = {"not_sent": Claim.NOT_SENT, "rejected": Claim.NOT_THERE}
    return Told(claims.get(outcome or "", Claim.OPEN), shown, asked_ms)


def judge(pages: Sequence[Page], taken: Iterable[Taken]) -> list[tuple[Breach, str]]:
    """Every way in which what was told was not so."""
    found: list[tuple[Breach, str]] = []
    at_venue: defaultdict[tuple[str, Content], list[Taken]] = defaultdict(list)
    client_ids: Counter[tuple[str, str]] = Counter()
    for order in taken:
        at_venue[order.venue, order.content].append(order)
        client_ids[order.venue, order.client_id] += 1
    for (venue, client_id), count in client_ids.items():
        if count > 1:
            found.append((Breach.DUPLICATE, f"{count} orders at {venue} under the client id {client_id}"))
    for page in pages:
        own = at_venue.pop((page.wish.venue, page.wish.content), [])
        found += [(breach, f"{page.wish.client_order_id}: {what}{_history(page)}") for breach, what in _of(page, own)]
    for orders in at_venue.values():
        found += [(Breach.ORPHAN, f"{order} is what nobody wished for") for order in orders]
    return found


def _of(page: Page, own: Sequence[Taken]) -> Iterable[tuple[Breach, str]]:
    if len(own) > 1:
        yield Breach.DUPLICATE, f"{len(own)} orders at the venue: {[order.order_id for order in own]}"
    for told in (*page.told, *([page.ended] if page.ended else [])):
        if told.claim is Claim.STRANGE:
            yield Breach.STRANGE, told.shown
        if wrong := _wrong(told, page.wish, own):
            yield Breach.CLAIM, f"told {told.shown!r}, but {wrong}"
    if len({told.order_id for told in page.told if told.claim is Claim.PLACED}) > 1:
        yield Breach.CLAIM, "placed under several ids of ours"
    for order in own:
        if not any(
            told.claim is not Claim.NOT_SENT and told.asked_ms <= order.accepted_ms + SAME_MOMENT_MS
            for told in page.told
        ):
            yield Breach.CLAIM, f"every attempt before was told 'not sent', and {order.order_id} is there"
    if page.ended is None or not (page.ended.is_settled or page.ended.claim is Claim.NOT_SENT):
        yield Breach.UNSETTLED, f"last: {page.unsettled_shown}"
    elif page.ended.claim is not Claim.PLACED:
        if own:
            yield Breach.ORPHAN, f"{own[0].order_id} is there, and in the end we know of none"
        if any(told.claim is Claim.PLACED for told in page.told):
            yield Breach.CLAIM, "it was placed, and is forgotten"
    elif own and page.ended.stage == "done" and page.ended.filled != own[0].executed:
        yield Breach.CLAIM, f"filled {page.ended.filled} in the end, and {own[0].executed} at the venue"


def _wrong(told: Told, wish: Wish, own: Sequence[Taken]) -> str | None:
    """What is not so in an answer; None if all of it is."""
    if told.content is not None and told.content != wish.content:
        return f"it shows {told.content}, not {wish.content}"
    if told.claim is Claim.NOT_THERE and own:
        return f"it is there as {own[0].order_id}"
    if told.claim is not Claim.PLACED:
        return None
    order = next((order for order in own if order.order_id == told.venue_order_id), None)
    if order is None:
        return f"the venue has no {told.venue_order_id} of this content"
    filled = order.content[2] if told.status == "filled" else told.filled
    return f"only {order.executed} of {filled} were filled" if filled > order.executed else None


def _history(page: Page) -> str:
    return f" (answers: {[told.shown for told in page.told]})"

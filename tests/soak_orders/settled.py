"""How long orders took to be settled, and by which evidence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import redis

from gateway.orders.record import OrderRecord, decode
from gateway.store import keys
from tests.harness.fleet import Fleet
from tests.soak_orders.book import Page

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Settled:
    """One order that was sent: from its first send to its settled state, by Redis' clock."""

    venue: str
    client_order_id: str
    took_ms: int
    running_ms: int
    """Without what of that a replica or Redis was away."""
    cause: str | None
    """Why it was unknown; None if it never was."""
    evidence: str
    """What settled it."""


def overlap_ms(began_ms: int, ended_ms: int, away: Iterable[tuple[int, int]]) -> int:
    """How much of the one lies in any of the others, which may overlap."""
    total, reached = 0, began_ms
    for start, end in sorted(away):
        counted_from, counted_to = max(start, reached), min(end, ended_ms)
        if counted_to > counted_from:
            total, reached = total + counted_to - counted_from, counted_to
    return total


def percentile(values: Sequence[int], share: float) -> int:
    """The value that so large a share of them lies below; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def settled(fleet: Fleet, pages: Iterable[Page], away: Sequence[tuple[int, int]]) -> list[Settled]:
    """Of every order that was sent and is settled; what its record alone knows is read from there."""
    asked = [page for page in pages if page.ended is not None and page.ended.order_id is not None]
    found = []
    with redis.Redis.from_url(fleet.redis.url) as client:
        for start in range(0, len(asked), _AT_ONCE):
            some = asked[start : start + _AT_ONCE]
            pipeline = client.pipeline(transaction=False)
            for page in some:
                pipeline.hgetall(keys.order(page.wish.venue, page.ended.order_id))  # type: ignore[arg-type, union-attr]
            for page, fields in zip(some, pipeline.execute(), strict=True):
                record = decode(fields) if fields else None
                if record is not None and record.send_ms is not None:
                    found.append(_settled(page, record, record.send_ms, away))
    return found


def _settled(page: Page, record: OrderRecord, sent_ms: int, away: Sequence[tuple[int, int]]) -> Settled:
    assert page.ended is not None
    ended_ms, result = page.ended.updated_ms, record.result  # the record may have gone on since: it was cancelled
    return Settled(
        page.wish.venue,
        page.wish.client_order_id,
        ended_ms - sent_ms,
        ended_ms - sent_ms - overlap_ms(sent_ms, ended_ms, away),
        None if result.unknown_since_ms is None else result.unknown_cause,
        result.evidence or ("the venue's no" if result.refusal else "the answer, or the stream before it"),
    )

"""Every replica's standing offer to own a venue's streams: one at a time holds the lease, and works until it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from gateway.errors import StoreUnavailable
from gateway.feeds import metrics
from gateway.feeds.lease import Lease, Term, TermOver

log = structlog.get_logger()

_STORE_AWAY_S = 0.25
_RELEASE_TIMEOUT_S = 1.0


async def own_in_turn(lease: Lease, work: Callable[[Term], Awaitable[None]]) -> None:
    """Do `work` whenever the lease is ours, for ever. Errors other than the term's end get out, the lease released."""
    while True:
        try:
            answer = await lease.acquire()
        except StoreUnavailable:
            await asyncio.sleep(_STORE_AWAY_S)
            continue
        if isinstance(answer, float):
            # woken by nobody when it is released: look a few times in each lease
            await asyncio.sleep(min(answer + 0.005, lease.duration_s / 8))
            continue
        await _one_term(lease, answer, work)


async def _one_term(lease: Lease, term: Term, work: Callable[[Term], Awaitable[None]]) -> None:
    log.info("feed_term_begins", venue=lease.venue, epoch=term.epoch)
    metrics.terms.labels(lease.venue).inc()
    metrics.is_owner.labels(lease.venue).set(1)
    try:
        await work(term)
    except* TermOver:
        log.warning("feed_term_over", venue=lease.venue, epoch=term.epoch)
    finally:
        metrics.is_owner.labels(lease.venue).set(0)
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(_RELEASE_TIMEOUT_S):
                await term.release()

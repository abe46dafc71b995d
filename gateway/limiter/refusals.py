"""What callers are told whom the limiter does not let go; each is counted."""

import math

from adapters.contract import CallKind
from adapters.models import VenueName
from gateway.errors import Code, Outcome, Refusal
from gateway.limiter.metrics import Meters


class Refusals:
    """Those of one venue."""

    def __init__(self, venue: VenueName, meters: Meters):
        self._venue = venue
        self._meters = meters

    def closed(self, kind: CallKind) -> Refusal:
        """Nobody serves any more."""
        return self._refusal(Code.SHUTTING_DOWN, kind, "closed", "the gateway is stopping; nothing was sent")

    def store(self, kind: CallKind) -> Refusal:
        """Redis is away; what everything but a cancel is told."""
        message = "the budget of this venue cannot be read; nothing was sent, try again shortly"
        return self._refusal(Code.STORE_UNAVAILABLE, kind, "store", message)

    def late(self, kind: CallKind, rule: str, wait_s: float) -> Refusal:
        """Its turn would come after its deadline."""
        return self._no_room(kind, "limit", "its turn would come too late", rule, wait_s)

    def full(self, kind: CallKind, rule: str, wait_s: float) -> Refusal:
        """As many wait as may."""
        return self._no_room(kind, "queue_full", "too many callers wait already", rule, wait_s)

    def _no_room(self, kind: CallKind, reason: str, cause: str, rule: str, wait_s: float) -> Refusal:
        refusal = self._refusal(
            Code.RATE_LIMIT_EXCEEDED,
            kind,
            reason,
            f"the venue's limit {rule} leaves no room now and {cause}; nothing was sent",
        )
        refusal.details = {"rule": rule, "would_wait_ms": math.ceil(wait_s * 1000)}
        refusal.retry_after_s = wait_s
        return refusal

    def _refusal(self, code: Code, kind: CallKind, reason: str, message: str) -> Refusal:
        self._meters.refused(kind, reason)
        is_write = kind in {CallKind.CANCEL, CallKind.ORDER}
        outcome = Outcome.NOT_SENT if is_write else None
        return Refusal(code, message, retry_after_s=1.0, outcome=outcome, venue=self._venue)

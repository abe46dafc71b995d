"""Claiming a client's order id; where nobody is before the order, with leave to send it in the same step.

The short way is one trip to Redis. Whatever it does not come to (others wait, the budget is spent, a login is needed)
is left to the long one: claim, wait for leave, begin_send.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.contract import Call, SendTime
from adapters.models import VenueName
from gateway.accounts import Account
from gateway.clock import VenueClock
from gateway.limiter import Grant, Passage
from gateway.orders.record import Intent
from gateway.orders.records import Claim, Records
from gateway.risk.halts import Halts
from gateway.settings import OrderSettings


@dataclass(frozen=True, slots=True)
class Admitted:
    """Leave that came with the claim: the record says `sent` already, in this version."""

    call: Call
    grant: Grant
    send_time: SendTime
    version: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a claim; `admitted` is None where the long way is left to go."""

    claim: Claim
    order_id: str
    admitted: Admitted | None = None


class Claiming:
    """Claims the ids of all accounts' orders."""

    def __init__(
        self,
        *,
        records: Mapping[VenueName, Records],
        clocks: Mapping[VenueName, VenueClock],
        halts: Halts,
        settings: OrderSettings,
    ):
        self._records = records
        self._clocks = clocks
        self._halts = halts
        self._settings = settings

    async def claim(
        self,
        account: Account,
        candidates: Sequence[Intent],
        *,
        nonce: str,
        content: bytes,
        lease_ms: int,
        may_admit: bool,
    ) -> Answer:
        """Claim the id for `lease_ms`, which must cover the wait for leave. Raises `StoreUnavailable`.

        `may_admit` False takes the long way: something has to be written down between claim and leave.
        """
        # Hardly ever is the first one's id at the venue taken, so the others are not sent along.
        answer = await self._claim(account, candidates[:1], nonce, content, lease_ms, may_admit=may_admit)
        if answer.claim is Claim.FULL and len(candidates) > 1:
            answer = await self._claim(account, candidates[1:], nonce, content, lease_ms, may_admit=may_admit)
        return answer

    async def _claim(  # private to this class
        self,
        account: Account,
        candidates: Sequence[Intent],
        nonce: str,
        content: bytes,
        lease_ms: int,
        *,
        may_admit: bool,
    ) -> Answer:
        passage = account.passage(candidates[0].owner) if may_admit else None
        if passage is None:
            records = self._records[account.venue.name]
            claim, order_id = await records.claim(candidates, nonce=nonce, content=content, lease_ms=lease_ms)
            return Answer(claim, order_id)
        return await self._admit(account, candidates, passage, nonce, content, lease_ms)

    async def _admit(  # noqa: PLR0917  # private to this class
        self,
        account: Account,
        candidates: Sequence[Intent],
        passage: Passage,
        nonce: str,
        content: bytes,
        lease_ms: int,
    ) -> Answer:
        window_ms = send_window_ms(account, self._settings)
        admission = await self._records[account.venue.name].admit(
            candidates,
            passage,
            nonce=nonce,
            content=content,
            claim_lease_ms=lease_ms,
            clock_difference_ms=self._clocks[account.venue.name].venue_minus_redis_ms,
            window_ms=window_ms,
            lease_ms=self._settings.claim_lease_ms,
            halt_fields=self._halts.fields_of(
                candidates[0].venue, candidates[0].account, candidates[0].owner, candidates[0].symbol
            ),
        )
        grant = passage.answered(admission.spent) if admission.spent is not None else None
        leave = admission.leave
        if grant is None or leave is None or leave.send_ms is None:
            return Answer(admission.claim, admission.order_id)
        send_time = SendTime(leave.send_ms, window_ms)
        admitted = Admitted(passage.call, grant, send_time, leave.version)
        return Answer(admission.claim, admission.order_id, admitted)


def send_window_ms(account: Account, settings: OrderSettings) -> int:
    """How long the venue may still accept an order after its send time, as far as it lets us choose."""
    can = account.venue.capabilities
    return min(max(settings.window_ms, can.order_window_min_ms), can.order_window_max_ms)

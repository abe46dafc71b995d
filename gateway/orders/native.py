"""Whether the budget favours a venue's call for many orders over single ones."""

from fractions import Fraction

from adapters.contract import Call, Limits
from gateway.accounts import EGRESS, Account
from gateway.errors import StoreUnavailable


async def is_favoured(account: Account, client: str, *, single: str, batch: str, count: int, size: int) -> bool:
    """Whether calls for `size` orders each can take `count` orders sooner than single ones, or else cheaper."""
    if size < 2 or count < 2:  # the fewest that make a batch
        return False
    calls = {call.name: call for call in account.venue.limits.calls}
    alone, together = (calls[single], count), (calls[batch], -(-count // size))
    try:
        _, [of_single, of_batch] = await account.limiter.plan(
            [alone, together], client=client, account=account.name, egress=EGRESS
        )
    except StoreUnavailable:
        pass  # cancels go on without it
    else:
        if of_single.wait_us != of_batch.wait_us:
            return of_batch.wait_us < of_single.wait_us
    limits = account.venue.limits
    return share(limits, *together) < share(limits, *alone)


def share(limits: Limits, call: Call, count: int) -> Fraction:
    """The part of the tightest rule's limit that so many calls take. Pure."""
    limit_of = {rule.name: rule.limit for rule in limits.rules}
    return max(
        (Fraction(units * count, limit_of[name]) for name, units in limits.debits[call.cost_class]),
        default=Fraction(0),
    )

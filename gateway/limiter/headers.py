"""What an answer's headers say of the rules it debited. Pure."""

from collections.abc import Mapping, Sequence

from adapters.contract import LimitHeaders
from gateway.limiter.rules import OwnedRule
from gateway.limiter.venue_view import Seen

Sight = tuple[Seen | None, ...]
"""By rule; None where nothing is said."""


def read(
    headers: Mapping[str, str], names: LimitHeaders, rules: Sequence[OwnedRule], units: Sequence[int], venue_ms: int
) -> Sight | None:
    """What one answer says, or None if it says nothing that can be read.

    A venue names the limit, not the rule: where two of the rules have it, nothing is known of either.
    """
    values = [headers.get(name, "") for name in (names.limit, names.remaining, names.reset_unix_s)]
    if not all(value.isascii() and value.isdecimal() and len(value) < 12 for value in values):
        return None
    limit, remaining, reset_s = map(int, values)
    meant = [index for index, rule in enumerate(rules) if rule.counted == limit]
    if len(meant) != 1:
        return None
    [index] = meant
    ends_in_us = min(rules[index].period_us, max(0, (reset_s * 1000 - venue_ms) * 1000))
    seen = Seen(limit, max(0, limit - remaining), reset_s, ends_in_us, units[index])
    return tuple(seen if at == index else None for at in range(len(rules)))


def latest(one: Sight | None, other: Sight | None) -> Sight | None:
    """Two answers' headers as one: of an earlier window nothing is kept."""
    if one is None or other is None:
        return one or other
    return tuple(_latest(mine, theirs) for mine, theirs in zip(one, other, strict=True))


def _latest(one: Seen | None, other: Seen | None) -> Seen | None:
    if one is None or other is None:
        return one or other
    if one.window != other.window:
        return max(one, other, key=lambda seen: seen.window)
    used = max(one.used, other.used)
    return Seen(one.limit, used, one.window, min(one.ends_in_us, other.ends_in_us), one.units + other.units)

"""Who spent how much of each rule, told to all replicas now and then. Nothing is decided by it.

Kept per rule in eighths of its period, so what is shown is of the last period to within an eighth.
"""

import struct
from collections import Counter, defaultdict
from collections.abc import Mapping

from gateway.limiter.rules import OwnedRule
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script
from gateway.store.wire import Argument

_CONSUMED = Script.load("gateway.limiter", "consumed.lua")

PARTS = 8
PUBLIC = "public"
"""Stands for all who have no name, so that they cannot fill the memory."""


Tally = Counter[tuple[str, tuple[int, ...]]]
"""Calls sent, by client and units."""


class Consumption:
    """What this replica's clients spent and has not been told yet."""

    def __init__(self, store: Store):
        self._store = store
        self._tallies: defaultdict[tuple[OwnedRule, ...], Tally] = defaultdict(Counter)

    def tally(self, rules: tuple[OwnedRule, ...]) -> Tally:
        """Where to count the calls that debit these rules."""
        return self._tallies[rules]

    def tell(self) -> None:
        """Tell Redis; losing that is no harm."""
        untold: defaultdict[OwnedRule, Counter[str]] = defaultdict(Counter)
        for rules, tally in self._tallies.items():
            for (client, of_rules), calls in tally.items():
                name = PUBLIC if " " in client else client
                for rule, of_rule in zip(rules, of_rules, strict=True):
                    if rule.counted:
                        untold[rule][name] += of_rule * calls
            tally.clear()
        for rule, by_client in untold.items():
            args: list[Argument] = [_part_us(rule), 2 * rule.period_us // 1000 + 1000]
            for client, units in by_client.items():
                args += (client, units)
            self._store.send(_CONSUMED, [keys.limit_consumed(rule.key)], args)

    async def of(self, rule: OwnedRule) -> Mapping[str, int]:
        """Units by client in about the last period, by all replicas; raises `StoreUnavailable`."""
        self.tell()
        now_us = await self._store.time_us()
        reply = await self._store.command("HGETALL", keys.limit_consumed(rule.key))
        pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
        by_client = {name.decode(): _in_last_period(packed, now_us // _part_us(rule)) for name, packed in pairs}
        return {name: units for name, units in sorted(by_client.items()) if units}


def _part_us(rule: OwnedRule) -> int:
    return -(-rule.period_us // PARTS)


def _in_last_period(packed: bytes, part: int) -> int:
    """Units in the parts up to the present one; the script keeps the last one first."""
    newest, *units = struct.unpack("<" + "d" * (PARTS + 1), packed)
    return int(sum(units[: max(0, PARTS - max(0, part - int(newest)))]))

"""Cancels while Redis is away: the share of the reserve that one replica may count on."""

from gateway.limiter.claims import Wanted
from gateway.limiter.rules import OwnedRule
from gateway.limiter.spend import Ask, Ledger

_ONE_CANCEL = Wanted((1, 0, 0, 0), (1, 0, 0, 0), (1, 1, 1, 1))


class Emergency:
    """This replica's share of each reserve: the reserve divided by the replicas last known.

    It is only counted: a cancel beyond it is sent too, since a refusal from the venue is better than an unsent cancel.
    """

    def __init__(self, hard_timeout_us: int):
        self._ledger = Ledger(hard_timeout_us, epoch_us=-(10**15))
        self.replicas = 1

    def spend(self, rules: tuple[OwnedRule, ...], units: tuple[int, ...], now_us: int) -> bool:
        """Count one cancel; answers whether it is within this replica's share."""
        asks = [
            Ask(max(of_rule, rule.reserve // self.replicas), 0, rule.period_us, of_rule)
            for rule, of_rule in zip(rules, units, strict=True)
        ]
        return self._ledger.spend([rule.key for rule in rules], asks, _ONE_CANCEL, now_us).granted == 1

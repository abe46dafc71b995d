"""Leave for one call that nobody is before, decided inside a script of whoever makes the call.

What the pump asks for those who wait is a trip of its own; who has to ask Redis anyway can spend in the same one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adapters.contract import Call
from gateway.limiter.grant import Grant
from gateway.store.wire import Argument


@dataclass(frozen=True, slots=True)
class Passage:
    """One question, to be put once and at once; keys and arguments are those of `spend` (`redis_spend.SPENDING`)."""

    call: Call
    keys: Sequence[Argument]
    arguments: Sequence[Argument]
    _answered: Callable[[Sequence[int]], Grant | None] = field(repr=False)

    def answered(self, reply: Sequence[int]) -> Grant | None:
        """Take `spend`'s reply: the grant, which whoever asked must `leave`; None: wait for leave like everybody."""
        return self._answered(reply)

"""What a stream is about: the unit of subscription, here, in Redis and at the venue."""

from dataclasses import dataclass
from typing import Self

from adapters.contract import Channel
from adapters.models import Symbol, VenueName


@dataclass(frozen=True, slots=True)
class Topic:
    """One channel of one market; its text form names it in Redis and in metrics."""

    venue: VenueName
    channel: Channel
    symbol: Symbol

    def __str__(self) -> str:
        return f"{self.venue}.{self.channel}.{self.symbol}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form back; raises `ValueError` for anything else."""
        venue, channel, symbol = text.split(".", 2)
        if not venue or not symbol:
            raise ValueError(f"not a topic: {text!r}")
        return cls(VenueName(venue), Channel(channel), Symbol(symbol))

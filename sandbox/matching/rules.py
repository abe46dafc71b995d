"""What venues settle differently about the same order. Data: the engine asks, a venue's face chooses."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """The defaults refuse early and look at an account's margin as a whole.

    `keeps_rejected`: a post-only order that would take is accepted and ends as rejected, instead of being refused.
    `caps_reducing`: a reduce-only order may be larger than its position and trades only what is there; otherwise it is
    refused, and resting ones shrink with the position.
    `reserves_margin`: every open order holds back its own margin and taker fee, by the leverage the account has chosen.
    """

    keeps_rejected: bool = False
    caps_reducing: bool = False
    reserves_margin: bool = False

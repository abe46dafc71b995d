"""What a replica is born with, as its order says it."""

from typing import TypedDict


class Birth(TypedDict):
    """How a replica is to start."""

    arguments: list[str]
    env: dict[str, str]
    log: str
    skew: str
    """The file its clock follows."""
    plants: list[str]

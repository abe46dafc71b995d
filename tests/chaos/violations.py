"""What breaks a promise, in words: every part of the judge collects into one list."""

from dataclasses import dataclass, field
from enum import StrEnum

SHOWN = 8


class Promise(StrEnum):
    """The promises that are watched."""

    ONCE = "an order is placed at most once, and never lost silently"
    LIMIT = "a venue's limit is never exceeded"
    STREAM = "a book is never silently wrong, an event never silently missed"
    SECRET = "venue secrets never leave"


@dataclass(slots=True)
class Verdict:
    """All that was found; empty is well."""

    found: list[tuple[Promise, str]] = field(default_factory=list)

    def add(self, promise: Promise, what: str) -> None:
        self.found.append((promise, what))

    def promises(self) -> set[Promise]:
        return {promise for promise, _ in self.found}

    def __str__(self) -> str:
        lines = []
        for promise in Promise:
            found = [what for broken, what in self.found if broken is promise]
            if found:
                lines += [f"BROKEN: {promise}", *(f"        {what}" for what in found[:SHOWN])]
                lines += [f"        … and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return "\n".join(lines)

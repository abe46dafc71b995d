"""What a rule does to a message of a stream on its way to one connection: to its words, and to its way."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from sandbox.faults.contents import CONTENTS, Contents, parse_contents
from sandbox.faults.reading import CLOSE_CODES, BadRule, Members

FATES = ("withhold", "duplicate", "delay_ms", "reorder", "close", "reset")
WORDS = (*CONTENTS, "truncate", "body")
KNOWN = (*FATES, *WORDS)
MOST_CHARACTERS = 10**9


class Fate(StrEnum):
    """What becomes of the message: sent at once, unless said otherwise."""

    SEND = "send"
    WITHHOLD = "withhold"
    DUPLICATE = "duplicate"
    DELAY = "delay_ms"
    REORDER = "reorder"
    CLOSE = "close"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class MessageDeed:
    """What to do to one message: its words are changed, cut off or replaced, then it goes its way."""

    fate: Fate
    delay_ms: int = 0
    close_code: int = 0
    contents: Contents | None = None
    truncate: int | None = None
    body: str | None = None

    def spoiled(self, text: str, noise: Random) -> str:
        """The words that go out instead."""
        if self.body is not None:
            return self.body
        if self.contents is not None:
            return self.contents.apply(text.encode(), noise).decode()
        return text if self.truncate is None else text[: self.truncate]


def parse_message_deed(members: Members) -> MessageDeed:
    """Read what is done to a message; raises `BadRule`."""
    if not members.given(*KNOWN):
        raise BadRule(f"`do` to a message needs one of {', '.join(KNOWN)}")
    fate = members.one_of(*FATES)
    members.refuse_together(("withhold", "close", "reset"), WORDS)
    members.refuse_together(("truncate",), ("body", *CONTENTS))
    members.refuse_together(("body",), CONTENTS)
    for name in ("withhold", "duplicate", "reorder", "reset"):
        members.flag(name)
    return MessageDeed(
        fate=Fate(fate) if fate else Fate.SEND,
        delay_ms=members.whole("delay_ms") or 0,
        close_code=read_close_code(members.value("close")) if fate == "close" else 0,
        contents=parse_contents(members),
        truncate=members.whole("truncate", most=MOST_CHARACTERS),
        body=members.text("body"),
    )


def read_close_code(value: object) -> int:
    """A code a socket may be closed with; raises `BadRule`."""
    if not isinstance(value, int) or value not in CLOSE_CODES:
        raise BadRule("a close code is 1000 to 1003, 1007 to 1014, or 3000 to 4999")
    return value

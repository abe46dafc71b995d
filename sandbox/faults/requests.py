"""What a rule does to a request: another answer, none, the true one spoiled, late, twice, or something beside it."""

import re
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from sandbox.face import Response
from sandbox.faults.contents import CONTENTS, Contents, parse_contents
from sandbox.faults.reading import BadRule, Members, write_json

KNOWN = (
    *("status", "body", "content_type", "headers"),
    *("close", "reset", "hang", "hang_ms"),
    *("truncate", "twice", *CONTENTS),
    *("late_ms", "replay_ms", "expire_tokens"),
)
ENDINGS = ("close", "reset", "hang")
ASIDE = ("replay_ms", "expire_tokens")

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
OWN_HEADERS = {"content-type": "`content_type` says it", "content-length": "it is always the answer's own"}
MOST_BYTES = 10**9


class Ending(StrEnum):
    """How a connection is left without an answer."""

    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class RequestDeed:
    """What to do to one request. `late_ms`: when it is executed; None is at once, or never if it was struck before."""

    answer: Response | None
    ending: Ending | None
    contents: Contents | None
    truncate: int | None
    is_twice: bool
    hang_ms: int
    late_ms: int | None
    replay_ms: int | None
    expires_tokens: bool

    @property
    def wants_truth(self) -> bool:
        """Whether the client is to see the true answer, in whatever state."""
        return self.answer is None and self.ending is None

    def spoiled(self, response: Response | None, noise: Random) -> Response | None:
        """The answer in place of the true one; None where none is given. How it is sent is another matter."""
        if self.ending is not None:
            return None
        if self.answer is not None or response is None or self.contents is None:
            return self.answer or response
        body = self.contents.apply(response.body, noise)
        return Response(response.status, body, response.content_type, response.headers)


def parse_request_deed(members: Members, *, is_executed: bool) -> RequestDeed:
    """Read what is done to a request that is executed already, or is not yet; raises `BadRule`."""
    if not members.given(*KNOWN):
        raise BadRule(f"`do` needs one of {', '.join(KNOWN)}")
    ending = members.one_of("status", *ENDINGS)
    members.refuse_together(("status",), CONTENTS)
    members.refuse_together(ENDINGS, ("truncate", "twice", *CONTENTS))
    members.refuse_together(("truncate",), ("twice",))
    members.refuse_together(("hang",), ("hang_ms",))
    if ending != "status" and (stray := members.given("body", "content_type", "headers")):
        raise BadRule(f"`{stray[0]}` needs `status`")
    hang_ms, late_ms = members.whole("hang_ms") or 0, members.whole("late_ms")
    if hang_ms and ending is None and late_ms is None and not is_executed:
        ending = "close"  # what was not executed has no answer to give late
    for name in ENDINGS:
        members.flag(name)
    return RequestDeed(
        answer=_answer(members) if ending == "status" else None,
        ending=Ending(ending) if ending in ENDINGS else None,
        contents=parse_contents(members),
        truncate=members.whole("truncate", most=MOST_BYTES),
        is_twice=members.flag("twice"),
        hang_ms=hang_ms,
        late_ms=late_ms,
        replay_ms=members.whole("replay_ms"),
        expires_tokens=members.flag("expire_tokens"),
    )


def _answer(members: Members) -> Response:
    status = members.whole("status", least=200, most=599)
    if status is None:
        raise BadRule("`status` is a whole number from 200 to 599")
    body = members.value("body")
    text = b"" if body is None else body.encode() if isinstance(body, str) else write_json(body)
    kind = "text/html" if text.startswith(b"<") else "application/json; charset=utf-8"
    return Response(status, text, members.text("content_type") or kind, tuple(_headers(members)))


def _headers(members: Members) -> list[tuple[str, str]]:
    headers = list(members.object("headers").items())
    for name, value in headers:
        if name.lower() in OWN_HEADERS:
            raise BadRule(f"`headers` cannot say {name}: {OWN_HEADERS[name.lower()]}")
        if not HEADER_NAME.fullmatch(name) or not isinstance(value, str) or not HEADER_VALUE.fullmatch(value):
            raise BadRule(f"`headers` cannot say {name}: a header is a name and a text")
    return headers

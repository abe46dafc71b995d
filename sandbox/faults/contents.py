"""What may be done to the words of an answer or a message: members changed, or all of it made noise."""

import string
from dataclasses import dataclass
from random import Random

import msgspec

from sandbox.faults.reading import BadRule, Members, write_json

Path = tuple[str, ...]

# No JSON begins with one of these.
NO_BEGINNING = "#$%&*@~"
NOISE = string.ascii_letters + string.digits + string.punctuation


@dataclass(frozen=True, slots=True)
class Edits:
    """Members to change or add, and members to leave out; numbers and the order of all others stay as they are."""

    changes: tuple[tuple[Path, bytes], ...]
    drops: tuple[Path, ...]

    def apply(self, data: bytes, noise: Random) -> bytes:
        """The text so changed; what is no JSON stays as it is."""
        try:
            for path, value in self.changes:
                data = _edit(data, path, value)
            for path in self.drops:
                data = _edit(data, path, None)
        except (msgspec.DecodeError, RecursionError):
            return data
        return data


@dataclass(frozen=True, slots=True)
class Garbled:
    """Noise as long as the text, in place of it."""

    def apply(self, data: bytes, noise: Random) -> bytes:
        if not data:
            return data
        return (noise.choice(NO_BEGINNING) + "".join(noise.choices(NOISE, k=len(data) - 1))).encode()


Contents = Edits | Garbled
CONTENTS = ("change", "drop", "garble")


def parse_contents(members: Members) -> Contents | None:
    """Read `change` with `drop`, or `garble`; None if neither is given."""
    members.refuse_together(("change", "drop"), ("garble",))
    if members.flag("garble"):
        return Garbled()
    if not members.given("change", "drop"):
        return None
    drops = members.value("drop") or []
    if not isinstance(drops, list) or not all(isinstance(path, str) for path in drops):
        raise BadRule("`drop` is a list of paths")
    changes = tuple((_path(path), write_json(value)) for path, value in members.object("change").items())
    return Edits(changes, tuple(_path(path) for path in drops))


def _path(text: str) -> Path:
    segments = tuple(text.split("."))
    if not all(segments):
        raise BadRule(f"`{text}` is no path")
    return segments


def _edit(data: bytes, path: Path, value: bytes | None) -> bytes:
    """Set one member, or leave it out; of a list, in each of its items. Everything else keeps its very bytes."""
    match data.lstrip()[:1]:
        case b"[":
            items = msgspec.json.decode(data, type=list[msgspec.Raw])
            return msgspec.json.encode([msgspec.Raw(_edit(bytes(item), path, value)) for item in items])
        case b"{":
            members = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        case _:
            return data
    name, rest = path[0], path[1:]
    if rest:
        if name in members:
            members[name] = msgspec.Raw(_edit(bytes(members[name]), rest, value))
    elif value is None:
        members.pop(name, None)
    else:
        members[name] = msgspec.Raw(value)
    return msgspec.json.encode(members)

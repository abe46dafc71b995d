"""Lua scripts, kept as `.lua` files beside the module that uses them. What they do belongs to those modules."""

import hashlib
from dataclasses import dataclass, field
from importlib import resources


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the digest by which Redis knows it."""

    name: str
    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        # SHA-1 is what EVALSHA is defined over; nothing here rests on its strength.
        object.__setattr__(self, "sha", hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest())

    @classmethod
    def load(cls, package: str, *files: str) -> "Script":
        """Read `files` from `package` and join them; the last one names the script, the others are its prelude."""
        folder = resources.files(package)
        source = "\n".join((folder / file).read_text(encoding="utf-8") for file in files)
        return cls(files[-1].removesuffix(".lua"), source)

"""Lua scripts, kept as `.lua` files beside the module that uses them. What they do belongs to those modules."""

import hashlib
from dataclasses import dataclass, field
from importlib import resources


def lua(package: str, *files: str) -> str:
    """Read `files` from `package` and join them: a text that defines what others go on with."""
    folder = resources.files(package)
    return "\n".join((folder / file).read_text(encoding="utf-8") for file in files)


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
        return cls(files[-1].removesuffix(".lua"), lua(package, *files))

    @classmethod
    def calling(cls, function: str, *texts: str) -> "Script":
        """A script that is one call of `function(keys, arguments)`, which the last of `texts` defines."""
        return cls(function, "\n".join((*texts, f"return {function}(KEYS, ARGV)\n")))

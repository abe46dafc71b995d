"""A request on its way to its handler, and what a handler may answer besides plain data."""

from dataclasses import dataclass
from typing import Any

from sandbox.face import Request
from sandbox.matching import Account
from sandbox.zanbara.bodies import Fields, read_body
from sandbox.zanbara.keys import ApiKey
from sandbox.zanbara.parameters import Query


@dataclass(frozen=True, slots=True)
class Call:
    """`named` is the path's last part where the route leaves it open; public routes have a `key` of nobody's."""

    request: Request
    named: str
    key: ApiKey
    account: Account
    now_us: int
    strict_numbers: bool

    @property
    def query(self) -> Query:
        return Query(self.request.query)

    def body(self, *, may_be_empty: bool = False) -> Fields:
        """The body's members; raises `Problem` if it cannot be read."""
        return read_body(self.request, strict_numbers=self.strict_numbers, may_be_empty=may_be_empty)


@dataclass(frozen=True, slots=True)
class Created:
    """Data that goes out with 201."""

    data: Any

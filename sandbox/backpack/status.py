"""How the venue itself is: in order, or under maintenance, when it takes no orders and a few other calls fail, too."""

from typing import Any

from sandbox.backpack.errors import Problem
from sandbox.face import Maintenance

MESSAGE = "The exchange is under maintenance"
# What fails besides everything that changes something.
FAILING_READS = frozenset({"/api/v1/account/limits/borrow"})


class VenueStatus:
    """Answers from the maintenance there is; it may be written at any time."""

    def __init__(self) -> None:
        self.maintenance = Maintenance()

    def show(self) -> Any:
        is_on = self.maintenance.is_on
        return {"message": self.maintenance.message if is_on else None, "status": "Maintenance" if is_on else "Ok"}

    def check(self, method: str, path: str) -> None:
        """Raises `Problem` for a call that fails while maintenance is on."""
        if self.maintenance.is_on and (method != "GET" or path in FAILING_READS):
            raise Problem(503, "MAINTENANCE", self.maintenance.message or MESSAGE)

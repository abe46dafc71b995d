"""How the venue itself is: its status, announced maintenance, and the health of its parts."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.face import Maintenance
from sandbox.zanbara.calls import Call
from sandbox.zanbara.errors import Problem

VERSION = "1.0.0"
MAINTENANCE = "maintenance"


@dataclass(slots=True)
class Condition:
    """What is said of the venue; it may be written at any time. `status`: `normal`, `degraded`, `maintenance`."""

    status: str = "normal"
    message: str | None = None
    maintenance: dict[str, int] | None = None  # `start_time` and `end_time`, epoch milliseconds
    services: dict[str, str] = field(
        default_factory=lambda: {"matching": "ok", "websocket": "ok", "settlement": "ok"},
    )

    def maintain(self, maintenance: Maintenance) -> None:
        """Begin or end maintenance, or announce when it will be."""
        self.status = MAINTENANCE if maintenance.is_on else "normal"
        self.message = maintenance.message
        window = maintenance.window
        self.maintenance = None if window is None else {"start_time": window[0], "end_time": window[1]}

    def check(self) -> None:
        """Raises `Problem` under maintenance, for what changes something."""
        if self.status == MAINTENANCE:
            raise Problem("SERVICE_UNAVAILABLE", "The venue is under maintenance")


class System:
    """Answers from the condition the venue is in."""

    def __init__(self, condition: Condition) -> None:
        self._condition = condition

    def status(self, call: Call) -> Any:
        condition = self._condition
        return {
            "status": condition.status,
            "message": condition.message,
            "version": VERSION,
            "server_time": call.now_us // 1000,
            "maintenance": condition.maintenance,
        }

    def health(self, call: Call) -> Any:
        """Well as long as every service is."""
        services = self._condition.services
        if any(state != "ok" for state in services.values()):
            raise Problem("SERVICE_UNAVAILABLE", "The venue is unhealthy", details={"services": services})
        return {"status": "ok", "services": services}

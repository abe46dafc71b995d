"""How the venue itself is: its status, announced maintenance, and the health of its parts."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.zanbara.calls import Call
from sandbox.zanbara.errors import Problem

VERSION = "1.0.0"


@dataclass(slots=True)
class Condition:
    """What is said of the venue; it may be written at any time. `status`: `normal`, `degraded`, `maintenance`."""

    status: str = "normal"
    message: str | None = None
    maintenance: dict[str, int] | None = None  # `start_time` and `end_time`, epoch milliseconds
    services: dict[str, str] = field(
        default_factory=lambda: {"matching": "ok", "websocket": "ok", "settlement": "ok"},
    )


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

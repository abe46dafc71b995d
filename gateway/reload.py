"""Taking up a changed configuration without a restart: clients, their grants, accounts and their credentials.

The file is taken whole or refused whole; what everything else was built from takes a restart, and says so.
"""

from collections.abc import Callable
from pathlib import Path

import structlog

from gateway.config_file import ConfigError, load
from gateway.settings import Settings

_log = structlog.get_logger()

_CHANGEABLE = frozenset({"accounts", "clients", "desks", "profiles"})


class Reload:
    """Reads the file again when asked to; `apply` puts the new settings into effect or raises `ConfigError`."""

    def __init__(self, path: Path | None, settings: Settings, apply: Callable[[Settings], None]):
        self._path = path
        self._settings = settings
        self._apply = apply

    def __call__(self) -> None:
        """Take up what changed; a configuration that cannot be used changes nothing."""
        try:
            settings = load(self._path)
            self._check_fixed(settings)
            self._apply(settings)
        except ConfigError as error:
            _log.error("configuration_refused", problems=error.problems)
        else:
            self._settings = settings
            _log.info("configuration_taken_up", accounts=len(settings.accounts), clients=len(settings.clients))

    def _check_fixed(self, settings: Settings) -> None:
        fixed = [
            f"{name}: takes a restart"
            for name in Settings.model_fields
            if name not in _CHANGEABLE and getattr(settings, name) != getattr(self._settings, name)
        ]
        if fixed:
            raise ConfigError(fixed)

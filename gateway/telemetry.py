"""Logs, metrics and traces: set up once at start.

One JSON object a line on stdout, ours and the libraries' alike. No secret is ever given to a log; what libraries might
say of their own accord (URLs with queries) is kept below their loggers' levels.
"""

import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog
from prometheus_client import Info, disable_created_metrics, start_http_server

from gateway import __version__, about, tracing
from gateway.config_file import ConfigError
from gateway.settings import LogSettings, ServerSettings, TelemetrySettings

_log = structlog.get_logger()

_QUIET = ("httpx", "httpcore", "websockets", "asyncio", "uvicorn.access", "urllib3")

_FIELD_MAX_CHARACTERS = 2_000


def set_up_logs(settings: LogSettings) -> None:
    """Send every log line of this process through one formatter to stdout."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        about.merge,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _shorten,
    ]
    if settings.format == "json":
        renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    # Of what a record holds, none of these is shown; finding them out for every line is dear.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _shorten(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A field that a client or a venue filled must not fill the disk."""
    for name, value in event.items():
        if isinstance(value, str) and len(value) > _FIELD_MAX_CHARACTERS and name != "exception":
            event[name] = value[:_FIELD_MAX_CHARACTERS] + "…"
    return event


def set_up_traces(settings: TelemetrySettings) -> Callable[[], None]:
    """Begin to trace, if that is wanted; call what it answers at the end.

    Raises `ConfigError` where the packages for it are not installed.
    """
    if settings.otlp_endpoint is None:
        return lambda: None
    try:
        stop = tracing.set_up(settings.otlp_endpoint, sample_ratio=settings.sample_ratio, version=__version__)
    except tracing.TracingMissing as error:
        raise ConfigError([f"telemetry.otlp_endpoint: needs the extra `tracing` of crossgate ({error})"]) from None
    _log.info("tracing", endpoint=settings.otlp_endpoint, sample_ratio=settings.sample_ratio)
    return stop


_build = Info("crossgate_build", "Which version runs")


def serve_metrics(settings: ServerSettings, commit: str) -> None:
    """Serve `/metrics` on its own port, from a thread of its own. Raises `OSError` if the port is taken."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each: when it was born
    _build.info({"version": __version__, "commit": commit})
    server, _ = start_http_server(settings.metrics_port, settings.metrics_host)
    _log.info("metrics_listening", url=f"http://{settings.metrics_host}:{server.server_port}/metrics")

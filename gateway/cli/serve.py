"""`crossgate serve`: run the gateway."""

import asyncio
from contextlib import ExitStack

import typer
import uvloop

from gateway.cli.fail import fail, fail_config
from gateway.cli.options import ConfigFile
from gateway.config_file import ConfigError, load
from gateway.settings import Settings
from gateway.store.embedded import EmbeddedServer, ServerFailed, ServerNotFound


def serve(config: ConfigFile = None) -> None:
    """Run the gateway until SIGTERM or Ctrl-C. Logs are JSON lines on stdout."""
    # Here, since they are most of what there is, and no other command needs them.
    from gateway.app import create_app  # noqa: PLC0415
    from gateway.server.run import server_for  # noqa: PLC0415
    from gateway.services import Lifecycle  # noqa: PLC0415
    from gateway.telemetry import serve_metrics, set_up_logs, set_up_traces  # noqa: PLC0415

    lifecycle = Lifecycle()
    with ExitStack() as stack:
        try:
            settings = load(config)
            redis_url = _redis(settings, stack)
            set_up_logs(settings.log)
            stack.callback(set_up_traces(settings.telemetry))
            app = create_app(settings, redis_url, config=config, lifecycle=lifecycle)
        except ConfigError as error:
            fail_config(error)
        except (ServerNotFound, ServerFailed) as error:
            fail(str(error))
        try:
            serve_metrics(settings.server, settings.telemetry.commit)
        except OSError as error:
            fail(f"server.metrics_port {settings.server.metrics_port} cannot be opened: {error.strerror}")
        server = server_for(app, settings.server, lifecycle)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.serve())
        if not server.started:  # uvicorn has said why in the log
            raise typer.Exit(1)


def _redis(settings: Settings, stack: ExitStack) -> str:
    if settings.redis.url is not None:
        return settings.redis.url.get_secret_value()
    if settings.redis.data_dir is None:
        raise ConfigError(["redis.data_dir: is required with `embedded`: orders must outlive the process"])
    return stack.enter_context(EmbeddedServer(settings.redis.data_dir)).url

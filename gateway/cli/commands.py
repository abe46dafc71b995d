"""All commands, under their names."""

import typer

from gateway.cli import audit, config, demo, halt, keys, sandbox, serve, stack_command

app = typer.Typer(
    help="One normalized REST and WebSocket API in front of the exchanges a trading firm uses.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("stack", context_settings={"allow_interspersed_args": False})(stack_command.stack)
app.command(
    "sandbox", add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)(sandbox.sandbox)
app.add_typer(keys.app, name="keys")
app.add_typer(config.app, name="config")
app.add_typer(audit.app, name="audit")
app.add_typer(halt.app, name="halt")

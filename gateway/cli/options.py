"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="CROSSGATE_CONFIG",
        help="The configuration, YAML. Every value can be overridden: CROSSGATE_SERVER__PORT=9000.",
    ),
]

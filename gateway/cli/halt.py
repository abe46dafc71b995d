"""`crossgate halt`: trading stopped, looked at, and let go on, at a running gateway."""

from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import typer

from gateway.cli.fail import fail
from gateway.risk.halt import HaltScope, Mode

app = typer.Typer(help="Stop trading at a running gateway, for all or for some.", no_args_is_help=True)

_PATH = "/v1/admin/halts"
_TIMEOUT_S = 10.0

Url = Annotated[str, typer.Option("--url", envvar="CROSSGATE_URL", help="Of any replica: http://host:port.")]
Token = Annotated[
    str | None, typer.Option("--token", envvar="CROSSGATE_TOKEN", help="Of a client with the scope `risk`.")
]
ClientName = Annotated[
    str | None,
    typer.Option(
        "--client", envvar="CROSSGATE_API_KEY", help="Instead: the client, its secret in CROSSGATE_API_SECRET."
    ),
]
Secret = Annotated[str | None, typer.Option(hidden=True, envvar="CROSSGATE_API_SECRET")]
ScopeArgument = Annotated[HaltScope, typer.Argument(help="What the name is the name of.")]
NameArgument = Annotated[str, typer.Argument(help="Left out where the scope is global.")]


@app.command("list")
def list_halts(url: Url, token: Token = None, client: ClientName = None, secret: Secret = None) -> None:
    """Show the halts in force."""
    halts = _ask("GET", url, _token(url, token, client, secret))
    for halt in halts:
        typer.echo(_line(halt))
    if not halts:
        typer.echo("nothing is halted")


@app.command("set")
def set_halt(  # noqa: PLR0917 - the options of a command
    scope: ScopeArgument,
    url: Url,
    reason: Annotated[str, typer.Option(help="Told to everybody it stops.")],
    name: NameArgument = "",
    mode: Annotated[Mode, typer.Option()] = Mode.NO_NEW,
    cancel_open: Annotated[bool, typer.Option("--cancel-open", help="Cancel what rests there as well.")] = False,  # noqa: FBT002
    until: Annotated[int | None, typer.Option(help="When it ends by itself, ms since 1970.")] = None,
    token: Token = None,
    client: ClientName = None,
    secret: Secret = None,
) -> None:
    """Set a halt, in place of the one for the same scope and name."""
    body = {
        "scope": scope.value,
        "name": name,
        "mode": mode.value,
        "cancel_open": cancel_open,
        "reason": reason,
        "until": until,
    }
    _tell("set", _ask("POST", url, _token(url, token, client, secret), json=body))


@app.command("lift")
def lift_halt(  # noqa: PLR0917 - the options of a command
    scope: ScopeArgument,
    url: Url,
    name: NameArgument = "",
    token: Token = None,
    client: ClientName = None,
    secret: Secret = None,
) -> None:
    """Lift a halt."""
    params = {"scope": scope.value, "name": name}
    _tell("lifted", _ask("DELETE", url, _token(url, token, client, secret), params=params))


def _tell(what: str, change: dict[str, Any]) -> None:
    if change["halt"] is None:
        typer.echo("nothing was halted by that name")
        return
    typer.echo(f"{what}: {_line(change['halt'])}")
    typer.echo(f"acknowledged by {', '.join(change['acknowledged']) or 'nobody'}")
    if change["missing"]:
        typer.echo(f"not yet by {', '.join(change['missing'])}: it holds there too, but look at them", err=True)


def _line(halt: dict[str, Any]) -> str:
    whom = f"{halt['scope']} {halt['name']}".rstrip()
    until = "until lifted" if halt["until"] is None else f"until {_time(halt['until'])}"
    line = f"{whom}: {halt['mode']}, {until}, by {halt['set_by']} at {_time(halt['set_at'])}: {halt['reason']}"
    if halt["cancel_open"]:
        line += f" ({halt['cancelled']} orders cancelled, {halt['resting']} rest)"
    return line


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")


def _token(url: str, token: str | None, client: str | None, secret: str | None) -> str:
    if token:
        return token
    if not (client and secret):
        fail("say who you are: --token, or --client with the secret in CROSSGATE_API_SECRET", code=2)
    logged_in = _call("POST", f"{url}/v1/auth/token", json={"api_key": client, "api_secret": secret})
    return str(logged_in["token"])


def _ask(method: str, url: str, token: str, **request: Any) -> Any:
    return _call(method, f"{url}{_PATH}", headers={"Authorization": f"Bearer {token}"}, **request)


def _call(method: str, url: str, **request: Any) -> Any:
    """The `data` of the answer; anything else ends the command."""
    try:
        answer = httpx.request(method, url, timeout=_TIMEOUT_S, trust_env=False, **request)
        body = answer.json()
        if not body["success"]:
            fail(f"{body['error']['code']}: {body['error']['message']}")
        return body["data"]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"{method} {url}: {str(error) or type(error).__name__}")
    except (ValueError, LookupError, TypeError):
        fail(f"{method} {url}: what answers is no Crossgate")

"""The environment variables by which a running set is told to what uses it."""

import shlex
from collections.abc import Mapping

from gateway.cli.stack import PREFIXES, Stack, VenueProcess


def stack_variables(stack: Stack) -> dict[str, str]:
    """Of the whole set: the gateway's, then each venue's."""
    return {
        "CROSSGATE_URL": stack.url,
        "CROSSGATE_WS_URL": stack.ws_url,
        "CROSSGATE_API_KEY": stack.api_key,
        "CROSSGATE_API_SECRET": stack.api_secret,
        "CROSSGATE_ACCOUNT": stack.accounts[0],
        **venue_variables(stack.venues),
    }


def venue_variables(venues: Mapping[str, VenueProcess]) -> dict[str, str]:
    """Of each venue: where it is, the keys of its first account, and what the gateway calls that account."""
    variables: dict[str, str] = {}
    for name, venue in venues.items():
        account, prefix = venue.accounts[0], f"CROSSGATE_{name.upper()}"
        variables |= {
            f"{prefix}_URL": venue.url,
            f"{prefix}_WS_URL": venue.ws_url,
            f"{prefix}_API_KEY": account["credentials"]["api_key"],
            f"{prefix}_API_SECRET": account["credentials"]["api_secret"],
            f"{prefix}_ACCOUNT": f"{PREFIXES[name]}-{account['name']}",
        }
    return variables


def as_lines(variables: Mapping[str, str]) -> str:
    """Lines that a shell can read."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())

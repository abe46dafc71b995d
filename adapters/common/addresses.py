"""Where a venue is reached: its own addresses, or those it was given. Pure."""

from adapters.contract import Endpoints


def checked(endpoints: Endpoints) -> Endpoints:
    """The addresses themselves; raises `ValueError`, naming the one whose scheme cannot be right."""
    for name, url, schemes in (
        ("rest_url", endpoints.rest_url, ("http://", "https://")),
        ("ws_url", endpoints.ws_url, ("ws://", "wss://")),
    ):
        if not url.startswith(schemes):
            raise ValueError(f"endpoints.{name}: needs one of {' '.join(schemes)}")
    return endpoints

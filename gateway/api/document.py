"""The API's document: FastAPI's own, with the request bodies it cannot see because they are read strictly.

`/docs` is a page of our own: the usual ones load scripts from the internet, which a trading network does not have.
"""

import asyncio
import json
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema
from starlette.responses import HTMLResponse, Response

from gateway.api.batch_bodies import AmendOrder, BatchRequest, CancelAllRequest
from gateway.api.halt_bodies import HaltRequest
from gateway.api.limits import PlanRequest
from gateway.api.operation_bodies import ChangeMargin, ClosePosition, SetLeverage, SetMarginMode, Withdraw
from gateway.api.order_bodies import PlaceOrder
from gateway.api.routes.auth import TokenRequest
from gateway.api.routes.cancel_after import CancelAfter
from gateway.api.routes.resolve import ResolveOrder

_BODIES = (
    *(AmendOrder, BatchRequest, CancelAfter, CancelAllRequest, HaltRequest, PlaceOrder, PlanRequest, ResolveOrder),
    *(ChangeMargin, ClosePosition, SetLeverage, SetMarginMode, TokenRequest, Withdraw),
)


@dataclass(frozen=True, slots=True)
class _Documents:
    json: bytes
    page: str


def install(app: FastAPI) -> None:
    """Serve `/openapi.json`, and to people `/docs`; comes after all routes."""

    @cache
    def documents() -> _Documents:
        document = app.openapi()
        _, schemas = models_json_schema(
            [(body, "validation") for body in _BODIES], ref_template="#/components/schemas/{model}"
        )
        document["components"]["schemas"].update(schemas["$defs"])
        return _Documents(json.dumps(document).encode(), _page(document))

    # Made when first asked for, in a thread: it takes half a second, for which neither a start nor a bot should wait.

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return Response((await asyncio.to_thread(documents)).json, media_type="application/json")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse((await asyncio.to_thread(documents)).page)


def _page(document: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{method.upper()}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation.get('description', ''))}</td>"
        f"<td>{', '.join(escape(one['name']) for one in operation.get('parameters', []))}</td></tr>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Crossgate</title>"
        "<style>body{font:15px/1.5 sans-serif;margin:2em auto;max-width:70em;padding:0 1em}"
        "td,th{text-align:left;vertical-align:top;padding:.3em .8em;border-bottom:1px solid #ddd}</style>"
        "<h1>Crossgate</h1><p>Every field of every answer is in <a href=/openapi.json>/openapi.json</a>; streams are "
        "at <code>WS /v1/ws</code>.</p>"
        f"<table><tr><th>method<th>path<th>what<th>parameters</tr>{rows}</table></html>"
    )

"""Takes out of the exchange's OpenAPI document the facts that can be tested; prose and examples stay behind.

    python -m tests.sandbox.backpack_schema.extract backpack-openapi.yaml > tests/golden/backpack/openapi-facts.json

Of every path the sandbox serves: parameters, bodies, answers by status, and the components these reach. One line each,
so that the difference between two versions reads well.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.backpack_schema.in_process import served_routes

# The asset names are a list that grows by the day; any text may be one.
OPEN_ENUMERATIONS = frozenset({"CustodyAsset"})
SCHEMA_FACTS = (
    *("type", "format", "enum", "required", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"),
    *("pattern", "default", "nullable", "$ref"),
)
MEMBERS = ("allOf", "anyOf", "oneOf")
REFERENCE = "#/components/schemas/"


def schema_facts(schema: dict[str, Any]) -> dict[str, Any]:
    """One schema without prose. A reference that was only wrapped to be described stands by itself again."""
    facts: dict[str, Any] = {key: schema[key] for key in SCHEMA_FACTS if schema.get(key) is not None}
    if "required" in facts:
        facts["required"] = sorted(facts["required"])
    if "properties" in schema:
        facts["properties"] = {name: schema_facts(member) for name, member in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            facts[key] = schema_facts(schema[key])
    for key in MEMBERS:
        if members := [facts_of for member in schema.get(key, ()) if (facts_of := schema_facts(member))]:
            facts[key] = members
    if "discriminator" in schema:
        facts["discriminator"] = schema["discriminator"]
    wrapped = facts.get("allOf", ())
    return wrapped[0] if len(facts) == 1 and len(wrapped) == 1 else facts


def _content(holder: dict[str, Any]) -> dict[str, Any]:
    return {media: schema_facts(body["schema"]) for media, body in holder.get("content", {}).items()}


def _required_headers(response: dict[str, Any]) -> dict[str, Any]:
    headers = response.get("headers", {}).items()
    return {name.lower(): schema_facts(header["schema"]) for name, header in headers if header.get("required")}


def operation_facts(operation: dict[str, Any]) -> dict[str, Any]:
    """Parameters, body and answers of one method of one path."""
    facts: dict[str, Any] = {
        "parameters": sorted(
            (
                {"in": item["in"], "name": item["name"], "schema": schema_facts(item["schema"])}
                | ({"required": True} if item.get("required") else {})
                for item in operation.get("parameters", ())
            ),
            key=lambda item: (item["in"], item["name"]),
        ),
        "responses": {
            status: {"content": _content(response), "headers": _required_headers(response)}
            for status, response in operation["responses"].items()
        },
    }
    if "requestBody" in operation:
        facts["body"] = _content(operation["requestBody"])
    return facts


def references(value: Any) -> Iterator[str]:
    """The names of the components a schema mentions."""
    match value:
        case str() if value.startswith(REFERENCE):
            yield value.removeprefix(REFERENCE)
        case dict():
            for member in value.values():
                yield from references(member)
        case list():
            for member in value:
                yield from references(member)


def reached(schemas: dict[str, Any], wanted: Iterable[str]) -> dict[str, Any]:
    """The components wanted, and those they reach."""
    found: dict[str, Any] = {}
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = {"type": "string"} if name in OPEN_ENUMERATIONS else schema_facts(schemas[name])
            waiting.extend(references(found[name]))
    return found


def extract(text: bytes, served: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """All facts about the served routes; routes the document does not know are left out."""
    document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    operations = {
        f"{method} {path}": operation_facts(document["paths"][path][method.lower()])
        for method, path in served
        if method.lower() in document["paths"].get(path, {})
    }
    return {
        "source": {"version": document["info"]["version"], "sha256": hashlib.sha256(text).hexdigest()},
        "operations": operations,
        "schemas": reached(document["components"]["schemas"], references(operations)),
    }


def written(facts: dict[str, Any]) -> str:
    """JSON with sorted keys, one operation or component a line."""
    encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
    sections = []
    for section, rows in facts.items():
        lines = (f" {encode(name)}: {encode(entry)}" for name, entry in sorted(rows.items()))
        sections.append(f'"{section}": {{\n' + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(sections) + "\n}\n"


if __name__ == "__main__":
    sys.stdout.write(written(extract(Path(sys.argv[1]).read_bytes(), served_routes())))

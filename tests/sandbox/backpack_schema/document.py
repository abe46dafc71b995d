"""The exchange's OpenAPI document as a judge of requests and answers: its facts, compiled to validators once.

Where the document is looser than what the exchange does, the judge follows the exchange: in an answer every declared
member is there, null where it has no value, and no member is there that is not declared. Exceptions are listed.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tests.sandbox.backpack_schema.in_process import Exchange
from tests.sandbox.backpack_schema.schemas import REFERENCE, Compiler

FACTS = Path(__file__).parents[2] / "golden" / "backpack" / "openapi-facts.json"

formats = FormatChecker(formats=())


def _text_format(name: str, pattern: str) -> None:
    matches = re.compile(pattern, re.ASCII).fullmatch
    formats.checks(name)(lambda value: not isinstance(value, str) or matches(value) is not None)


_text_format("decimal", r"-?(0|[1-9]\d*)(\.\d+)?")
_text_format("naive-date-time", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?")
_text_format("naive-time", r"\d\d:\d\d:\d\d(\.\d{1,9})?")
_text_format("date-time", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


class Document:
    """Says what is wrong with a request or an answer; nothing, if it is as the document has it."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        self._operations: dict[str, Any] = facts["operations"]
        self._compiler = Compiler(facts["schemas"])
        self._validators: dict[tuple[str, bool], Draft202012Validator] = {}

    def knows(self, method: str, path: str) -> bool:
        return f"{method} {path}" in self._operations

    def query_parameters(self, method: str, path: str) -> dict[str, dict[str, Any]]:
        """Name → schema, references resolved."""
        return {
            item["name"]: self.resolved(item["schema"])
            for item in self._operations[f"{method} {path}"]["parameters"]
            if item["in"] == "query"
        }

    def required_parameters(self, method: str, path: str) -> list[str]:
        operation = self._operations[f"{method} {path}"]
        return [item["name"] for item in operation["parameters"] if item["in"] == "query" and item.get("required")]

    def body_schema(self, method: str, path: str) -> dict[str, Any] | None:
        """The schema of the JSON body, reference resolved; None where there is no body."""
        contents = self._operations[f"{method} {path}"].get("body", {})
        return next((self.resolved(schema) for schema in contents.values()), None)

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        return self._compiler.resolved(schema)

    def error_codes(self) -> frozenset[str]:
        return frozenset(self.facts["schemas"]["ApiErrorCode"]["enum"])

    def declares(self, method: str, path: str, status: int) -> bool:
        return str(status) in self._operations[f"{method} {path}"]["responses"]

    def request_faults(self, exchange: Exchange) -> list[str]:
        """What is wrong with parameters, headers and body."""
        operation = self._operations[f"{exchange.method} {exchange.path}"]
        faults = []
        for item in operation["parameters"]:
            if item["in"] == "header":
                faults += self._parameter_faults(item, _header(exchange.headers, item["name"]))
        if exchange.method == "GET":
            given = dict(exchange.params)  # type: ignore[arg-type]  # a query is a mapping
            declared = {item["name"]: item for item in operation["parameters"] if item["in"] == "query"}
            faults += [f"{name}: no such parameter" for name in given if name not in declared]
            for name, item in declared.items():
                faults += self._parameter_faults(item, given.get(name))
        for schema in operation.get("body", {}).values():
            faults += self._faults(schema, exchange.params, is_answer=False)
        return faults

    def answer_faults(self, exchange: Exchange) -> list[str]:
        """What is wrong with an answer of a declared status."""
        response = exchange.response
        answer = self._operations[f"{exchange.method} {exchange.path}"]["responses"][str(exchange.status)]
        faults = []
        for name, schema in answer["headers"].items():
            item = {"name": name, "schema": schema, "required": True}
            faults += self._parameter_faults(item, _header(dict(response.headers), name))
        if not answer["content"]:
            return faults + ([f"a body where none is declared: {response.body!r}"] if response.body else [])
        if response.content_type not in answer["content"]:
            return [*faults, f"content type {response.content_type!r} is none of {list(answer['content'])}"]
        return faults + self._faults(answer["content"][response.content_type], exchange.content, is_answer=True)

    def component_faults(self, name: str, value: Any) -> list[str]:
        """What is wrong with a part of an answer."""
        return self._faults({"$ref": f"{REFERENCE}{name}"}, value, is_answer=True)

    def error_faults(self, body: Any) -> list[str]:
        """What is wrong with the body of a refusal."""
        return self.component_faults("ApiErrorResponse", body)

    def _parameter_faults(self, item: Mapping[str, Any], value: Any) -> list[str]:
        if value is None:
            return [f"{item['name']}: missing"] if item.get("required") else []
        schema = self.resolved(item["schema"])
        read = _read_text(schema, value) if isinstance(value, str) else value
        return [f"{item['name']}: {fault}" for fault in self._faults(item["schema"], read, is_answer=False)]

    def _faults(self, schema: dict[str, Any], value: Any, *, is_answer: bool) -> list[str]:
        key = (json.dumps(schema, sort_keys=True), is_answer)
        if key not in self._validators:
            compiled = self._compiler.compiled(schema, is_answer=is_answer)
            self._validators[key] = Draft202012Validator(compiled, format_checker=formats)
        return [f"{error.json_path}: {error.message}" for error in self._validators[key].iter_errors(value)]


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name.lower()), None)


def _read_text(schema: Mapping[str, Any], text: str) -> Any:
    """A query parameter or header as its declared type; what cannot be read stays text and is found out."""
    match schema.get("type"):
        case "integer" if text.isascii() and text.removeprefix("-").isdigit():
            return int(text)
        case "boolean" if text in ("true", "false"):
            return text == "true"
        case "array":
            return [text]
        case _:
            return text


@cache
def document() -> Document:
    """The facts kept with the tests, compiled."""
    return Document(json.loads(FACTS.read_text()))

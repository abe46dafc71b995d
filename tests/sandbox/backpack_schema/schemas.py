"""OpenAPI 3.0 schemas as JSON Schema: discriminated unions become exact, composed objects one object.

For answers objects are closed and whole: every declared member is there, and an optional one may be null, for that is
how the exchange writes it, though it marks nothing as nullable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REFERENCE = "#/components/schemas/"

# What answers carry although the document does not declare it.
UNDECLARED: dict[str, frozenset[str]] = {
    "Market": frozenset({"rwaMarketType"}),
    "PriceFilter": frozenset({"discoveryBoundBand"}),
}

# Values of enumerations that the document, older than they are, does not have; the official Rust client knows them.
MORE_VALUES: dict[str, tuple[str, ...]] = {"OrderStatus": ("Triggered",)}

INTEGERS = {
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (32, 64)},
}


@dataclass
class Variant:
    """One shape an object may have: its members, and the components they come from."""

    properties: dict[str, Any] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)  # discriminating member -> its value

    def joined(self, other: "Variant") -> "Variant":
        return Variant(
            self.properties | other.properties,
            self.required | other.required,
            self.names | other.names,
            self.tags | other.tags,
        )


class Compiler:
    """Turns the document's schemas into self-contained JSON Schemas."""

    def __init__(self, components: Mapping[str, Any]) -> None:
        self._components = components

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema a reference means."""
        while "$ref" in schema:
            schema = self._components[schema["$ref"].removeprefix(REFERENCE)]
        return schema

    def compiled(self, schema: dict[str, Any], *, is_answer: bool) -> dict[str, Any]:
        plain = self.resolved(schema)
        if is_answer and (more := MORE_VALUES.get(schema.get("$ref", "").removeprefix(REFERENCE))):
            return plain | {"enum": [*plain["enum"], *more]}
        if "properties" in plain or "discriminator" in plain or "allOf" in plain:
            return self._union([self._object(item, is_answer=is_answer) for item in self._variants(schema)])
        if plain.get("type") == "array":
            return {
                "type": "array",
                "items": self.compiled(plain["items"], is_answer=is_answer),
                **{f"{end}Items": plain[f"{end}Length"] for end in ("min", "max") if f"{end}Length" in plain},
            }
        if "additionalProperties" in plain:
            values = self.compiled(plain["additionalProperties"], is_answer=is_answer)
            return {"type": "object", "additionalProperties": values}
        if plain.get("type") == "integer":
            low, high = INTEGERS[plain["format"]]
            return {"type": "integer", "minimum": low, "maximum": high}
        unknown = set(plain) - {"type", "format", "enum", "minLength", "maxLength", "default"}
        assert not unknown, f"schema facts that are not understood: {unknown}"
        return {key: value for key, value in plain.items() if key != "default"}

    def _variants(self, schema: dict[str, Any]) -> list[Variant]:
        """All shapes of an object, with what it is composed of put together."""
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(REFERENCE)
            return [item.joined(Variant(names={name})) for item in self._variants(self._components[name])]
        if "discriminator" in schema:
            tag = schema["discriminator"]["propertyName"]
            return [
                item.joined(Variant(tags={tag: value}))
                for value, reference in schema["discriminator"]["mapping"].items()
                for item in self._variants({"$ref": reference})
            ]
        if "allOf" in schema:
            made = [Variant()]
            for member in schema["allOf"]:
                made = [left.joined(right) for left in made for right in self._variants(member)]
            return made
        return [Variant(dict(schema.get("properties", {})), set(schema.get("required", ())))]

    def _object(self, variant: Variant, *, is_answer: bool) -> tuple[dict[str, str], dict[str, Any]]:
        """(tags, JSON Schema) of one shape."""
        members = {
            name: self._member(schema, is_answer=is_answer, is_required=name in variant.required)
            for name, schema in variant.properties.items()
        }
        extra: dict[str, Any] = {name: {} for part in variant.names for name in UNDECLARED.get(part, ())}
        return variant.tags, {
            "type": "object",
            "properties": members | extra if is_answer else members,
            "required": sorted(members if is_answer else variant.required),
            "additionalProperties": False,
        }

    def _member(self, schema: dict[str, Any], *, is_answer: bool, is_required: bool) -> dict[str, Any]:
        compiled = self.compiled(schema, is_answer=is_answer)
        return compiled if is_required or not is_answer else {"anyOf": [{"type": "null"}, compiled]}

    @staticmethod
    def _union(shapes: list[tuple[dict[str, str], dict[str, Any]]]) -> dict[str, Any]:
        """The shapes, told apart by their tags, so that a fault names the shape that was meant."""
        if len(shapes) == 1:
            return shapes[0][1]
        tagged = [
            ({"properties": {name: {"const": value} for name, value in tags.items()}, "required": sorted(tags)}, shape)
            for tags, shape in shapes
        ]
        return {
            "type": "object",
            "anyOf": [condition for condition, _ in tagged],
            "allOf": [{"if": condition, "then": shape} for condition, shape in tagged],
        }

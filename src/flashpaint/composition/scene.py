"""Scenes as people write them: a background and things, with boxes or relations. Read from YAML or JSON; knows no
pictures. The published schema is docs/scene.schema.json.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from flashpaint.errors import OutOfRange
from flashpaint.request import SEED_LIMIT

MOST = 32  # things, after counts
LONGEST = 100_000  # characters of a scene file
RELATIONS = (*("left_of", "right_of", "above", "below", "on", "under", "inside", "behind", "in_front_of", "holding"),)
SIZES = {"small": 0.5, "medium": 1.0, "large": 1.6}

Words = Annotated[str, Field(min_length=1, max_length=200)]
Share = Annotated[float, Field(ge=0, le=1)]
Names = Annotated[tuple[Words, ...], Field(max_length=MOST)]


class Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Safe, and without YAML 1.1's booleans "on", "off", "yes" and "no": a cat may be `on` a car."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in rules if tag != "tag:yaml.org,2002:bool"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Background(Strict):
    """Where and when: each in words that the painter knows, or any."""

    place: Words | None = None
    weather: Words | None = None
    time: Words | None = None
    colour: Annotated[Words | None, Field(description="Of a plain ground, instead of a place.")] = None
    words: Annotated[Words | None, Field(description="Anything else, in free words.")] = None

    @model_validator(mode="after")
    def plain_or_not(self) -> Background:
        if self.colour and (self.place or self.words):
            raise ValueError("a background has a place (or words) or a plain colour, not both")
        return self


class Thing(Strict):
    """One thing, or `count` alike. Others name it by its `id`, which is its name where none is given."""

    name: Words
    id: Words | None = None
    description: Annotated[
        Words | None, Field(description='Painted in place of colour and name: "a cat with a hat".')
    ] = None
    count: Annotated[int, Field(ge=1, strict=True)] = 1
    box: Annotated[
        tuple[Share, Share, Share, Share] | None,
        Field(description="Left, top, right and bottom, rising, in shares of the picture."),
    ] = None
    left_of: Names = ()
    right_of: Names = ()
    above: Names = ()
    below: Names = ()
    on: Names = ()
    under: Names = ()
    inside: Names = ()
    behind: Names = ()
    in_front_of: Names = ()
    holding: Names = ()
    depth: Annotated[
        Annotated[float, Field(allow_inf_nan=False)] | None,
        Field(description="The larger the farther: what is nearer covers what is farther."),
    ] = None
    colour: Words | None = None
    style: Words | None = None
    size: Literal["small", "medium", "large"] = "medium"

    @field_validator(*RELATIONS, mode="before")
    @classmethod
    def one_or_several(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str) else given

    @field_validator("box")
    @classmethod
    def rises(cls, box: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
        if box is not None and not (box[0] < box[2] and box[1] < box[3]):
            raise ValueError("a box of no size: give left, top, right and bottom, rising")
        return box

    @property
    def called(self) -> str:
        return self.id or self.name

    def relations(self) -> Iterator[tuple[str, str]]:
        """(relation, the other's id)."""
        for relation in RELATIONS:
            for other in getattr(self, relation):
                yield relation, other


class Scene(Strict):
    """What a picture shall show, and where. seed: of all that is painted; the same scene is the same picture."""

    background: Background = Background()
    things: Annotated[tuple[Thing, ...], Field(json_schema_extra={"minItems": 1})]
    style: Words | None = None
    seed: Annotated[int, Field(ge=0, le=SEED_LIMIT - 2**20, strict=True)] | None = None

    @model_validator(mode="after")
    def can_be_read(self) -> Scene:
        number = sum(thing.count for thing in self.things)
        if not number:
            raise ValueError("the scene has no things: name one")
        if number > MOST:
            raise ValueError(f"the scene has {number} things: {MOST} are the most")
        known = [thing.called for thing in self.things]
        if twice := next((name for name in known if known.count(name) > 1), None):
            raise ValueError(f"two things are called {twice!r}: give each an id of its own")
        for thing in self.things:
            for relation, other in thing.relations():
                if other not in known:
                    raise ValueError(
                        f"{said(thing.called, relation, other)}: there is no {other!r}{meant(other, known)}"
                    )
                if other == thing.called:
                    raise ValueError(f"{said(thing.called, relation, other)}: a thing has no relation to itself")
        return self


def said(one: str, relation: str, other: str) -> str:
    """The relation in words: "cat left of car"."""
    return f"{one} {relation.replace('_', ' ')} {other}"


def meant(word: str, known: list[str]) -> str:
    """The nearest valid word, as the end of a message."""
    near = difflib.get_close_matches(word, known, 1)
    return f": did you mean {near[0]!r}?" if near else f" (there is {', '.join(known)})"


def read_scene(text: str) -> Scene:
    """A scene of YAML or JSON text. Raises OutOfRange, whose message names the key and the nearest valid one."""
    if len(text) > LONGEST:
        raise OutOfRange(f"the scene has {len(text)} characters: {LONGEST} are the most", param="scene")
    return scene_of(plain_yaml(text))


def plain_yaml(text: str) -> Any:
    """What YAML (or JSON) text holds, without aliases, which could grow without bound. Raises OutOfRange."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise OutOfRange("the file has aliases (*name): write out what they stand for", param="scene")
        return yaml.load(text, Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise OutOfRange(f"this is no YAML: {' '.join(str(error).split())}", param="scene") from error


def scene_of(given: Any) -> Scene:
    """A scene of plain dicts and lists, as YAML, JSON and requests give them. Raises OutOfRange."""
    scene: Scene = validated(Scene, given, "scene")
    return scene


def validated(kind: type[Any], given: Any, what: str) -> Any:
    """The model `kind` of plain data. Raises OutOfRange, which names the place, the fault and the nearest valid key."""
    if not isinstance(given, Mapping):
        raise OutOfRange(f"a {what} is a mapping of {', '.join(kind.model_fields)}, not {given!r:.60}", param=what)
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise OutOfRange("; ".join(told(fault, kind) for fault in error.errors()[:5]), param=what) from error


def told(fault: Any, kind: type[BaseModel]) -> str:
    """One of pydantic's faults in our words."""
    where = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in fault["loc"])
    if fault["type"] != "extra_forbidden":
        reason = str(fault["msg"]).removeprefix("Value error, ")
        return f"{where}: {reason[0].lower()}{reason[1:]}" if where else reason
    return f"there is no key {where!r}{meant(str(fault['loc'][-1]), keys_at(kind, fault['loc'][:-1]))}"


def keys_at(kind: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """The valid keys where `path` (of names and numbers) leads."""
    here: Any = kind.model_json_schema()
    known = here.get("$defs", {})
    for part in path:
        here = here.get("items", {}) if isinstance(part, int) else here.get("properties", {}).get(part, {})
        here = next((option for option in here.get("anyOf", ()) if option.get("type") != "null"), here)
        here = known[here["$ref"].rsplit("/", 1)[1]] if "$ref" in here else here
    return list(here.get("properties", {}))


def as_yaml(scene: Scene) -> str:
    """The scene as a person would write it, without what is the default."""
    plain = json.loads(scene.model_dump_json(exclude_defaults=True))
    for thing in plain["things"]:
        for relation in RELATIONS:
            if len(thing.get(relation, ())) == 1:
                thing[relation] = thing[relation][0]
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def schema() -> str:
    """The published JSON Schema. A relation may be one name or a list of them."""
    found = Scene.model_json_schema()
    found["title"] = "A flashpaint scene"
    for relation in RELATIONS:
        listed = found["$defs"]["Thing"]["properties"][relation]
        found["$defs"]["Thing"]["properties"][relation] = {"anyOf": [{"type": "string"}, listed]}
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **found}, indent=1) + "\n"

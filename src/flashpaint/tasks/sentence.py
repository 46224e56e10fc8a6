"""The scene that a sentence asks for: by a language model that can write one, else by the words between things, in the
sentence itself or in what the language model makes of it.
"""

from __future__ import annotations

import json
import logging
from typing import Any, Protocol, runtime_checkable

from flashpaint.composition.scene import Scene, read_scene, scene_of, schema
from flashpaint.composition.sentence import parsed
from flashpaint.errors import OutOfRange
from flashpaint.request import clean_prompt
from flashpaint.studio import Studio

log = logging.getLogger(__name__)

TOKENS = 800  # of a scene that a language model writes
INSTRUCTION = "Write the scene that the user asks for as one JSON object of this JSON Schema, and nothing else:\n"


@runtime_checkable
class Writer(Protocol):
    """A language model that can answer in a form of its caller's."""

    def write(self, messages: list[dict[str, str]], tokens: int) -> str:
        """Its whole answer, at most so many tokens."""
        ...


def scene_from(studio: Studio, text: str, seed: int | None = None) -> Scene:
    """The scene that a sentence asks for: by a language model that can write one; else by the words between things, in
    the sentence itself or in what the language model makes of it. Raises OutOfRange where neither tells of things."""
    said = studio.mended(clean_prompt(text)).text
    found = parsed(said)
    if isinstance(studio.teller, Writer):
        found = written(studio.teller, said) or found
    elif found is None or not linked(found):
        with studio.reading:
            telling = studio.telling([said], studio.seer.see_text([said]))[0]
        found = parsed(telling.description) or found
    if found is None:
        raise OutOfRange(f"no things are told of in {said!r}: write, for example, a cat left of a car", param="prompt")
    return scene_of({**found, "seed": seed})


def linked(found: dict[str, Any]) -> bool:
    """Whether more is known of it than one thing."""
    return len(found["things"]) > 1 or found["things"][0].get("count", 1) > 1


def written(teller: Writer, said: str) -> dict[str, Any] | None:
    """What a language model writes in our schema, None where it fails or writes no scene; its braces are looked for, as
    some talk around them."""
    messages = [{"role": "system", "content": INSTRUCTION + schema()}, {"role": "user", "content": said}]
    try:
        answer = teller.write(messages, TOKENS)
        scene = read_scene(answer[answer.find("{") : answer.rfind("}") + 1])
    except Exception:  # the network's, a stranger's JSON: the words themselves still tell
        log.warning("the language model wrote no scene", exc_info=True)
        return None
    plain: dict[str, Any] = json.loads(scene.model_dump_json(exclude_defaults=True))
    return plain

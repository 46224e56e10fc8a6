"""Generations: what a prompt or a scene asks for."""

from __future__ import annotations

from dataclasses import replace

from flashpaint.composition.scene import Scene, scene_of
from flashpaint.request import PaintRequest
from flashpaint.serve.problems import refused
from flashpaint.serve.schemas import Generation, several
from flashpaint.studio import Studio
from flashpaint.tasks.compose import as_request
from flashpaint.tasks.sentence import scene_from

NOT_COMPOSED = ("seed", "describe", "compose", "reuse")  # fields that a scene answers itself, or does without


def requested(studio: Studio, asked: Generation, owner: str) -> list[PaintRequest]:
    """One request a picture. The things of a scene are painted now, each picture's own."""
    if asked.scene is None:
        if "prompt" not in asked.model_fields_set:
            raise refused("prompt is missing: say what to paint", "prompt", "missing_required_parameter")
        return several(PaintRequest(asked.prompt, owner=owner, **asked.fields(studio)), asked.n)
    if asked.prompt:
        raise refused("a scene stands in the prompt's stead: leave out one of the two", "scene")
    if asked.canvas != "flat":
        raise refused("a scene is composed on a flat canvas: leave out one of the two", "canvas")
    fields = {name: value for name, value in asked.fields(studio).items() if name not in (*NOT_COMPOSED, "canvas")}
    scene = read(studio, asked)
    return [replace(as_request(studio, numbered(scene, k), **fields), owner=owner) for k in range(asked.n)]


def read(studio: Studio, asked: Generation) -> Scene:
    """With the seed that was asked for beside it, if any."""
    scene = scene_from(studio, asked.scene) if isinstance(asked.scene, str) else scene_of(asked.scene)
    return scene if asked.seed is None else scene_of({**scene.model_dump(exclude_defaults=True), "seed": asked.seed})


def numbered(scene: Scene, k: int) -> Scene:
    """Seeds count up; without one each picture has its own by chance."""
    return scene if scene.seed is None else scene.model_copy(update={"seed": scene.seed + k})

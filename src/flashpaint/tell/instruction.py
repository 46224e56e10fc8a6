"""What a describer of the field is told: the prompt, and what clip sees beside it, as text. Knows no model."""

from __future__ import annotations

from flashpaint.tell.teller import Sight

INSTRUCTION = """You write the one canonical description that a picture is painted from.
Answer with a single English noun phrase of at most 50 words, on one line, and nothing else.
Say what is in the picture, how many of each, where they stand, the place, the time and the style, as far as the request
says so. Keep names and numbers as they are. Translate Chinese. Add nothing that was not asked for. Two requests for the
same scene must get the same description: prefer the plainest word, "a cat in space" to "kitty floating in outer space".
Descriptions of similar pictures are given where there are some: where one says the request exactly, repeat it letter
for letter. Words that an image model finds near the request may be given too: they are hints, not part of it."""


def request_of(prompt: str, sight: Sight) -> str:
    """The user's turn of a chat."""
    lines = [f"Request: {prompt}"]
    if sight.neighbours:
        lines.append("Descriptions of similar pictures: " + "; ".join(sight.neighbours))
    if sight.concepts:
        lines.append("Words near the request: " + ", ".join(sight.concepts))
    return "\n".join(lines)


def messages_of(prompt: str, sight: Sight, system: bool = True) -> list[dict[str, str]]:
    """A chat's turns; the instruction within the user's where a model knows no system."""
    if not system:
        return [{"role": "user", "content": f"{INSTRUCTION}\n\n{request_of(prompt, sight)}"}]
    return [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": request_of(prompt, sight)}]


def plain_of(prompt: str, sight: Sight) -> str:
    """For models that only go on with a text."""
    return f"{INSTRUCTION}\n\n{request_of(prompt, sight)}\nDescription:"


def source_of(prompt: str, sight: Sight) -> str:
    """What an encoder reads: a task prefix as T5 was trained with (Raffel et al. 2020, section 3.1), then the same."""
    parts = [f"describe the picture: {prompt}"]
    if sight.neighbours:
        parts.append("similar: " + "; ".join(sight.neighbours))
    if sight.concepts:
        parts.append("near: " + ", ".join(sight.concepts))
    return " | ".join(parts)

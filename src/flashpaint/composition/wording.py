"""A scene's things and background in words, and how the studio's language model says them. Knows no pictures."""

from __future__ import annotations

from flashpaint.composition.scene import Background, Scene, Thing

SOMEWHERE = "meadow"  # where a time or a weather is told of, and no place


def kept(text: str, told: str) -> str:
    """The telling, less what it adds to one thing."""
    return (told if " and " in text else told.split(" and ")[0]) or text


def phrase(thing: Thing) -> str:
    """One such thing, in words."""
    if thing.description:
        return thing.description
    if not thing.name.isascii():
        return f"{thing.colour or ''}{'的' if thing.colour else ''}{thing.name}"
    return with_article(f"{thing.colour} {thing.name}" if thing.colour else thing.name)


def with_article(noun: str) -> str:
    if noun.split()[0].lower() in ("a", "an", "the"):
        return noun
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def sentence(scene: Scene) -> str:
    """The whole: things, then where, when and how."""
    things = " and ".join(dict.fromkeys(phrase(thing) for thing in scene.things))
    ground = ground_words(scene.background, None)
    colour = f" on a {scene.background.colour} background" if scene.background.colour else ""
    return f"{things}{colour}{f', {ground}' if ground else ''}{styled(scene.style)}"


def ground_words(background: Background, style: str | None) -> str:
    """Place, weather, time and what else is said; "" for a plain ground."""
    words = [background.place, background.weather, background.time, background.words]
    if any(words) and not (background.place or background.words):
        words[0] = SOMEWHERE
    said = ", ".join(filter(None, words))
    return f"{said}{styled(style)}" if said else ""


def styled(style: str | None) -> str:
    return f", {style}" if style else ""

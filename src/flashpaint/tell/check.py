"""Whether a description may be painted from: one line of English, short, and still about what was asked.

Rules, no model: what fails is left out and the prompt painted instead, so they may be strict. Where clip can say how
near a description lies to its prompt, it is asked for what words cannot tell: other words, another language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from flashpaint.tell.teller import Telling

WORDS = 50
KEPT = 0.5  # of the prompt's content words, so many must be in the description
LATIN = 0.9  # of the letters of what counts as English
# nearer to the prompt than so many everyday words: by mini's clip, on 600 held-out scenes, so are all right
# descriptions of English and Chinese prompts, 98 % of those of unseen Chinese phrasings, and 17 to 19 % of those of
# another scene; 0.95 would keep 96 % of the unseen ones and 10 to 11 % of the wrong
NEAR = 0.9

STOP = frozenset(
    """a an the of in on at to for with and or by from as is are be it its this that these those me my your some any one
    draw paint make give show create generate picture image photo drawing painting illustration please can could you
    i want would like very there here into over under near""".split()  # noqa: SIM905
)
COUNTS = {
    **dict(zip(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], range(2, 11), strict=True)),
    **dict(zip("二三四五六七八九十", range(2, 11), strict=True)),
    "两": 2,
    "俩": 2,
}
PREAMBLE = r"^(here is|here's)?\s*(the |a )?(canonical )?(description|caption|answer|output)( is)?\s*:\s*"
TALK = re.compile(r"(i|i[’']m|sorry|unfortunately|as an ai)\b", re.IGNORECASE)
MEASURES = "只个条匹头辆棵朵座架颗把位本艘群片"


def checked(said: str, prompt: str, nearness: Callable[[str], float] | None = None) -> Telling:
    """The description without its wrapping, or nothing and why. nearness: as in Sight."""
    description = bare(said)
    fault = fault_of(description) or departure(description, prompt, nearness)
    if fault:
        return Telling("", f"the language model's description was left out: it {fault}; the prompt itself is painted")
    return Telling(description)


def bare(said: str) -> str:
    """The first line that says something, without a model's thoughts, marks, quotes and preambles."""
    text = re.sub(r"<think>.*?(</think>|\Z)", " ", said, flags=re.DOTALL | re.IGNORECASE)
    text = re.sub(r"</?[a-z_]+>|[*`#]+", "", text, flags=re.IGNORECASE)
    lines = (" ".join(line.split()) for line in text.splitlines())
    line = next((line for line in lines if any(c.isalnum() for c in line) and not line.endswith(":")), "")
    while (shorter := unwrapped(line)) != line:
        line = shorter
    return line


def unwrapped(line: str) -> str:
    line = re.sub(r"^(sure|okay|certainly|of course)[,!.]\s*", "", line, flags=re.IGNORECASE)
    line = re.sub(PREAMBLE, "", line, count=1, flags=re.IGNORECASE)
    return line.strip().strip("\"'“”‘’「」").strip().removesuffix(".").strip()


def fault_of(description: str) -> str:
    """What is wrong with it as it stands, as the end of a sentence about it; "" where nothing is."""
    count = len(description.split())
    if not count:
        return "says nothing"
    if count > WORDS:
        return f"has {count} words where {WORDS} are enough"
    if latin(description) < LATIN or any(unicodedata.category(c) in ("Cc", "Cs", "Co") for c in description):
        return "is not English"
    return ""


def departure(description: str, prompt: str, nearness: Callable[[str], float] | None) -> str:
    """Where it leaves what was asked for, in the same form."""
    if TALK.match(description) and not TALK.match(prompt):
        return "talks instead of describing"
    missing = counts_of(prompt) - counts_of(description)
    if missing:
        return f"lost the number {min(missing)}"
    if latin(prompt) < LATIN:  # its words cannot be compared
        return "is about something else" if nearness and nearness(description) < NEAR else ""
    said = {stem(word) for word in words_of(description)}
    lost = [name for name in names_of(prompt) if stem(name) not in said]
    if lost:
        return f"lost the name {lost[0]}"
    asked = {stem(word) for word in words_of(prompt) if word not in STOP and word not in COUNTS and not word.isdigit()}
    if len(asked & said) >= KEPT * len(asked) or (nearness and nearness(description) >= NEAR):
        return ""  # "a cat in space" says "kitty floating in outer space" with one of its words
    return f"lost what was asked for ({', '.join(sorted(asked - said)[:3])})"


def latin(text: str) -> float:
    """The share of Latin letters among all letters; 1 where there are none."""
    letters = [c for c in text if c.isalpha()]
    return sum("LATIN" in unicodedata.name(c, "") for c in letters) / len(letters) if letters else 1.0


def words_of(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def names_of(prompt: str) -> list[str]:
    """Words with a capital that do not open the prompt; none where all words have one."""
    words = re.findall(r"[^\W\d_]+", prompt)
    found = [word.lower() for word in words[1:] if word[0].isupper() and word != "I"]
    return [] if len(found) == len(words) - 1 else found


def stem(word: str) -> str:
    """Without a plural's ending, roughly: berries and berry, boxes and box, cats and cat."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def counts_of(text: str) -> set[int]:
    """Numbers from 2 to 99 that are said, as words of either language or digits."""
    found = {int(digits) for digits in re.findall(r"(?<!\d)\d{1,2}(?!\d)", text) if digits.isascii()}
    found |= {COUNTS[word] for word in words_of(text) if word in COUNTS and word.isascii()}
    found |= {COUNTS[numeral] for numeral in re.findall(f"([二两俩三四五六七八九十])[{MEASURES}]", text)}
    return {number for number in found if number > 1}

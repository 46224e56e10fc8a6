"""Several things asked for at once, or one in a colour of its own or on a canvas larger than the painter's: each is
painted alone on a plain ground, cut out and turned to its colour; laid into their boxes on the painted background, all
are noised a little and painted on together. For painters that show one thing better than two, and seldom in the colour
that was asked for, and that would repeat it in each of a canvas' windows.

`flashpaint.tasks.compose` does the same for scenes that are written out.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, zip_longest

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.composition.collage import (
    FINISH,
    STEPS,
    Key,
    Plan,
    collage,
    likelier,
    plan_of,
    sketch,
    texts_of,
    unstyled,
)
from flashpaint.composition.hues import bare, hue, named, recoloured, spoken
from flashpaint.composition.matte import CutOut, cut_out
from flashpaint.composition.scene import Background, Scene, scene_of
from flashpaint.composition.sentence import parsed, place_alone
from flashpaint.composition.wording import at_time, ground_words, retold, sentence
from flashpaint.composition.words import PLACES
from flashpaint.errors import OutOfRange
from flashpaint.job import Job
from flashpaint.paint.canvases import draft_size, in_windows
from flashpaint.paint.orders import painted_steps
from flashpaint.paint.painter import Order, Painter, PainterSpec, WarmPainter
from flashpaint.painting import Event, Preview, Progress
from flashpaint.request import PaintRequest, Source

MOST = 6  # things that are painted apart
# the cosine of a thing as asked for and as told: of mini 0.4's 313 names of things, those told right have 0.81 and
# more, those told wrong 0.49 and less; of words that mean none of them, "a smile" comes nearest with 0.77
AGREED = 0.8

At = tuple[int, Key]  # the number of a job, and one of its drafts


def composable(request: PaintRequest, spec: PainterSpec) -> bool:
    """Whether its things may be painted apart: a request that lays its picture out itself is painted as it says."""
    return request.compose and spec.drafts and request.recallable and request.sigmas is None


def scene_in(text: str) -> Scene | None:
    """The scene that the words ask for; None where there is no thing, too many, or they do not fit."""
    found = parsed(text)
    if found is None or sum(thing.get("count", 1) for thing in found["things"]) > MOST:
        return None
    try:
        scene = scene_of(found)
        texts_of(scene)
    except OutOfRange:
        return None
    return scene


def empty(text: str) -> bool:
    """Whether it tells of a place alone."""
    return all(thing["name"].removeprefix("the ") in PLACES for thing in (parsed(text) or {"things": ()})["things"])


def apart(scene: Scene, large: bool) -> bool:
    """Whether it is painted from drafts: of several things, of one in a colour that it may not have by itself, or of
    any on a canvas so large that it would be there once a window."""
    return number(scene) > 1 or any(map(hue, scene.things)) or (large and not empty(scene.things[0].name))


def as_told(prompt: str, asked: Scene | None, told: Scene, words: Mapping[str, str], large: bool) -> Scene | None:
    """What was told of a prompt, where it is painted apart: in the colours of the prompt's own words. What was told
    beside the one thing that was asked for is not, unless the prompt names it too ("a cat in a box"), nor a colour that
    is the ground's or that nobody named; but for a large canvas, on which what was told would else be there once a
    window."""
    meant = recoloured(told, asked, names_of(asked, words)) if asked else told
    if not apart(meant, large):
        return None
    if asked is None or number(asked) != 1 or large or names_all(prompt, meant):
        return meant
    colours = spoken(prompt) - {asked.background.colour}
    return meant if number(meant) == 1 and hue(meant.things[0]) in colours else None


def names_all(prompt: str, scene: Scene) -> bool:
    """Whether the prompt names each of several things in words of its own."""
    left = prompt.lower()
    for name in sorted((thing.name for thing in scene.things), key=len, reverse=True):
        if name not in left:
            return False
        left = left.replace(name, " ", 1)
    return number(scene) > 1


def names_of(scene: Scene, words: Mapping[str, str]) -> dict[str, str]:
    """What each of its things, told alone, is called."""
    found = {bare(thing): parsed(words.get(bare(thing), "")) for thing in scene.things}
    return {text: scene["things"][0]["name"] for text, scene in found.items() if scene}


def number(scene: Scene | None) -> int:
    return sum(thing.count for thing in scene.things) if scene else 0


class Composing:
    """told: each text as the studio tells it; seen: what its clip sees in texts (n, dim); read: what a text's own words
    say, "" where not all are known."""

    def __init__(
        self,
        painter: Painter,
        told: Callable[[Iterable[str]], Mapping[str, str]],
        seen: Callable[[Sequence[str]], NDArray[np.float32]],
        read: Callable[[str], str],
    ) -> None:
        self.painter, self.told, self.seen, self.read = painter, told, seen, read

    def plan(self, jobs: Sequence[Job]) -> None:
        """Give the jobs that ask for several things their plans, and descriptions that say the same.

        The prompt's own words are the surer guide to how many there are, what is where and in which colour: each thing
        is told alone, and clip says whether it is still what was asked for. Where it is not, what was told of the whole
        is read, in the colours that were asked for.
        """
        if not isinstance(self.painter, WarmPainter):
            return
        self.places([job for job in jobs if retells(job)])
        jobs = [job for job in jobs if composable(job.request, self.painter.spec)]
        asked = [scene_in(job.request.prompt) for job in jobs]
        told = [scene_in(job.telling.description) for job in jobs]
        doubtful = [
            a and retells(job) and (apart(a, self.large(job)) or number(t) > 1)
            for job, a, t in zip(jobs, asked, told, strict=True)
        ]
        again = [scene for scene, doubt in zip(asked, doubtful, strict=True) if scene and doubt]
        words = dict(self.told(chain.from_iterable(map(texts_of, again))))
        words |= {text: self.ground(text, whole, words) for text, whole in filter(None, map(on_a_place, again))}
        agreed = self.agreed([bare(thing) for scene in again for thing in scene.things], words)
        for job, ours, theirs, doubt in zip(jobs, asked, told, doubtful, strict=True):
            if ours and doubt and all(bare(thing) in agreed for thing in ours.things):
                self._as_asked(job, named(ours, words), words)
            elif ours and apart(ours, self.large(job)) and not job.request.describe:
                self._as_asked(job, ours, {})
            elif theirs and (meant := as_told(job.request.prompt, ours, theirs, words, self.large(job))):
                self._as_asked(job, meant, {})

    def places(self, jobs: Sequence[Job]) -> None:
        """Where the prompt is a place alone and was told as anything else, it is told by the place's English name."""
        for job in jobs:
            found = place_alone(job.request.prompt)
            if found and not (empty(job.telling.description) and found[0]["place"] in job.telling.description):
                text = ground_words(Background(**found[0]), found[1])
                told = self.told([text])[text]
                job.telling = replace(job.telling, description=told if empty(told) else at_time(text))

    def large(self, job: Job) -> bool:
        """Whether its picture is larger than the painter sees at once."""
        return in_windows((job.order.width, job.order.height), self.painter.spec)

    def ground(self, text: str, whole: str, told: Mapping[str, str]) -> str:
        """A place as it is told with what is there or, where no thing is told of it, alone, whichever clip finds
        nearer; as it was asked for where it is neither."""
        retold = (parsed(told[whole]) or {"background": {}})["background"]
        named = " at ".join(filter(None, [retold.get("place"), retold.get("time")])) if "place" in retold else ""
        either = [text for text in (told[text] if empty(told[text]) else "", named) if text]
        if not either:
            return at_time(text)
        seen = self.seen([text, *either])
        return either[int((seen[1:] @ seen[0]).argmax())]

    def _as_asked(self, job: Job, scene: Scene, words: Mapping[str, str]) -> None:
        """words: the scene's texts as they are told, as long as they are told anew."""
        plan = plan_of(scene, words, job.order.seed, (job.order.width, job.order.height))
        phrases = {placed.number: text for placed, text in zip(plan.placed, plan.phrases, strict=True)}
        job.telling = replace(job.telling, description=retold(scene, phrases, plan.whole, plan.ground))
        job.plan = unstyled(plan) if apart(scene, self.large(job)) else None

    def agreed(self, phrases: Sequence[str], told: Mapping[str, str]) -> set[str]:
        """Those that are told as one thing and nothing more, and as their own words say or the same to clip."""
        either = [text for text in dict.fromkeys(phrases) if one_thing(told[text])]
        sure = {text for text in either if told[text] == self.read(text)}
        alone = [text for text in either if text not in sure]
        if not alone:
            return sure
        seen = self.seen([*alone, *(told[text] for text in alone)])
        near = (seen[: len(alone)] * seen[len(alone) :]).sum(1)
        return sure | {text for text, cosine in zip(alone, near, strict=True) if cosine >= AGREED}

    def drafts(self, jobs: Sequence[Job], previews: bool = False) -> Generator[Event]:
        """Paint what the jobs' plans lack, together, and lay each down as the order of its last steps. previews: of the
        collage as it grows, if there is one job."""
        jobs = [job for job in jobs if job.plan and job.order.start is None]
        plans = [job.plan for job in jobs if job.plan]
        pictures: dict[At, Image.Image] = {}
        wanted = [(k, key) for k, plan in enumerate(plans) for key in keys(plan)]
        yield from self._paint(jobs, wanted, pictures, previews and len(jobs) == 1)
        things = [
            (k, plan.draft(n), plan.draft(n, again=True))
            for k, plan in enumerate(plans)
            for n in range(len(plan.placed))
        ]
        cuts = {(k, first): cut_out(pictures[k, first]) for k, first, _ in things}
        again = [(k, second) for k, first, second in things if not cuts[k, first].likely]
        yield from self._paint(jobs, again, pictures)
        cuts |= {at: cut_out(pictures[at]) for at in again}
        for k, (job, plan) in enumerate(zip(jobs, plans, strict=True)):
            own = [likelier(cuts[k, first], cuts.get((k, second))) for j, first, second in things if j == k]
            job.laid = laid(job.order, plan, pictures.get((k, (plan.ground, plan.seed))), own)

    def _paint(
        self,
        jobs: Sequence[Job],
        wanted: Sequence[At],
        pictures: dict[At, Image.Image],
        previews: bool = False,
    ) -> Generator[Event]:
        """The drafts share passes, and are followed side by side."""
        orders = [self.order(jobs[k], key) for k, key in wanted]
        rides = self.painter.steps(orders, previews) if orders else ()
        seen = dict[Key, Image.Image]()
        done, steps = 0, [order.steps for order in orders]
        try:
            for turn in zip_longest(*rides):
                steps = [step.steps if step else before for step, before in zip(turn, steps, strict=True)]
                for (k, key), step in zip(wanted, turn, strict=True):
                    if step is None:
                        continue  # another picture has more steps
                    done += 1
                    yield Progress("draft", done, sum(steps))
                    if step.picture is not None:
                        pictures[k, key] = step.picture
                        jobs[k].painted_steps += step.position
                    if shown := step.picture or step.preview:
                        seen[key] = shown
                if previews and seen and (plan := jobs[0].plan):
                    last = max(filter(None, turn), key=lambda step: step.steps)
                    yield Preview(sketch(plan, seen), last.position, last.steps + 1)
        finally:
            for ride in rides:
                ride.close()

    def order(self, job: Job, key: Key) -> Order:
        """Of a draft; the background alone is as large as the picture."""
        (text, seed), order, plan = key, job.order, job.plan
        size = order.width, order.height
        if not plan or key != (plan.ground, plan.seed):
            size = draft_size(size, self.painter.spec)
        return replace(order, description=text, seed=seed, width=size[0], height=size[1])


def keys(plan: Plan) -> list[Key]:
    """What is painted before the collage: each thing, and the background where it is not plain."""
    things = [plan.draft(n) for n in range(len(plan.placed))]
    return things if plan.plain else [*things, (plan.ground, plan.seed)]


def laid(order: Order, plan: Plan, ground: Image.Image | None, cuts: Sequence[CutOut]) -> Order:
    """The order that paints the collage on. ground: None where it is plain."""
    canvas, _ = collage(plan, ground, cuts)
    steps = max(STEPS, order.steps)
    skipped = steps - painted_steps(steps, FINISH)
    return replace(order, steps=steps, source=Source(canvas, strength=FINISH), skipped=skipped)


def on_a_place(scene: Scene) -> tuple[str, str] | None:
    """What is to be told of its ground, and of the whole."""
    ground = ground_words(scene.background, scene.style)
    return (ground, sentence(scene)) if ground else None


def retells(job: Job) -> bool:
    """Whether its things are told one by one: not where memory kept a description that says them all."""
    return job.request.describe and not (job.recall and job.recall.told)


def one_thing(text: str) -> bool:
    found = parsed(text)
    if found is None or len(found["things"]) != 1 or found["background"] or "style" in found:
        return False
    return found["things"][0]["name"] not in PLACES

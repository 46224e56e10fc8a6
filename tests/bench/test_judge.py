"""The judge that ships with mini: what it makes of logits, and that it reads what mini paints."""

from __future__ import annotations

import numpy as np
import pytest

from flashpaint import PaintRequest, Studio
from flashpaint.bench.judge import Judge, Trial, relation_holds, verdicts_of
from flashpaint.models.folder import ModelFolder


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(ModelFolder.open("mini"))


def logits_of(*things: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """A picture in which the things (class, row, column) stand and nothing else, of five classes."""
    maps = np.zeros((1, 6, 8, 8), np.float32)
    maps[:, 5] = 9
    for thing, row, column in things:
        maps[0, :, row, column] = 0
        maps[0, thing, row, column] = 9
    whole = {name: np.eye(4, dtype=np.float32)[[2]] for name in ("place", "time", "ground", "style")}
    return {"things": maps, "tints": np.zeros((1, 3, 8, 8), np.float32), **whole}


def test_a_verdict_says_which_things_are_there_and_where() -> None:
    verdict = verdicts_of(logits_of((3, 4, 1), (1, 4, 6)))[0]
    assert set(verdict.top(2)) == {1, 3}
    assert verdict.where[3] == pytest.approx([1.5 / 8, 4.5 / 8], abs=0.02)
    assert verdict.place == 2
    assert relation_holds(verdict, (3, 1), "left")
    assert not relation_holds(verdict, (1, 3), "left")
    assert not relation_holds(verdict, (3, 1), "above")
    assert not relation_holds(verdict, (3, 1), "inside")


def test_what_touches_is_near_and_what_is_on_another_is_higher() -> None:
    verdict = verdicts_of(logits_of((3, 2, 4), (1, 4, 4)))[0]
    assert all(relation_holds(verdict, (3, 1), relation) for relation in ("on", "above", "inside", "holding", "and"))
    assert not relation_holds(verdict, (1, 3), "on")
    assert relation_holds(verdict, (1, 3), "holding")
    assert not relation_holds(verdict, (3, 1), "left")


def test_a_trial_is_met_by_what_it_asks_for_and_by_nothing_else() -> None:
    verdict = verdicts_of(logits_of((3, 4, 1)))[0]
    assert Trial("place", "", "", (3,), None, 2).met(verdict)
    assert not Trial("place", "", "", (3,), None, 1).met(verdict)
    assert Trial("single", "", "", (3,), None, None).met(verdict)


def test_the_trials_are_of_every_kind_by_turns_and_in_both_languages(judge: Judge) -> None:
    assert [t.kind for t in judge.trials[:6]] == ["single", "place", "pair"] * 2
    assert sum(not t.zh.isascii() for t in judge.trials) > 0.95 * len(judge.trials)


def test_the_judge_recognises_what_mini_paints(judge: Judge, studio: Studio) -> None:
    names = ["panda", "tree", "apple", "house", "butterfly"]
    pictures = [studio.paint(PaintRequest(f"a {name}", seed=1)).picture for name in names]
    seen = [name in judge.things(v) for name, v in zip(names, judge.verdicts(pictures), strict=True)]
    assert sum(seen) >= 4

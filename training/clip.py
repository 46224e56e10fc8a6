"""clip: two towers, one for prompts in English and Chinese, one for pictures, into one space of 256 dimensions.

Trains by contrast (InfoNCE, Radford et al. 2021) on composed scenes. Each picture meets two of its sentences, the
canonical description and a prompt in a random language, and one hard negative: the same scene with one fact changed.
"""

from __future__ import annotations

import json
import random
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

from flashpaint.networks.clip import CONTEXT, SIDE, Clip
from training.ahead import ahead
from training.autoencoder import as_tensor
from training.grammar import describe, prompts
from training.run import Stage, fast_arithmetic, load, set_rate, take_up
from training.scenes import Painter
from training.world import COLOURS, PLACES, THINGS, TINTS, Scene, sample

CODES = (3, 64)  # levels and codewords of the teller's reading of z
SPECIAL = ["[PAD]", "</s>", "<see>", *(f"<z{level}_{k}>" for level in range(CODES[0]) for k in range(CODES[1]))]


# ---- the tokenizer: byte-level, so that no text is unknown


def train_tokenizer(stage: Stage) -> Tokenizer:
    """A byte-level BPE over the grammar's prompts and the emoji labels of both languages."""
    rng, texts = random.Random(0), []
    for _ in range(500 if stage.small else 20000):
        scene = sample(rng)
        texts += [describe(scene), prompts(scene, rng, "en"), prompts(scene, rng, "zh")]
    for language in ("en", "zh"):
        with tarfile.open(next(stage.of("sprites").glob("emojibase-data-*.tgz"))) as tar:
            entries = json.load(tar.extractfile(f"package/{language}/data.json"))  # type: ignore[arg-type]
        texts += [word for e in entries for word in [e["label"], *e.get("tags", [])] if "group" in e]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=1200 if stage.small else 4096,
            special_tokens=SPECIAL,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    return tokenizer


def open_tokenizer(stage: Stage) -> Tokenizer:
    path = stage.of("clip") / "tokenizer.json"
    if not path.exists():
        train_tokenizer(stage).save(str(path))
    return Tokenizer.from_file(str(path))


def tokens_of(tokenizer: Tokenizer, texts: list[str]) -> Tensor:
    """(n, t) int64, padded with 0 to the longest, at most CONTEXT."""
    ids = [e.ids[:CONTEXT] for e in tokenizer.encode_batch(texts)]
    out = torch.zeros(len(ids), max(1, *map(len, ids)), dtype=torch.long)
    for row, line in zip(out, ids, strict=True):
        row[: len(line)] = torch.tensor(line, dtype=torch.long)
    return out


def hard_negative(scene: Scene, rng: random.Random) -> Scene:
    """The same scene with one fact changed: order, colour, thing, place or ground."""
    if scene.relation in ("left", "above") and rng.random() < 0.5:
        return replace(scene, items=(scene.items[1], scene.items[0]))
    if scene.items and (scene.place is None or rng.random() < 0.5):
        k = rng.randrange(len(scene.items))
        item = scene.items[k]
        item = (
            replace(item, tint=rng.randrange(len(TINTS)))
            if item.tint is not None and rng.random() < 0.6
            else replace(item, thing=rng.randrange(len(THINGS)), tint=None)
        )
        items = (
            (item,) * len(scene.items) if scene.relation is None else (*scene.items[:k], item, *scene.items[k + 1 :])
        )
        return replace(scene, items=items)
    if scene.place is not None:
        return replace(scene, place=rng.randrange(len(PLACES)))
    return replace(scene, ground=rng.randrange(len(COLOURS)))


def contrast(a: Tensor, b: Tensor, scale: Tensor, same: Tensor, extra: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE between a and b (n, dim). same (n, n): pairs that mean the same, no negatives.

    extra (n, dim): a hard negative of each a.
    """
    logits = (scale * a @ b.T).masked_fill(same, -1e4)
    target = torch.arange(len(a))
    rows = logits if extra is None else torch.cat([logits, scale * (a * extra).sum(-1, keepdim=True)], 1)
    return (F.cross_entropy(rows, target) + F.cross_entropy(logits.T, target)) / 2


def batch(painter: Painter, rng: random.Random, number: int) -> tuple[Tensor, list[str], list[str], list[str]]:
    """Pictures (n, 3, 128, 128), their descriptions, a prompt each, and a hard negative description each."""
    scenes = [sample(rng) for _ in range(number)]
    pictures = as_tensor([painter.paint(s, rng) for s in scenes])
    asked = [prompts(s, rng, rng.choice(["en", "zh"])) for s in scenes]
    return pictures, [describe(s) for s in scenes], asked, [describe(hard_negative(s, rng)) for s in scenes]


def batches(runs: Path, number: int, seed: str) -> Iterator[tuple[Tensor, list[str], list[str], list[str]]]:
    """Batches without end, for a process that paints ahead."""
    painter, rng = Painter(runs, side=SIDE, extra=0.2), random.Random(seed)
    while True:
        yield batch(painter, rng, number)


def loss_of(
    model: Clip, tokenizer: Tokenizer, pictures: Tensor, described: list[str], asked: list[str], wrong: list[str]
) -> Tensor:
    seen = model.picture(pictures)
    _, texts = model.text(tokens_of(tokenizer, described + asked + wrong))
    said, meant, negative = texts.chunk(3)
    same = torch.tensor([[i != j and a == b for j, b in enumerate(described)] for i, a in enumerate(described)])
    scale = model.log_scale.exp().clamp(max=60)
    return (
        contrast(seen, said, scale, same, negative)
        + contrast(seen, meant, scale, same)
        + 0.5 * contrast(meant, said, scale, same, negative)
    )


def open_clip(stage: Stage) -> tuple[Clip, Tokenizer]:
    """The trained towers and their tokenizer, for the stages after this."""
    tokenizer = open_tokenizer(stage)
    state = load(stage.of("clip"))
    if state is None:
        raise SystemExit("train clip first: python -m training.clip")
    model = Clip(tokenizer.get_vocab_size(), stage.small)
    model.load_state_dict(state["model"])
    return model.eval(), tokenizer


@torch.no_grad()
def evaluate(model: Clip, tokenizer: Tokenizer, painter: Painter, number: int) -> str:
    """Retrieval among `number` held-out scenes, and how near Chinese and English prompts of one scene lie."""
    rng, seen, described = random.Random(999), [], []
    scenes = [sample(rng, keep_held_out=True) for _ in range(number)]
    for start in range(0, number, 64):
        part = scenes[start : start + 64]
        seen.append(model.picture(as_tensor([painter.paint(s, rng) for s in part])))
    described = [describe(s) for s in scenes]
    pictures = torch.cat(seen)

    def recall(texts: list[str]) -> float:
        found = (pictures @ model.text(tokens_of(tokenizer, texts))[1].T).argmax(1)
        return sum(described[j] == described[i] for i, j in enumerate(found.tolist())) / number

    rates = [recall(described), *(recall([prompts(s, rng, lang) for s in scenes]) for lang in ("en", "zh"))]
    return "picture -> description {:.3f}, English {:.3f}, Chinese {:.3f}".format(*rates) + f" (1 of {number})"


def main() -> None:
    stage = Stage.from_arguments("clip", __doc__, minutes=60)
    torch.set_num_threads(stage.threads)
    torch.manual_seed(0)
    tokenizer = open_tokenizer(stage)
    painter = Painter(stage.runs, side=SIDE, extra=0.2)
    model = Clip(tokenizer.get_vocab_size(), stage.small)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.05)
    step, number = 0, 16 if stage.small else 64
    if state := stage.resume():
        step = take_up(state, model, optimiser)
    if not stage.small:  # in place, so that the checkpoint keeps the plain names
        model.picture.compile()
        model.text.compile(dynamic=True)
    painted, mean_loss = ahead(partial(batches, stage.runs, number), f"clip {step}"), 0.0
    while stage.progress < 1:
        set_rate(optimiser, 1e-3 * min(1, (step + 1) / 200) * max(0.01, 1 - stage.progress))
        with fast_arithmetic():
            loss = loss_of(model, tokenizer, *next(painted))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        mean_loss += (float(loss.detach()) - mean_loss) * (0.02 if step > 50 else 0.2)
        step += 1
        if step % 200 == 0 or stage.progress >= 1:
            model.eval()
            stage.log(
                f"step {step}  loss {mean_loss:.3f}  scale {float(model.log_scale.detach().exp()):.1f}  "
                + evaluate(model, tokenizer, painter, 32 if stage.small else 512)
            )
            model.train()
            stage.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step})


if __name__ == "__main__":
    main()

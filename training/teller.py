"""teller: a small T5 that reads a prompt and the codes of z, and writes the one canonical English description.

Two steps: a codebook of residual k-means over clip's text features (the discrete form of z), then the T5 on prompts in
both languages. The T5 is transformers' own class, so that CTranslate2's converter reads it.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import T5ForConditionalGeneration

from flashpaint.networks.clip import DIM, Clip
from flashpaint.networks.teller import teller
from training.clip import CODES, open_clip, tokens_of
from training.grammar import carried, describe, emoji, prompts
from training.optimiser import Optimiser
from training.run import Stage, fast_arithmetic, load, take_up
from training.world import Scene, sample

END, SEE = "</s>", "<see>"
CODEBOOK = "codebook.safetensors"
READ, TOLD = 40, 32  # tokens that a prompt and a description are trained with, at most


def build(stage: Stage, vocabulary: int) -> T5ForConditionalGeneration:
    depth, width = (1, 64) if stage.small else (3, 256)
    model = teller(vocabulary, width, depth)
    with torch.no_grad():
        model.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight += sense_of_place()
    return model


def sense_of_place() -> Tensor:
    """(32 buckets, 4 heads) of T5's relative bias to start from: one head looks a place back, one a place ahead, one
    back and one ahead, the nearer the more. From T5's own start, near zero, the encoder stayed a bag of words for
    300,000 prompts: it told which things, and their order by chance.

    Buckets 0 to 15 are the place itself and those before, 16 to 31 those after (Raffel et al. 2020, section 2.1).
    """
    distance = torch.arange(16.0)
    bias = torch.zeros(32, 4)
    bias[1, 0] = bias[17, 1] = 4.0
    bias[:16, 2], bias[16:, 2] = 2.0 - 0.5 * distance, -4.0
    bias[:16, 3], bias[16:, 3] = -4.0, 2.0 - 0.5 * distance
    return bias


@torch.no_grad()
def fit_codebook(clip: Clip, tokenizer: Tokenizer, number: int) -> Tensor:
    """(levels, words, DIM): residual k-means over the features of `number` prompts."""
    rng = random.Random(5)
    texts = [prompts(sample(rng), rng, rng.choice(["en", "zh"])) for _ in range(number)]
    z = torch.cat([clip.text(tokens_of(tokenizer, texts[i : i + 256]))[1] for i in range(0, number, 256)])
    levels, residual = [], z
    for _ in range(CODES[0]):
        centres = residual[torch.randperm(number, generator=torch.Generator().manual_seed(0))[: CODES[1]]].clone()
        for _ in range(12):
            nearest = torch.cdist(residual, centres).argmin(1)
            sums = torch.zeros_like(centres).index_add_(0, nearest, residual)
            counts = torch.bincount(nearest, minlength=len(centres)).clamp(min=1)
            centres = sums / counts[:, None]
        levels.append(centres)
        residual = residual - centres[torch.cdist(residual, centres).argmin(1)]
    return torch.stack(levels)


def open_codebook(stage: Stage, clip: Clip, tokenizer: Tokenizer) -> Tensor:
    path = stage.of("teller") / CODEBOOK
    if not path.exists():
        save_file({"codebook": fit_codebook(clip, tokenizer, 1000 if stage.small else 12000)}, path)
    return load_file(path)["codebook"]


def codes_of(z: Tensor, codebook: Tensor) -> list[list[str]]:
    """The codeword tokens of each z (n, DIM), one a level."""
    tokens: list[list[str]] = [[] for _ in z]
    for level, words in enumerate(codebook):
        nearest = torch.cdist(z, words).argmin(1)
        for line, k in zip(tokens, nearest.tolist(), strict=True):
            line.append(f"<z{level}_{k}>")
        z = z - words[nearest]
    return tokens


@torch.no_grad()
def source(texts: list[str], clip: Clip, tokenizer: Tokenizer, codebook: Tensor) -> list[list[int]]:
    """prompt, <see>, the codes of its z, </s>."""
    z = clip.text(tokens_of(tokenizer, texts))[1]
    words = [[SEE, *codes, END] for codes in codes_of(z, codebook)]
    ids = [e.ids for e in tokenizer.encode_batch(texts)]
    return [line[:64] + [tokenizer.token_to_id(w) for w in tail] for line, tail in zip(ids, words, strict=True)]


def padded(lines: list[list[int]], fill: int, width: int | None = None) -> Tensor:
    """width: of the longest line, if None."""
    out = torch.full((len(lines), width or max(map(len, lines))), fill)
    for row, line in zip(out, lines, strict=True):
        row[: len(line)] = torch.tensor(line)
    return out


@torch.no_grad()
def exact(
    model: T5ForConditionalGeneration,
    clip: Clip,
    tokenizer: Tokenizer,
    codebook: Tensor,
    language: str,
    unseen: bool = False,
    number: int = 128,
) -> float:
    """The share of prompts of held-out scenes whose description is letter for letter the canonical one."""
    rng = random.Random(77)
    scenes = [sample(rng, keep_held_out=True) for _ in range(number)]
    texts = [prompts(s, rng, language, unseen) for s in scenes]
    ids = padded(source(texts, clip, tokenizer, codebook), 0)
    out = model.generate(input_ids=ids, attention_mask=(ids != 0).long(), max_new_tokens=40, num_beams=1)
    told = tokenizer.decode_batch([[i for i in line if i > 1] for line in out.tolist()])
    return sum(a.strip() == describe(s) for a, s in zip(told, scenes, strict=True)) / number


def open_teller(stage: Stage, tokenizer: Tokenizer) -> T5ForConditionalGeneration:
    state = load(stage.of("teller"))
    if state is None:
        raise SystemExit("train the teller first: python -m training.teller")
    model = build(stage, tokenizer.get_vocab_size())
    model.load_state_dict(state["model"])
    return model.eval()


def training_prompt(scene: Scene, rng: random.Random) -> str:
    """Mostly the grammar's prompts; some as they are, some as emoji, a third inside words that add nothing.

    Of two things in a relation, a third are as they are: prompts name the first thing as often first as last, and a
    teller that sees only those never finds out that order matters.
    """
    chance, language = rng.random(), rng.choice(["en", "zh"])
    if chance < (0.04 if scene.relation in (None, "and") else 0.33):
        return describe(scene)
    alone = len(scene.items) == 1 and scene == Scene(scene.items) and scene.items[0].tint is None
    if chance < 0.3 and alone:
        return emoji(scene)
    text = prompts(scene, rng, language)
    return carried(text, rng, language) if chance > 0.67 else text


def batch(
    number: int,
    rng: random.Random,
    small: bool,
    read_of: Callable[[list[str]], list[list[int]]],
    tokenizer: Tokenizer,
) -> tuple[Tensor, Tensor]:
    """Sources (n, READ) and labels (n, TOLD) of scenes drawn by lot; a small run's are as long as they come.

    Two things and their order are the hardest to tell: they come more often than in pictures.
    """
    scenes = [sample(rng, rng.choice(["pair", "pair_place", None, None])) for _ in range(number)]
    read = read_of([training_prompt(scene, rng) for scene in scenes])
    told = [[*e.ids, 1] for e in tokenizer.encode_batch([describe(scene) for scene in scenes])]
    if small:
        return padded(read, 0), padded(told, -100)
    # one in a thousand is too long: a batch of another shape would be compiled anew
    fits = [k for k in range(number) if len(read[k]) <= READ and len(told[k]) <= TOLD]
    fits = [*fits, *fits][:number]
    return padded([read[k] for k in fits], 0, READ), padded([told[k] for k in fits], -100, TOLD)


def main() -> None:
    stage = Stage.from_arguments("teller", __doc__, minutes=30)
    torch.set_num_threads(stage.threads)
    torch.manual_seed(0)
    clip, tokenizer = open_clip(stage)
    codebook = open_codebook(stage, clip, tokenizer)
    assert codebook.shape == (*CODES, DIM)
    model = build(stage, tokenizer.get_vocab_size())
    optimiser = Optimiser(model, edges=("shared", "lm_head"))
    step, number = 0, 8 if stage.small else 64
    if state := stage.resume():
        step = take_up(state, model, optimiser)
    loss_of = model if stage.small else torch.compile(model, dynamic=False)
    rng, mean_loss = random.Random(f"teller {step}"), 4.0
    while stage.progress < 1:
        rate = 3e-3 * min(1, (step + 1) / 100) * max(0.01, min(1, 4 * (1 - stage.progress)))
        ids, labels = batch(number, rng, stage.small, lambda texts: source(texts, clip, tokenizer, codebook), tokenizer)
        with fast_arithmetic():
            loss = loss_of(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step(rate)
        step += 1
        mean_loss += (float(loss.detach()) - mean_loss) * 0.02
        if step % 250 == 0 or stage.progress >= 1:
            model.eval()
            figures = [
                exact(model, clip, tokenizer, codebook, lang, unseen, 8 if stage.small else 128)
                for lang, unseen in (("en", False), ("zh", False), ("zh", True))
            ]
            model.train()
            stage.log(
                f"step {step}  loss {mean_loss:.4f}  exact: English {figures[0]:.2f}, Chinese {figures[1]:.2f}, "
                f"unseen Chinese phrasing {figures[2]:.2f}"
            )
            stage.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step})


if __name__ == "__main__":
    main()

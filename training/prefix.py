"""prefix: z as four embeddings that mini's T5 reads before the prompt, in place of the codes it was trained with.

The T5 stays as it is; with --along it trains too, and a quarter of its prompts come without a prefix, so that one model
tells what z brings. The worked example of flashpaint.tell.prefix: text only, from the stages clip and teller.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable

import torch
from tokenizers import Tokenizer, processors
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, T5ForConditionalGeneration

from flashpaint.networks.clip import DIM, Clip
from flashpaint.tell.prefix import Card, Prefix, save_prefix, with_prefix
from training.clip import open_clip, tokens_of
from training.export import MINI
from training.grammar import describe, prompts
from training.run import Stage, fast_arithmetic, take_up
from training.teller import END, exact, open_codebook, open_teller, padded, training_prompt
from training.world import sample

ASKED = (("English", "en", False), ("Chinese", "zh", False), ("unseen Chinese phrasing", "zh", True))
SIGHTS = ("none", "zero", "shuffled", "trained")


class Sighted(nn.Module):
    """The T5 with z before its prompt."""

    def __init__(self, teller: T5ForConditionalGeneration, along: bool) -> None:
        super().__init__()
        self.teller = teller.requires_grad_(along)
        embeddings = teller.get_input_embeddings().weight
        card = Card(seer=seer_name(), dim=DIM, width=embeddings.shape[1], form="prompt")
        self.prefix = Prefix(card, float(embeddings.detach().std()))

    def read(self, ids: Tensor, z: Tensor | None) -> dict[str, Tensor]:
        """What the encoder is given."""
        embeds = self.teller.get_input_embeddings()(ids)
        embeds, mask = with_prefix(None if z is None else self.prefix(z), embeds, (ids != 0).long())
        return {"inputs_embeds": embeds, "attention_mask": mask}

    def loss(self, ids: Tensor, z: Tensor, labels: Tensor, blind: Tensor) -> Tensor:
        """Cross-entropy of the descriptions; blind (n,): the prompts whose prefix is hidden."""
        read = self.read(ids, z)
        read["attention_mask"][blind, : self.prefix.card.length] = 0
        return self.teller(**read, labels=labels).loss  # type: ignore[no-any-return]


def seer_name() -> str:
    """As flashpaint names mini's clip."""
    manifest = json.loads((MINI / "manifest.json").read_text())
    return f"{manifest['name']} {manifest['version']}"


def ids_of(texts: list[str], tokenizer: Tokenizer) -> Tensor:
    """prompt, </s>: no codes."""
    end = tokenizer.token_to_id(END)
    return padded([[*e.ids[:64], end] for e in tokenizer.encode_batch(texts)], 0)


def sight(kind: str, z: Tensor) -> Tensor | None:
    """What is shown in z's stead: nothing, the prefix of a z of zeros, or another prompt's z."""
    return {"none": None, "zero": torch.zeros_like(z), "shuffled": z.roll(1, 0), "trained": z}[kind]


@torch.no_grad()
def told_exactly(
    model: Sighted, clip: Clip, tokenizer: Tokenizer, kind: str, language: str, unseen: bool, number: int
) -> float:
    """The share of prompts of held-out scenes whose description is the canonical one; the same prompts as `exact`."""
    rng = random.Random(77)
    scenes = [sample(rng, keep_held_out=True) for _ in range(number)]
    texts = [prompts(s, rng, language, unseen) for s in scenes]
    read = model.read(ids_of(texts, tokenizer), sight(kind, clip.text(tokens_of(tokenizer, texts))[1]))
    out = model.teller.generate(**read, max_new_tokens=40, num_beams=1, do_sample=False)
    told = tokenizer.decode_batch([[i for i in line if i > 1] for line in out.tolist()])
    return sum(a.strip() == describe(s) for a, s in zip(told, scenes, strict=True)) / number


def report(stage: Stage, model: Sighted, clip: Clip, tokenizer: Tokenizer, number: int) -> None:
    """Exact descriptions by what the T5 is shown; the codes beside them are the T5's as it came."""
    for kind in SIGHTS:
        shares = (told_exactly(model, clip, tokenizer, kind, lang, unseen, number) for _, lang, unseen in ASKED)
        stage.log(f"sight {kind:9}" + row(shares))
    came, codebook = open_teller(stage, tokenizer), open_codebook(stage, clip, tokenizer)
    shares = (exact(came, clip, tokenizer, codebook, lang, unseen, number) for _, lang, unseen in ASKED)
    stage.log("sight codes    " + row(shares))


def row(shares: Iterable[float]) -> str:
    return ", ".join(f"{name} {share:.3f}" for (name, _, _), share in zip(ASKED, shares, strict=True))


def write_folder(stage: Stage, model: Sighted, tokenizer: Tokenizer) -> None:
    """A transformers folder with the prefix beside the weights: flashpaint takes it as a teller."""
    folder = stage.folder / "model"
    model.teller.save_pretrained(folder)
    end = (END, tokenizer.token_to_id(END))
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[end])
    words = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", eos_token=END, unk_token="[PAD]", model_max_length=65
    )
    words.save_pretrained(folder)
    save_prefix(model.prefix, folder)


def optimiser_of(model: Sighted) -> torch.optim.Optimizer:
    """The T5, where it trains along, at a tenth of the prefix's rate: it knows its task."""
    teller = [p for p in model.teller.parameters() if p.requires_grad]
    groups = [{"params": model.prefix.parameters(), "share": 1.0}, {"params": teller, "share": 0.1}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.0)


def loss_of_batch(
    model: Sighted, clip: Clip, tokenizer: Tokenizer, rng: random.Random, number: int, blind: float
) -> Tensor:
    """Of scenes as the teller's own stage draws them; blind: the share of prompts without a prefix."""
    scenes = [sample(rng, rng.choice(["pair", "pair", "pair_place", None, None])) for _ in range(number)]
    texts = [training_prompt(s, rng) for s in scenes]
    labels = padded([[*e.ids, 1] for e in tokenizer.encode_batch([describe(s) for s in scenes])], -100)
    with torch.no_grad():
        z = clip.text(tokens_of(tokenizer, texts))[1]
    with fast_arithmetic():
        return model.loss(ids_of(texts, tokenizer), z, labels, torch.rand(number) < blind)


def main() -> None:
    along = "--along" in sys.argv
    sys.argv = [a for a in sys.argv if a != "--along"]
    stage = Stage.from_arguments("prefix_along" if along else "prefix", __doc__, minutes=12)
    torch.set_num_threads(stage.threads)
    torch.manual_seed(0)
    clip, tokenizer = open_clip(stage)
    model = Sighted(open_teller(stage, tokenizer), along)
    optimiser = optimiser_of(model)
    step, number = 0, 8 if stage.small else 64
    if state := stage.resume():
        step = take_up(state, model, optimiser)
    rng, mean_loss = random.Random(f"prefix {step}"), 1.0
    while stage.progress < 1:
        for group in optimiser.param_groups:
            group["lr"] = group["share"] * 3e-3 * min(1, (step + 1) / 100) * max(0.01, 1 - stage.progress)
        loss = loss_of_batch(model, clip, tokenizer, rng, number, 0.25 if along else 0.0)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        mean_loss += (float(loss.detach()) - mean_loss) * 0.02
        if step % 250 == 0 or stage.progress >= 1:
            stage.log(f"step {step}  loss {mean_loss:.4f}")
            stage.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step})
    report(stage, model, clip, tokenizer, 8 if stage.small else 512)
    write_folder(stage, model, tokenizer)


if __name__ == "__main__":
    main()

"""export: the trained stages -> a model folder: ONNX in int8 and fp16, CTranslate2 int8, manifest.json with hashes."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from ctranslate2.converters import TransformersConverter
from onnx import numpy_helper
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from transformers import PreTrainedTokenizerFast

from flashpaint.composition.sentence import parsed, place_alone
from flashpaint.models.spelling import WORDS
from flashpaint.networks.autoencoder import CHANNELS, DOWNSCALE, Autoencoder
from flashpaint.networks.clip import CONTEXT, DIM, SIDE
from flashpaint.networks.unet import GUIDANCE_INTERVAL, GUIDANCE_SCALE, CleanEstimate
from flashpaint.networks.weights import SCALE
from flashpaint.paint.mini import PREVIEW
from training.autoencoder import open_autoencoder
from training.clip import open_clip
from training.decoder import open_decoder
from training.denoiser import SHIFT, SIDE_LATENTS, open_denoiser, open_student
from training.grammar import english_noun, sign
from training.int8 import in_int8
from training.judge import WHOLE, open_judge
from training.kept import keep
from training.met import Inputs, met
from training.run import Stage, load
from training.teller import CODEBOOK, END, open_codebook, open_teller
from training.trials import families, shipped
from training.words import own
from training.world import COLOURS, PLACES, STYLES, THINGS, TIMES, TINTS, WEATHERS, Item, Place

MINI = Path(__file__).parent.parent / "src" / "flashpaint" / "mini"
# chosen on the held-out prompts by training.evaluate --sweep
SIDES = {"noise": "flow", "shift": SHIFT, "sides": [SIDE_LATENTS * DOWNSCALE]}
GUIDED = {**SIDES, "steps": 8, "guidance_scale": GUIDANCE_SCALE, "guidance_interval": list(GUIDANCE_INTERVAL)}
STUDENT = {**SIDES, "steps": 4, "guidance_scale": 1.0, "guidance_interval": [0.0, 1.0]}


class Encode(nn.Module):
    """Folds the batch norm into the last convolution before the exporter would: restore reads what the graph holds."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).eval()
        self.model.decoder = nn.Identity()  # type: ignore[assignment]
        if isinstance(self.model.unit, nn.BatchNorm2d):
            last = self.model.encoder[-1]
            self.model.encoder[-1] = fuse_conv_bn_eval(last, self.model.unit)
            self.model.unit = nn.Identity()  # type: ignore[assignment]

    def forward(self, pictures: Tensor) -> Tensor:
        return self.model.encode(pictures)


class Decode(nn.Module):
    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).eval()
        self.model.encoder = nn.Identity()  # type: ignore[assignment]

    def forward(self, latents: Tensor) -> Tensor:
        return self.model.decode(latents).clamp(0, 1)


def write_graph(
    model: nn.Module, inputs: dict[str, Tensor], outputs: list[str], path: Path, samples: Sequence[Inputs] = ()
) -> None:
    """One graph, batch axis free. samples: what it will meet, for int8 where that changes little; without them, and
    elsewhere, weights in fp16 and arithmetic in the engine's own precision."""
    batch = torch.export.Dim("n", min=1, max=64)
    program = torch.onnx.export(
        model.eval(),
        tuple(inputs.values()),
        dynamo=True,
        verbose=False,
        input_names=list(inputs),
        output_names=outputs,
        dynamic_shapes=tuple({0: batch} for _ in inputs),
    )
    with tempfile.TemporaryDirectory() as scratch:
        program.save(f"{scratch}/graph.onnx")
        graph = named(onnx.load(f"{scratch}/graph.onnx"), model)
        onnx.save(halve(in_int8(graph, samples) if samples else graph), path)


def named(graph: onnx.ModelProto, model: nn.Module) -> onnx.ModelProto:
    """Give weights that the exporter folded (transposed, sliced) their parameter's name: training.restore reads them.

    A transposed one is called NAME.T.
    """
    there = {w.name: numpy_helper.to_array(w) for w in graph.graph.initializer}
    parameters, renamed = dict(model.named_parameters()), dict[str, str]()
    for name, parameter in parameters.items():
        values = parameter.detach().numpy()
        if name in there and there[name].shape == values.shape:
            continue
        for other, found in there.items():
            if other in parameters or other in renamed or found.size != values.size or found.ndim == 0:
                continue
            if np.array_equal(found.reshape(-1), values.reshape(-1)):
                renamed[other] = name
            elif values.ndim == 2 and found.shape == values.T.shape and np.array_equal(found, values.T):
                renamed[other] = f"{name}.T"
            else:
                continue
            break
        else:  # merged with an equal one: kept beside the graph, engines drop it
            graph.graph.initializer.append(numpy_helper.from_array(values, name))
    for weight in graph.graph.initializer:
        weight.name = renamed.get(weight.name, weight.name)
    for node in graph.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    return graph


def halve(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Store every large float32 weight as float16, with a cast back that engines fold away."""
    weights, casts = [], []
    for weight in graph.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size > 256 and not weight.name.endswith(SCALE):
            half = numpy_helper.from_array(values.astype(np.float16), weight.name + ".fp16")
            casts.append(onnx.helper.make_node("Cast", [half.name], [weight.name], to=onnx.TensorProto.FLOAT))
            weights.append(half)
        else:
            weights.append(weight)
    nodes = [*casts, *graph.graph.node]
    del graph.graph.initializer[:], graph.graph.node[:], graph.graph.value_info[:]
    graph.graph.initializer.extend(weights)
    graph.graph.node.extend(nodes)
    for node in graph.graph.node:  # the exporter's notes carry source paths
        del node.metadata_props[:]
        node.doc_string = ""
    return graph


def write_graphs(stage: Stage, folder: Path) -> None:
    autoencoder = open_autoencoder(stage).to(memory_format=torch.contiguous_format)
    clip, _ = open_clip(stage)
    tokens = torch.zeros(2, CONTEXT, dtype=torch.long)
    tokens[:, :5] = 300
    pictures = torch.rand(2, 3, SIDE_LATENTS * DOWNSCALE, SIDE_LATENTS * DOWNSCALE)
    write_graph(clip.text, {"tokens": tokens}, ["states", "pooled"], folder / "clip_text.onnx")
    write_graph(clip.picture, {"pictures": torch.rand(2, 3, SIDE, SIDE)}, ["pooled"], folder / "clip_picture.onnx")
    write_graph(Encode(autoencoder), {"pictures": pictures}, ["latents"], folder / "encoder.onnx")
    write_decoder(stage, folder)


def write_decoder(stage: Stage, folder: Path) -> None:
    """The one that was trained on by itself, if there is one."""
    autoencoder = (open_decoder(stage) or open_autoencoder(stage)).to(memory_format=torch.contiguous_format)
    latents = torch.randn(2, CHANNELS, SIDE_LATENTS, SIDE_LATENTS)
    _, samples = met(stage, open_student(stage) or open_denoiser(stage))
    write_graph(Decode(autoencoder), {"latents": latents}, ["pictures"], folder / "decoder.onnx", samples)


def write_preview(stage: Stage, folder: Path) -> None:
    weight = torch.from_numpy(np.load(stage.of("preview") / "weight.npy"))
    save_file({"weight": weight.half()}, folder / PREVIEW)


def write_denoiser(stage: Stage, folder: Path) -> None:
    """The distilled one, if there is one."""
    denoiser = open_student(stage) or open_denoiser(stage)
    samples, _ = met(stage, denoiser)
    latents, states = torch.randn(2, CHANNELS, SIDE_LATENTS, SIDE_LATENTS), torch.randn(2, CONTEXT, DIM)
    write_graph(
        CleanEstimate(denoiser.to(memory_format=torch.contiguous_format)),
        {
            "latents": latents,
            "sigmas": torch.tensor([1.0, 0.5]),
            "states": states,
            "mask": torch.ones(2, CONTEXT),
            "pooled": torch.randn(2, DIM),
        },
        ["x0"],
        folder / "denoiser.onnx",
        samples,
    )


def write_teller(stage: Stage, folder: Path) -> None:
    """The T5 as CTranslate2 int8, its vocabulary taken from the shared tokenizer."""
    clip, tokenizer = open_clip(stage)
    save_file({"codebook": open_codebook(stage, clip, tokenizer).half()}, folder / CODEBOOK)
    shutil.copy(stage.of("clip") / "tokenizer.json", folder / "tokenizer.json")
    with tempfile.TemporaryDirectory() as scratch:
        open_teller(stage, tokenizer).save_pretrained(scratch)
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="[PAD]", eos_token=END, unk_token="[PAD]"
        ).save_pretrained(scratch)
        TransformersConverter(scratch).convert(str(folder / "teller"), quantization="int8", force=True)


def write_judge(stage: Stage, folder: Path) -> None:
    """Its graph and its facts."""
    pictures = torch.rand(2, 3, SIDE_LATENTS * DOWNSCALE, SIDE_LATENTS * DOWNSCALE)
    outputs = ["things", "tints", *WHOLE]
    write_graph(open_judge(stage), {"pictures": pictures}, outputs, folder / "judge.onnx")
    write_facts(stage, folder)


def write_facts(stage: Stage, folder: Path) -> None:
    """The names of the judge's classes, and the scenes that benchmarks and calibration ask for."""
    classes = {"things": THINGS, "tints": TINTS, "place": PLACES, "time": TIMES, "ground": COLOURS, "style": STYLES}
    classes["weather"] = WEATHERS
    names = {name: [word.en[0] for word in words] for name, words in classes.items()}
    names["names"] = [[*thing.en, *thing.zh, *thing.also, sign(thing)] for thing in THINGS]
    names["places"] = [sorted(read_as(place)) for place in PLACES]
    names["nouns"] = [english_noun(Item(thing, 0.5, 0.5, 1.0)) for thing in range(len(THINGS))]
    names["alone"] = [place.terse[0] for place in PLACES]
    facts = {**names, "trials": shipped(4 if stage.small else 60)}
    numbers = {"calibrate": 40, "trace": 80}  # of each kind
    facts |= {series: families(series, 2 if stage.small else number) for series, number in numbers.items()}
    lines = [f" {json.dumps(name)}: {json.dumps(fact, ensure_ascii=False)}" for name, fact in facts.items()]
    (folder / "judge.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def read_as(place: Place) -> set[str]:
    """What the grammar of sentences reads its names as."""
    said = [*(f"a cat {name}" for name in place.en), *(f"{name}的猫" for name in place.zh)]
    scenes = [parsed(text) or {"background": {}} for text in said]
    alone = [place_alone(text) for text in place.terse]
    grounds = [*(scene["background"] for scene in scenes), *(found[0] for found in alone if found)]
    return {ground["place"] for ground in grounds if "place" in ground}


def write_words(stage: Stage, folder: Path) -> None:
    """What slips of the fingers are read as, a word a line."""
    (folder / WORDS).write_text("\n".join(own()) + "\n", "utf-8")


def write_manifest(stage: Stage, folder: Path, trained: bool) -> None:
    """trained: whether the denoiser is of this commit; else the manifest there was says of which."""
    files = {
        str(p.relative_to(folder)): {"bytes": p.stat().st_size, "sha256": hashlib.sha256(p.read_bytes()).hexdigest()}
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in ("manifest.json", "NOTICE", "__init__.py")
    }
    before = json.loads((folder / "manifest.json").read_text()) if (folder / "manifest.json").exists() else {}
    scores = stage.of("evaluate") / "scores.json"
    # a stage that was not restored keeps what it took
    minutes = before.get("training", {}).get("minutes", {}) | {
        name: round(torch.load(stage.of(name) / "checkpoint.pt", weights_only=True)["spent"], 1)
        for name in ("clip", "autoencoder", "decoder", "denoiser", "distill", "teller", "judge")
        if (stage.of(name) / "checkpoint.pt").exists()
    }
    manifest = {
        "format": 1,
        "name": "mini",
        "version": "0.5",
        "licence": "Apache-2.0; drawings that it learned from: NOTICE",
        "training": {
            "commit": commit() if trained else before["training"]["commit"],
            "minutes": minutes,
            "processor": "2 CPU cores, bf16",
        },
        "scores": json.loads(scores.read_text()) if scores.exists() else before.get("scores", {}),
        "files": files,
        "clip": {"dim": DIM, "context": CONTEXT, "picture_side": SIDE},
        "latents": {"channels": CHANNELS, "downscale": DOWNSCALE},
        "denoiser": ((STUDENT if open_student(stage) else GUIDED) if trained else before["denoiser"]) | {"int8": True},
        "teller": {"max_tokens": 40},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    total = sum(entry["bytes"] for entry in files.values())
    stage.log(f"{len(files)} files, {total / 2**20:.1f} MiB in {folder.name}/")


def trained_here(stage: Stage) -> bool:
    """Whether the denoiser has taken a step since it was restored."""
    return any((load(stage.of(name)) or {}).get("step") for name in ("denoiser", "distill"))


def commit() -> str:
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent)
    return found.stdout.strip() or "unknown"


PARTS: dict[str, Callable[[Stage, Path], None]] = {
    "judge": write_judge,
    "facts": write_facts,
    "words": write_words,
    "decoder": write_decoder,
    "preview": write_preview,
    "denoiser": write_denoiser,
    "manifest": lambda stage, folder: None,
}
WHOLE_FOLDER = (write_judge, write_graphs, write_preview, write_denoiser, write_teller, write_words)


def main() -> None:
    only = [a.removeprefix("--") for a in sys.argv if a.removeprefix("--") in {*PARTS, "keep"}]
    sys.argv = [a for a in sys.argv if a.removeprefix("--") not in only]
    parts = ", ".join(f"--{name}" for name in PARTS)
    about = f"{__doc__} {parts}: these alone, and the manifest. --keep: the weights for training.restore alone."
    stage = Stage.from_arguments("export", about, minutes=5)
    if "keep" in only:
        return keep(stage)
    folder = stage.folder / "mini" if stage.small else MINI
    folder.mkdir(parents=True, exist_ok=True)
    for write in [PARTS[name] for name in only] or WHOLE_FOLDER:
        write(stage, folder)
    if not only and not stage.small:
        keep(stage)
    return write_manifest(stage, folder, trained=(not only or "denoiser" in only) and trained_here(stage))


if __name__ == "__main__":
    main()

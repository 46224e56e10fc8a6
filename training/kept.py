"""The trained weights that no model folder holds in a trainable form, in fp16: training.restore starts from them.

Of mini, the teller before int8, the judge and the denoiser before it was distilled; of the wide vocabulary, which no
package holds yet, all that were trained on.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from safetensors.torch import save_file

from training.run import Stage, load
from training.teller import CODEBOOK
from training.world import WIDE

WEIGHTS = Path(__file__).parent / "weights"
WIDE_WEIGHTS = WEIGHTS / "wide"
KEPT = ("teller", "judge", "denoiser")
MINUTES = "minutes.json"  # beside the wide ones: how long each was trained


def keep(stage: Stage) -> None:
    """Write the weights that mini does not hold, in fp16; of the wide vocabulary, those that were trained on."""
    folder = WIDE_WEIGHTS if WIDE else WEIGHTS
    folder.mkdir(exist_ok=True)
    minutes = json.loads((folder / MINUTES).read_text()) if (folder / MINUTES).exists() else {}
    for name in ("clip", *KEPT) if WIDE else KEPT:
        state = load(stage.of(name))
        if state is not None and (state["step"] or not WIDE):
            weights = state.get("average", state["model"])
            halved = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
            save_file({k: v.clone().contiguous() for k, v in halved.items()}, folder / f"{name}.safetensors")
            minutes[name] = round(state["spent"], 1)
    if WIDE:
        if "teller" in minutes:
            shutil.copy(stage.of("teller") / CODEBOOK, folder / CODEBOOK)
        (folder / MINUTES).write_text(json.dumps(minutes, indent=1) + "\n")

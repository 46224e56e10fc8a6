"""sprites: fetch the pinned drawing packages, rasterise the things of vocabulary.toml to RGBA, write one .npz a set.

Knows package names, their icon formats and licences; knows nothing of scenes. Sources and licences: NOTICE.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import resvg_py
from PIL import Image

from training.run import Stage, contact_sheet
from training.world import THINGS

SIDE = 192


@dataclass(frozen=True)
class Package:
    """A pinned npm package of drawings: `sha256` is of the registry's tarball."""

    set: str
    name: str
    version: str
    sha256: str

    def fetch(self, folder: Path) -> Path:
        """Download once, check the hash, return the tarball's path."""
        path = folder / f"{self.name.strip('@').replace('/', '-')}-{self.version}.tgz"
        if not path.exists():
            subprocess.run(
                ["npm", "pack", "--silent", f"{self.name}@{self.version}"],
                cwd=folder,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != self.sha256:
            path.unlink()
            raise SystemExit(f"{self.name}@{self.version} hashes to {found}, not {self.sha256}: run the stage again")
        return path


PACKAGES = [
    Package(
        "fluent-flat",
        "@iconify-json/fluent-emoji-flat",
        "1.2.6",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
    ),
    Package(
        "fluent-3d",
        "@lobehub/fluent-emoji-3d",
        "1.1.0",
        "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
    ),
    Package("noto", "@iconify-json/noto", "1.2.9", "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad"),
    Package(
        "twemoji", "@iconify-json/twemoji", "1.2.5", "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7"
    ),
    Package(
        "noto-v1", "@iconify-json/noto-v1", "1.2.5", "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37"
    ),
    Package(
        "emojione",
        "@iconify-json/emojione",
        "1.2.3",
        "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e",
    ),
]
LABELS = Package(
    "labels", "emojibase-data", "17.0.0", "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a"
)


def bare(code: str) -> str:
    """A code point sequence without variation selectors, lower case: '2708-FE0F' -> '2708'."""
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")


def slug(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text.lower()).strip("-")


def names_of(labels: Path) -> dict[str, set[str]]:
    """code -> the names under which a set without code points may file it (CLDR label, old Unicode name)."""
    with tarfile.open(labels) as tar:
        entries = json.load(tar.extractfile("package/en/data.json"))  # type: ignore[arg-type]
    names: dict[str, set[str]] = {}
    for entry in entries:
        code = bare(entry["hexcode"])
        names[code] = {slug(entry["label"])}
        if "-" not in code:
            names[code].add(slug(unicodedata.name(chr(int(code, 16)), "")))
    return names


def iconify_svgs(path: Path, names: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    """(code, svg) for every thing that an Iconify package draws."""
    with tarfile.open(path) as tar:
        members = {m.name: m for m in tar.getmembers()}
        icons = json.load(tar.extractfile(members["package/icons.json"]))  # type: ignore[arg-type]
        chars = members.get("package/chars.json")
        by_code = json.load(tar.extractfile(chars)) if chars else {}  # type: ignore[arg-type]
    by_code = {bare(code): name for code, name in by_code.items()}
    known = dict(icons["icons"])
    for alias, parent in icons.get("aliases", {}).items():
        known.setdefault(alias, icons["icons"].get(parent["parent"]))
    for thing in THINGS:
        candidates = [by_code[thing.code]] if thing.code in by_code else sorted(names.get(thing.code, ()))
        icon = next((known[c] for c in candidates if known.get(c)), None)
        if icon:
            width, height = icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16))
            box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
            yield thing.code, f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{icon["body"]}</svg>'


def iconify_pictures(path: Path, names: dict[str, set[str]]) -> Iterator[tuple[str, Image.Image]]:
    for code, svg in iconify_svgs(path, names):
        png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=SIDE, height=SIDE))
        yield code, Image.open(io.BytesIO(png)).convert("RGBA")


def fluent_3d_pictures(path: Path, names: dict[str, set[str]]) -> Iterator[tuple[str, Image.Image]]:
    wanted = {thing.code for thing in THINGS}
    with tarfile.open(path) as tar:
        for member in tar:
            code = bare(Path(member.name).stem)
            if member.name.endswith(".webp") and code in wanted:
                picture = Image.open(io.BytesIO(tar.extractfile(member).read()))  # type: ignore[union-attr]
                yield code, picture.convert("RGBA").resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def framed(picture: Image.Image) -> bool:
    """Whether the drawing fills its square (a scene in a box): those do not sit on other grounds."""
    alpha = np.asarray(picture)[..., 3]
    border = np.concatenate([alpha[2], alpha[-3], alpha[:, 2], alpha[:, -3]])
    return bool((border > 127).mean() > 0.5)


def trimmed(picture: Image.Image) -> np.ndarray:
    """(SIDE, SIDE, 4) uint8: cropped to its alpha box, longer side scaled to SIDE, centred on the other."""
    box = picture.getchannel("A").point(lambda a: 255 if a > 8 else 0).getbbox()
    crop = picture.crop(box)
    scale = SIDE / max(crop.size)
    size = (max(1, round(crop.width * scale)), max(1, round(crop.height * scale)))
    square = Image.new("RGBA", (SIDE, SIDE))
    square.paste(crop.resize(size, Image.Resampling.LANCZOS), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(square)


def rasterise(package: Package, folder: Path, names: dict[str, set[str]]) -> dict[str, np.ndarray]:
    read: Callable[..., Iterator[tuple[str, Image.Image]]] = (
        fluent_3d_pictures if package.set == "fluent-3d" else iconify_pictures
    )
    return {code: trimmed(p) for code, p in read(package.fetch(folder), names) if p.getbbox() and not framed(p)}


def main() -> None:
    stage = Stage.from_arguments("sprites", __doc__, minutes=5)
    names = names_of(LABELS.fetch(stage.folder))
    packages = PACKAGES[:2] if stage.small else PACKAGES
    for package in packages:
        target = stage.folder / f"{package.set}.npz"
        if not target.exists():
            np.savez(target, **rasterise(package, stage.folder, names))
        drawings = np.load(target)
        missing = [t.en[0] for t in THINGS if t.code not in drawings]
        stage.log(
            f"{package.set}: {len(drawings.files)} of {len(THINGS)} things; missing: {', '.join(missing) or 'none'}"
        )
        contact_sheet(
            [Image.fromarray(drawings[c]).resize((64, 64)) for c in drawings.files],
            12,
            stage.folder / f"{package.set}.png",
        )


if __name__ == "__main__":
    main()

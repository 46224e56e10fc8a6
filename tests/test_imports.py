"""The house stands on one rule: imports run downwards."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "flashpaint"
TORCH = {"torch", "transformers", "diffusers"}
BUILT_ON_TORCH = (
    *("networks", "paint/diffusers", "bench/recipe.py", "models/transformers_parts.py"),
    *("see/transformers.py", "tell/chat.py", "tell/prefix.py", "tell/seq2seq.py"),
)
GROUND = {"errors", "request", "painting"}
ALLOWED = {
    "errors": set(),
    "request": {"errors"},
    "painting": {"request"},
    "clock": set(),
    "composition": GROUND,
    "job": GROUND | {"composition", "tell", "paint", "recollection"},
    "models": GROUND,
    "see": GROUND | {"models"},
    "tell": GROUND | {"models"},
    "paint": GROUND | {"models"},
    "memory": GROUND | {"models"},
    "marks": GROUND,
    "recollection": GROUND | {"see", "paint", "memory", "marks"},
    "composing": GROUND | {"composition", "job", "paint"},
    "studio": GROUND
    | {
        "clock",
        "composing",
        "composition",
        "job",
        "models",
        "see",
        "sights",
        "tell",
        "paint",
        "memory",
        "recollection",
    },
    "gallery": GROUND | {"memory", "paint", "recollection", "studio"},
    "serve": GROUND | {"composition", "studio", "gallery", "marks", "tasks"},
    "cluster": GROUND | {"models", "see", "sights", "tell", "paint", "memory", "studio", "serve"},
    "sheet": set(),
    "reading": {"composition"},
    "sights": {"reading", "see", "tell"},
    "plan": GROUND,
    "tasks": GROUND | {"composition", "models", "memory", "marks", "paint", "studio", "gallery"},
    "networks": GROUND | {"models"},
    "bench": GROUND | {"composition", "studio", "marks", "paint", "memory", "tell", "models", "networks", "plan"},
    "cli": GROUND
    | {
        "cluster",
        "composition",
        "studio",
        "marks",
        "bench",
        "memory",
        "gallery",
        "serve",
        "sheet",
        "tasks",
        "models",
        "plan",
        "__init__",
    },
    "__init__": GROUND | {"studio"},
}


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
        for name in names:
            if name == "flashpaint" and isinstance(node, ast.ImportFrom):
                submodules = {
                    a.name for a in node.names if (SOURCE / f"{a.name}.py").exists() or (SOURCE / a.name).is_dir()
                }
                rooms |= submodules or {"__init__"}
            elif name.startswith("flashpaint."):
                rooms.add(name.split(".")[1])
            top = name.split(".")[0]
            assert top != "training", f"{path} imports {name}"
            built_on_torch = str(path.relative_to(SOURCE)).startswith(BUILT_ON_TORCH)
            assert top not in TORCH or built_on_torch, f"{path} imports {name}"
    return rooms - {room_of(path)}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_run_one_way(path: Path) -> None:
    assert imported_rooms(path) <= ALLOWED[room_of(path)]


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in found.stdout.split()}


def test_importing_flashpaint_loads_no_engine_and_no_framework() -> None:
    heavy = {
        "torch",
        "transformers",
        "openvino",
        "ctranslate2",
        "tokenizers",
        "pydantic",
        "typer",
        "rich",
        "fastapi",
        "numpy",
    }
    assert not loaded_by("import flashpaint") & heavy


def test_painting_needs_no_pytorch() -> None:
    loaded = loaded_by(
        "from flashpaint import Studio, PaintRequest; Studio.open().paint(PaintRequest('a cat', steps=1))"
    )
    assert not loaded & {"torch", "transformers", "typer", "array_api_compat"}


def test_the_command_line_begins_with_next_to_nothing() -> None:
    assert not loaded_by("import flashpaint.cli") & {"typer", "rich", "pydantic", "PIL", "numpy", "openvino"}

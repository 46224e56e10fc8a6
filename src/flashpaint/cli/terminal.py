"""Pictures in a terminal: kitty's and iTerm's own protocols where they are spoken, half blocks everywhere else."""

from __future__ import annotations

import base64
import io
import os
import sys

from PIL import Image

COLUMNS = 48


def draw(picture: Image.Image, columns: int = COLUMNS) -> None:
    """Write the picture to stdout. columns: of half blocks."""
    program = os.environ.get("TERM_PROGRAM", "")
    if "kitty" in os.environ.get("TERM", "") or program in ("ghostty", "WezTerm"):
        sys.stdout.write(kitty(picture))
    elif program == "iTerm.app":
        sys.stdout.write(iterm(picture))
    else:
        sys.stdout.write(half_blocks(picture, columns))
    sys.stdout.write("\n")
    sys.stdout.flush()


def png(picture: Image.Image) -> str:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def kitty(picture: Image.Image) -> str:
    """Kitty's graphics protocol: PNG in chunks of 4,096 bytes."""
    content = png(picture)
    parts = [content[i : i + 4096] for i in range(0, len(content), 4096)]
    return "".join(
        f"\033_G{'a=T,f=100,' if k == 0 else ''}m={int(k < len(parts) - 1)};{part}\033\\"
        for k, part in enumerate(parts)
    )


def iterm(picture: Image.Image) -> str:
    return f"\033]1337;File=inline=1;width=32:{png(picture)}\a"


def half_blocks(picture: Image.Image, columns: int = COLUMNS) -> str:
    """Two pixels a character: the upper in the foreground colour, the lower in the background's."""
    rows = max(2, round(columns * picture.height / picture.width) // 2 * 2)
    small = picture.convert("RGB").resize((columns, rows), Image.Resampling.BOX)
    lines = []
    for y in range(0, rows, 2):
        cells = []
        for x in range(columns):
            top, bottom = small.getpixel((x, y)), small.getpixel((x, y + 1))
            assert isinstance(top, tuple)
            assert isinstance(bottom, tuple)
            cells.append("\033[38;2;{};{};{}m\033[48;2;{};{};{}m▀".format(*top, *bottom))
        lines.append("".join(cells) + "\033[0m")
    return "\n".join(lines)

"""Contact sheets: pictures with a line under each. Knows pictures alone."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

SIDE, GAP, LINE = 192, 12, 40
WHITE, GREY, BLACK = (255, 255, 255), (120, 120, 120), (20, 20, 20)


def contact_sheet(pictures: Sequence[tuple[Image.Image, str, str]], columns: int = 4) -> Image.Image:
    """pictures: with a caption and a smaller remark each, in Latin letters: others need a font of their own."""
    columns = min(columns, max(len(pictures), 1))
    rows = max(1, -(-len(pictures) // columns))
    sheet = Image.new("RGB", (GAP + columns * (SIDE + GAP), GAP + rows * (SIDE + LINE + GAP)), WHITE)
    draw = ImageDraw.Draw(sheet)
    large, small = ImageFont.load_default(14), ImageFont.load_default(11)
    for k, (picture, caption, remark) in enumerate(pictures):
        x, y = GAP + (k % columns) * (SIDE + GAP), GAP + (k // columns) * (SIDE + LINE + GAP)
        thumb = picture.convert("RGB")
        thumb.thumbnail((SIDE, SIDE))
        sheet.paste(thumb, (x + (SIDE - thumb.width) // 2, y + (SIDE - thumb.height) // 2))
        draw.text((x, y + SIDE + 4), fitted(draw, caption, large), BLACK, font=large)
        draw.text((x, y + SIDE + 22), fitted(draw, remark, small), GREY, font=small)
    return sheet


def fitted(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text, cut where it leaves its picture's width."""
    text = text.encode("latin-1", "replace").decode("latin-1")
    if draw.textlength(text, font) <= SIDE:
        return text
    while text and draw.textlength(text + "...", font) > SIDE:
        text = text[:-1]
    return text + "..."

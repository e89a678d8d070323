"""Pictures with a palette, which keep pages and repositories small."""

import io

from PIL import Image
from PIL.PngImagePlugin import PngImageFile


def with_palette(png: bytes) -> bytes:
    """A PNG picture with at most 256 colours, in a third of the bytes.

    The colours are those that cover all of the picture's, not the most frequent ones: a small mark keeps its colour
    beside a large colour map.
    """
    picture = PngImageFile(io.BytesIO(png)).convert("RGB")
    content = io.BytesIO()
    picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(content, "png", optimize=True)
    return content.getvalue()

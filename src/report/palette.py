"""Pictures with a palette, which keep pages and repositories small."""

import io

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from scipy.spatial import KDTree

#: Colours of a palette, and how many of them are the most frequent ones of the picture.
COLOURS, FREQUENT = 256, 64


def with_palette(png: bytes) -> bytes:
    """A PNG picture with at most 256 colours, in a third of the bytes.

    Large areas keep their colours, which are the most frequent ones. The other colours of the palette cover all
    that there are, so that a small mark nearly keeps its colour beside a colour map.
    """
    picture = PngImageFile(io.BytesIO(png)).convert("RGB")
    packed = np.asarray(picture) @ np.array([1 << 16, 1 << 8, 1])
    found, where, counts = np.unique(packed, return_inverse=True, return_counts=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], 1)
    others = picture.quantize(COLOURS - FREQUENT, Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = np.concatenate([colours[np.argsort(-counts)[:FREQUENT]], np.reshape(others, (-1, 3))])
    # Pillow's own search for the nearest colour is not exact, and darkens white.
    nearest = KDTree(palette).query(colours)[1]
    reduced = Image.fromarray(nearest[where].reshape(packed.shape).astype(np.uint8), "P")
    reduced.putpalette(palette.ravel().tolist())
    content = io.BytesIO()
    reduced.save(content, "png", optimize=True)
    return content.getvalue()

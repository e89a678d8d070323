"""An animation as a GIF file."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

#: The colour of the palette that leaves a pixel as it was; the others are taken from the frames.
NONE = 255


def encode(frames: Iterator[np.ndarray], sample: Sequence[np.ndarray], fps: float) -> bytes:
    """The bytes of a GIF that goes round and round.

    Args:
        frames: red, green and blue, each [height, width, 3] of uint8.
        sample: some of the frames, whose colours stand for those of all.
        fps: frames a second.
    """
    found = Image.fromarray(np.concatenate(sample)).quantize(NONE, dither=Image.Dither.NONE).getpalette() or []
    triples = np.array(found[: 3 * NONE]).reshape(-1, 3)
    triples[triples.min(1) > 245] = 255  # the ground is white, not mixed with its neighbours
    palette = np.resize(triples, (NONE, 3)).ravel().tolist()
    images = changes(frames, palette)
    whole = io.BytesIO()
    next(images).save(
        whole,
        format="GIF",
        save_all=True,
        append_images=images,
        duration=round(1000 / fps),
        loop=0,
        optimize=False,
        transparency=NONE,
        disposal=1,  # each frame is laid over those before it
    )
    return whole.getvalue()


def changes(frames: Iterator[np.ndarray], palette: list[int]) -> Iterator[Image.Image]:
    """The first frame, then of each what differs from the one before: a sixth of the bytes of whole frames."""
    colours = Image.new("P", (1, 1))
    colours.putpalette(palette)
    before = None
    for frame in frames:
        # Without dithering, what stays the same from frame to frame keeps its colour.
        now = np.asarray(Image.fromarray(frame).quantize(palette=colours, dither=Image.Dither.NONE))
        image = Image.fromarray(now if before is None else np.where(now == before, np.uint8(NONE), now))
        image.putpalette([*palette, 0, 0, 0])
        yield image
        before = now

"""Encoder of GIF animations."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

#: Palette index of transparency, which keeps the previous pixel; lower indices are colours of the frames.
TRANSPARENT = 255


def encode(frames: Iterator[np.ndarray], sample: Sequence[np.ndarray], fps: float) -> bytes:
    """The bytes of a GIF that loops forever.

    Args:
        frames: red, green and blue, each [height, width, 3] of uint8.
        sample: frames from which the palette is taken.
        fps: frames a second.
    """
    colours = (
        Image.fromarray(np.concatenate(sample)).quantize(TRANSPARENT, dither=Image.Dither.NONE).getpalette() or []
    )
    triples = np.array(colours[: 3 * TRANSPARENT]).reshape(-1, 3)
    triples[triples.min(1) > 245] = 255  # keep the background pure white
    palette = np.resize(triples, (TRANSPARENT, 3)).ravel().tolist()
    images = changes(frames, palette)
    buffer = io.BytesIO()
    next(images).save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=images,
        duration=round(1000 / fps),
        loop=0,
        optimize=False,
        transparency=TRANSPARENT,
        disposal=1,  # draw each frame over the previous ones
    )
    return buffer.getvalue()


def changes(frames: Iterator[np.ndarray], palette: list[int]) -> Iterator[Image.Image]:
    """Frames with unchanged pixels transparent, which takes a sixth of the bytes of full frames."""
    colours = Image.new("P", (1, 1))
    colours.putpalette(palette)
    before = None
    for frame in frames:
        # Without dithering, unchanged pixels keep their palette index.
        now = np.asarray(Image.fromarray(frame).quantize(palette=colours, dither=Image.Dither.NONE))
        image = Image.fromarray(now if before is None else np.where(now == before, np.uint8(TRANSPARENT), now))
        image.putpalette([*palette, 0, 0, 0])
        yield image
        before = now

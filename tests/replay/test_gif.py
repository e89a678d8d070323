"""The animation: a frame a step, each as it was drawn."""

import io

import numpy as np
from PIL import Image

from src.replay.gif import encode

COLOURS = np.array([[255, 255, 255], [0, 0, 0], [200, 30, 30], [20, 60, 180], [0, 120, 0]], np.uint8)


def played(content):
    image = Image.open(io.BytesIO(content))
    for step in range(image.n_frames):
        image.seek(step)
        yield np.asarray(image.convert("RGB")), image.info["duration"]


def test_decoded_frames_equal_the_originals():
    """Squares that come, change and go again, for only what changes is stored."""
    source = np.random.default_rng(0)
    frames = [COLOURS[np.kron(source.integers(0, 5, (3, 4)), np.ones((8, 8), int))] for _ in range(7)]
    frames[3] = frames[2].copy()
    frames[3][0, 0] = 255 - frames[3][0, 0]
    content = encode(iter(frames), frames, fps=12.5)
    back = list(played(content))
    assert len(back) == 7
    for (shown, duration), frame in zip(back, frames, strict=True):
        assert duration == 80
        assert np.abs(shown.astype(int) - frame).max() <= 4
    assert (back[0][0][frames[0].min(2) == 255] == 255).all()
    assert b"NETSCAPE2.0\x03\x01\x00\x00" in content  # round and round


def test_unchanged_pixels_take_few_bytes():
    shades = np.add.outer(np.arange(240), np.arange(320))[..., None] * np.array([1, 2, 3]) % 256
    frames = []
    for step in range(20):
        frames.append(shades.astype(np.uint8))
        frames[-1][2 * step, ::7] = COLOURS[1 + step % 4]
        frames[-1][200 - 2 * step, ::5] = COLOURS[step % 4]
    first = len(encode(iter(frames[:1]), frames[:1], 8))
    assert len(encode(iter(frames), frames[:2], 8)) < 4 * first


def test_white_stays_white():
    """Though text has edges of nearly white, which a palette would mix it with."""
    source = np.random.default_rng(2)
    frame = source.integers(0, 256, (120, 160, 3)).astype(np.uint8)
    frame[:80] = source.integers(250, 256, (80, 160, 1))
    frame[:60] = 255
    (shown, _), *_ = played(encode(iter([frame, 255 - frame]), [frame], 8))
    assert (shown[:60] == 255).all()

"""Frames of the animation of a replay: a figure that shows one step at a time."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import SubFigure

from ..figures.style import Figure, default_style
from .panels import MemoryPanel, Strips
from .recording import Recording

#: Inches of the panel of a run: width, height with two heads, of each further head, and without a memory. Dots per
#: inch for one run and for two.
WIDTH, HEIGHT, HEAD, HEIGHT_WITHOUT, DPI = 8.8, 5.9, 0.7, 3.6, (110, 90)
#: Inches from the top edge: title of the film, step text, title of the run, strips, memory.
FILM_TITLE, NOW, TITLE, STRIPS, MEMORY = 0.18, 0.20, 0.46, 0.88, 1.17
#: Inches from the bottom edge: strips, memory.
BELOW_STRIPS, BELOW_MEMORY = 0.5, 1.03


class Film:
    """A figure of one run, or of two side by side, that shows one step at a time.

    Args:
        recordings: of the same sequence.
        title: of the film.
        cmap: name of a colour map for values from 0 to 1.
    """

    @default_style()
    def __init__(self, recordings: Sequence[Recording], title: str, cmap: str = "jet") -> None:
        heads = max(len(recording.heads.names) if recording.heads else 0 for recording in recordings)
        height = HEIGHT + HEAD * max(0, heads - 2) if heads else HEIGHT_WITHOUT
        count, self.steps = len(recordings), len(recordings[0].x)
        self.figure = Figure(figsize=(count * WIDTH, height), dpi=DPI[count - 1])
        self.canvas = FigureCanvasAgg(self.figure)
        self.figure.text(
            0.01 / count, 1 - FILM_TITLE / height, title, fontsize="medium", color="0.35", va="center"
        )
        parts = self.figure.subfigures(1, count, squeeze=False)[0]
        self.runs = [
            _RunPanel(part, recording, cmap, height) for part, recording in zip(parts, recordings, strict=True)
        ]
        self.canvas.draw()  # without the animated artists
        self.background = self.canvas.copy_from_bbox(self.figure.bbox)

    def frames(self) -> Iterator[np.ndarray]:
        """All frames in order of steps; see `frame`."""
        return (self.frame(step) for step in range(self.steps))

    @default_style()
    def frame(self, step: int) -> np.ndarray:
        """The frame of a step as red, green and blue, [height, width, 3] of uint8.

        Only animated artists are drawn, over the stored background.
        """
        self.canvas.restore_region(self.background)
        for run in self.runs:
            for artist in run.show(step):
                self.figure.draw_artist(artist)
        return np.asarray(self.canvas.buffer_rgba())[..., :3].copy()


class _RunPanel:
    """Part of the film figure that shows one run."""

    def __init__(self, figure: SubFigure, recording: Recording, cmap: str, height: float) -> None:
        self.recording = recording
        title_y = 1 - TITLE / height
        figure.text(0.01, title_y, recording.title, fontsize="large", weight="bold", va="center")
        figure.text(0.99, title_y, recording.verdict, fontsize="medium", ha="right", va="center")
        self.now = figure.text(
            0.99, 1 - NOW / height, "", ha="right", va="center", family="monospace", animated=True
        )
        left, right = 0.115, 0.57 if recording.heads else 0.985
        self.strips = Strips(figure, recording, cmap, (left, BELOW_STRIPS / height, right, 1 - STRIPS / height))
        self.memory_panel = None
        if recording.heads:
            area = (0.635, BELOW_MEMORY / height, 0.985, 1 - MEMORY / height)
            self.memory_panel = MemoryPanel(figure, recording.heads, area)

    def show(self, step: int) -> list[Artist]:
        """Move to a step; returns the artists to redraw."""
        phase = [name for name, first in self.recording.phases if first <= step][-1]
        last = len(self.recording.x) - 1
        self.now.set_text(f"{phase}, step {step:>{len(str(last))}} of {last}")
        return [self.now, *self.strips.show(step), *(self.memory_panel.show(step) if self.memory_panel else [])]

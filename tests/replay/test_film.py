"""Each frame of the animation shows its step, and labels do not overlap."""

import numpy as np
import pytest

from src.figures.palette import SIGNED
from src.replay.film import DPI, HEIGHT, HEIGHT_WITHOUT, WIDTH, Film
from tests.figures.conftest import draw  # noqa: F401
from tests.figures.hostile import hostile

pytestmark = pytest.mark.drawn


def axes_of(film):
    """Axes by their label."""
    return {ax.get_ylabel(): ax for ax in film.figure.findobj() if hasattr(ax, "get_ylabel")}


def centre(span):
    x, width = span.get_x(), span.get_width()
    return x + width / 2


def test_a_frame_is_of_its_step(recording):
    one = recording("ntm")
    film = Film([one], "a title", "viridis")
    (run,) = film.runs
    for step in (4, 9):
        film.frame(step)
        assert run.now.get_text() == f"{'answer' if step == 9 else 'listening'}, step {step:>2} of 11"
        assert [centre(marker) for marker in run.strips.markers] == [step] * 6
        assert np.array_equal(run.memory_panel.memory.get_array(), one.heads.memory[step])
        for h in (0, 1):
            assert np.array_equal(run.memory_panel.bars[h].get_data().values, one.heads.weights[step, h])
            position, width = (one.heads.numbers[name][step, h] for name in ("position", "width"))
            assert run.memory_panel.places[h].get_ydata() == [position]
            assert run.memory_panel.numbers[h].get_text() == f"position {position:.1f}\nwidth {width:.1f}"


def test_only_the_slots_that_are_read_are_shown(recording):
    """Across slot 0, where the numbers begin again; a head that is elsewhere has no mark."""
    one = recording("ntm")
    weights = np.zeros((len(one.x), 2, 40))
    weights[:, 0, 38], weights[5:, 0, 38], weights[5:, 0, 1], weights[:, 1, 20] = 1.0, 0.0, 1.0, 1.0
    numbers = {
        "position": np.where(weights[:, :, 38] > 0, 38.0, [[1.0, 20.0]]),
        "width": np.zeros(weights.shape[:2]),
    }
    held = np.random.default_rng(0).normal(size=(len(one.x), 40, 5))
    film = Film([one._replace(heads=one.heads._replace(weights=weights, numbers=numbers, memory=held))], "")
    panel, slots = film.runs[0].memory_panel, [36, 37, 38, 39, 0, 1, 2, 3]
    for step, along in ((4, 2.0), (6, 5.0)):
        film.frame(step)
        assert np.array_equal(panel.memory.get_array(), held[step, slots])
        assert panel.places[0].get_ydata() == [along]
        assert np.isnan(panel.places[1].get_ydata()[0])
    axis = panel.memory.axes
    assert axis.get_yticks().tolist() == list(range(8))
    assert [label.get_text() for label in axis.get_yticklabels()] == list(map(str, slots))


def test_strips_show_the_recording(recording):
    one = recording("ntm")
    film = Film([one], "", "viridis")
    axes = axes_of(film)
    shown = {"input": one.x, "target": one.target, "output": one.y,
             "read head\nslot": one.heads.weights[:, 0], "write head\nslot": one.heads.weights[:, 1]}  # fmt: skip
    for name, values in shown.items():
        image = axes[name].images[0]
        assert np.array_equal(image.get_array(), values.T)
        assert (image.get_clim(), image.get_cmap().name) == ((0, 1), "viridis")
    assert axes["output"].images[0].get_alpha()[0].tolist() == np.where(one.asked, 1.0, 0.3).tolist()
    assert np.array_equal(axes["wrong"].patches[0].get_data().values, one.wrong)
    assert axes["read head\nslot"].get_ylim() == (-0.5, 7.5)


def test_no_mark_of_many_channels_or_steps_is_lost(recording):
    """One-hot channels, more than pixels; the frame of the axes hides none of them either."""
    one = recording("lstm")
    steps = 600
    x = np.eye(256)[np.arange(steps) * 7 % 256]
    many = one._replace(x=x, x_names=[str(k) for k in range(256)], y=np.zeros((steps, 2)), target=None, wrong=None)
    film = Film([many._replace(asked=np.ones(steps, dtype=bool), phases=[("reading", 0)])], "", "gray")
    ax = axes_of(film)["input"]
    image = ax.images[0].get_array()
    box = ax.get_window_extent()
    assert (image.shape[0] <= box.height / 2, image.shape[1] <= box.width) == (True, True)
    assert (image.max(0) == 1.0).all()
    assert (image.max(1) == 1.0).all()
    assert ax.get_ylim() == (255.5, -0.5)
    assert ax.get_xlim() == (-0.5, 599.5)
    height = film.figure.bbox.height
    inside = film.frame(0)[
        round(height - box.y1) + 1 : round(height - box.y0) - 1, round(box.x0) + 8 : int(box.x1)
    ]
    assert (inside[:, :-1].max((0, 2)) > 60).all()  # in every column of pixels, beside the marker of the step


def test_signed_channels_are_centred_at_zero(recording, draw):  # noqa: F811
    one = recording("lstm")
    x = one.x.clip(0, 1)
    x[0, 0] = -2.5
    film = Film([one._replace(x=x)], "", "viridis")
    draw(film.figure)
    image = axes_of(film)["input\n±2.5"].images[0]
    assert (image.get_clim(), image.get_cmap().name) == ((-2.5, 2.5), SIGNED)
    assert axes_of(film)["output"].images[0].get_clim() == (0, 1)
    assert len(axes_of(Film([recording("digits_ntm")], ""))["input"].lines) == 2  # one of them at zero


def test_a_target_without_wrong_bits_is_drawn(recording):
    one = recording("lstm")
    axes = axes_of(Film([one._replace(wrong=None)], ""))
    assert np.array_equal(axes["target"].images[0].get_array(), one.target.T)
    assert "wrong" not in axes


@pytest.mark.parametrize(("most", "top"), [(None, 9), (1, 1)])
def test_wrong_outputs_fill_the_strip_where_all_of_a_step_are_wrong(recording, most, top):
    one = recording("lstm")._replace(most_wrong=most)
    assert axes_of(Film([one], ""))["wrong"].get_ylim() == (0, top)


def test_frames_are_one_a_step_and_differ(recording):
    film = Film([recording("ntm", 1, 2)], "")
    frames = list(film.frames())
    assert len(frames) == 6
    size = (round(HEIGHT * DPI[0]), round(WIDTH * DPI[0]), 3)
    assert all((frame.shape, frame.dtype) == (size, np.uint8) for frame in frames)
    assert all((one != other).any() for i, one in enumerate(frames) for other in frames[:i])
    # Going back to a step leaves nothing of those between.
    assert np.array_equal(film.frame(2), frames[2])


def test_runs_without_a_memory(recording):
    one = recording("lstm")
    film = Film([one], "")
    assert film.frame(0).shape == (round(HEIGHT_WITHOUT * DPI[0]), round(WIDTH * DPI[0]), 3)
    assert film.runs[0].memory_panel is None


def test_classes_name_the_right_one_and_draw_the_input_as_a_line(recording):
    one = recording("digits_ntm")
    film = Film([one], "")
    axes = axes_of(film)
    assert np.array_equal(axes["input"].lines[-1].get_ydata(), one.x[:, 0])
    assert [label.get_text() for label in axes["output"].get_yticklabels()] == [f"right: {one.right}"]
    assert not {"target", "wrong"} & set(axes)


@pytest.mark.parametrize(
    "names", [["ntm"], ["dms_ntm"], ["lstm"], ["digits_ntm"], ["ntm", "dms_ntm"], ["lstm", "ntm"]]
)
def test_labels_are_inside_and_apart(recording, draw, names):  # noqa: F811
    cell = () if "digits" in names[0] else (10, 2)
    film = Film([recording(name, *cell) for name in names], "models on a task: a sequence")
    film.frame(11)
    draw(film.figure)


def test_many_heads_and_long_names_fit(recording, draw):  # noqa: F811
    one = recording("ntm")
    names = [f"{kind} head {k}" for kind in ("read", "write") for k in (1, 2, 3)]
    numbers = {name: np.repeat(values, 3, axis=1) for name, values in one.heads.numbers.items()}
    heads = one.heads._replace(names=names, weights=np.repeat(one.heads.weights, 3, axis=1), numbers=numbers)
    draw(Film([one._replace(heads=heads, x=-one.x, x_names=[f"feature {k}" for k in one.x_names])], "t").figure)


def test_a_hostile_matplotlibrc_changes_no_pixel(recording, tmp_path):
    one = recording("ntm")
    plain = Film([one], "a title").frame(4)
    with hostile(tmp_path):
        film = Film([one], "a title")
        assert np.array_equal(film.frame(4), plain)

"""Weightings of the heads of several runs."""

import numpy as np

from src.figures.addressing import RunHeads, addressing


def walk(steps, slots, first=0):
    """One-hot weightings that move by one slot per step around the ring."""
    return np.eye(slots)[(first + np.arange(steps)) % slots]


def test_every_weight_is_at_its_step_and_slot():
    runs = [
        RunHeads("ntm, seed 3", "Length 2", {"read head": walk(6, 32, 10), "write head": walk(6, 32, 12)}, 4),
        RunHeads("dms_ntm, seed 1", "Length 2", {"read head": walk(5, 32, 30)}, None),
    ]
    figure = addressing(runs, "viridis")
    panels = {ax.get_title(): ax for ax in figure.axes if ax.get_title()}
    assert list(panels) == ["ntm, seed 3: read head", "ntm, seed 3: write head", "dms_ntm, seed 1: read head"]
    for title, (first, steps) in {
        "ntm, seed 3: read head": (10, 6),
        "dms_ntm, seed 1: read head": (-2, 5),
    }.items():
        (image,) = panels[title].images
        left, right, bottom, top = image.get_extent()
        shown = np.asarray(image.get_array())
        assert (left, right) == (-0.5, steps - 0.5)
        assert shown.shape == (top - bottom, steps)
        assert [int(column.argmax() + bottom + 0.5) for column in shown.T] == list(range(first, first + steps))
        assert image.get_clim() == (0.0, 1.0)
    assert [line.get_xdata()[0] for line in panels["ntm, seed 3: read head"].lines] == [3.5]
    assert not panels["dms_ntm, seed 1: read head"].lines
    assert figure.get_suptitle() == "Length 2"


def test_heads_of_a_run_share_the_stretch_that_both_use():
    run = RunHeads("a", "t", {"read head": walk(3, 64, 5), "write head": walk(3, 64, 20)}, None)
    first, second = (ax.images[0].get_extent() for ax in addressing([run]).axes[:2])
    assert first == second
    assert first[2] < 5 - 0.5
    assert first[3] > 22 + 0.5


def test_slots_have_their_numbers_also_before_slot_0_and_long_names_fit(draw):
    heads = {f"{kind} head": walk(9, 32, 24) for kind in ("read", "write")}
    figure = addressing(
        [RunHeads(f"sigma_init=0.3 carry=position K={k} lr=0.003, seed 3", "t", heads, 4) for k in "12"]
    )
    draw(figure)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["25", "0"]

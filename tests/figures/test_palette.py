"""Colours: of models, of other labels, of signed numbers and of metrics."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb

from src.figures.palette import MODELS, OTHERS, SIGNED, colours, metric_map

#: Viénot, Brettel and Mollon 1999: linear RGB as a deuteranope sees it.
DEUTERANOPIA = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])
CONF = Path(__file__).resolve().parents[2] / "conf" / "model"


def test_every_model_has_a_colour() -> None:
    assert set(MODELS) == {path.stem for path in CONF.glob("*.yaml")}


@pytest.mark.parametrize("names", [[*MODELS], [*MODELS, *map(str, range(len(OTHERS)))], [*map(str, range(13))]])
def test_all_colours_differ_for_the_colour_blind_too(names: list[str]) -> None:
    painted = colours(names)
    assert list(painted) == names
    assert all(len(one) == 7 and one[0] == "#" for one in painted.values())
    for sight in (np.eye(3), DEUTERANOPIA):
        seen = [sight @ np.array(to_rgb(one)) ** 2.2 for one in painted.values()]
        assert all(np.abs(a - b).max() > 0.008 for a, b in combinations(seen, 2))


def test_a_model_has_one_colour_beside_any_others() -> None:
    for labels in (["ntm"], ["lstm", "ntm"], ["mine", "ntm", *map(str, range(20))]):
        assert colours(labels)["ntm"] == MODELS["ntm"]
        assert colours(labels[::-1])["ntm"] == MODELS["ntm"]


def test_up_to_three_labels_of_a_model_are_shades_of_its_colour() -> None:
    labels = ["dms_ntm a", "dms_ntm b", "ntm a", "ntm"]
    painted = colours(labels)
    assert (painted["ntm"], painted["dms_ntm a"]) == (MODELS["ntm"], MODELS["dms_ntm"])
    assert painted["ntm a"] == to_hex(np.array([1.0, 1.0, 1.0]) / 2 + np.array(to_rgb(MODELS["ntm"])) / 2)
    for sight in (np.eye(3), DEUTERANOPIA):
        seen = [sight @ np.array(to_rgb(one)) ** 2.2 for one in painted.values()]
        assert all(np.abs(a - b).max() > 0.008 for a, b in combinations(seen, 2))
    many = colours([*labels, "ntm b", "ntm c"])
    assert {many["ntm a"], many["ntm b"], many["ntm c"]} <= {*OTHERS}
    assert many["ntm"] == MODELS["ntm"]


def test_an_unknown_model_has_one_colour_beside_any_models() -> None:
    alone = colours(["hopfield"])["hopfield"]
    for labels in (["ntm", "hopfield"], ["gru", "lstm", "hopfield", "mlp"]):
        assert colours(labels)["hopfield"] == alone
    assert alone not in MODELS.values()


def test_labels_of_a_set_keep_their_colours_in_each_figure() -> None:
    names = [f"lr={k}" for k in range(8)]
    assert len(set(colours(names).values())) == 8
    assert colours(names[5:], order=names) == colours(names)
    assert colours([]) == {}


def test_many_labels_go_from_dark_to_light() -> None:
    shades = [sum(to_rgb(one)) for one in colours(map(str, range(12))).values()]
    assert shades == sorted(shades)


def test_zero_is_white_and_the_signs_differ() -> None:
    red, green, blue, _ = colormaps[SIGNED](0.5)
    assert min(red, green, blue) > 0.95
    low, high = colormaps[SIGNED](0.0), colormaps[SIGNED](1.0)
    assert low[2] > low[0]
    assert high[0] > high[2]


@pytest.mark.parametrize(("more", "best", "worst"), [(True, 1.0, 0.0), (False, 0.0, 1.0)])
def test_the_better_value_of_a_metric_is_the_darker(more: bool, best: float, worst: float) -> None:
    cmap = colormaps[metric_map(more)]
    assert sum(cmap(best)[:3]) < sum(cmap(worst)[:3])

"""The page: it contains the recording and is self-contained."""

import base64
import json
import re
import shutil
import subprocess

import matplotlib
import numpy as np
import pytest

from src.figures.palette import SIGNED
from src.replay.page import quantise, render


def data_of(page):
    """What the script reads."""
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)[1])


def decoded(packed):
    levels = np.frombuffer(base64.b64decode(packed["data"]), np.uint8).reshape(packed["shape"])
    return packed["low"] + levels * ((packed["high"] - packed["low"]) / 255)


def check(packed, values):
    """Equal but for half a level."""
    assert decoded(packed) == pytest.approx(values, abs=(packed["high"] - packed["low"]) / 509)


def page_of(*recordings, cmap="viridis", fps=8.0, title="models on task", subtitle="a sequence"):
    return render(recordings, title, subtitle, cmap, fps)


def test_a_step_with_one_symbol_has_at_most_one_wrong(recording):
    one = recording("lstm")._replace(most_wrong=1)
    assert data_of(page_of(one))["runs"][0]["mostWrong"] == 1


@pytest.mark.parametrize("name", ["ntm", "dms_ntm"])
def test_it_holds_what_was_recorded(recording, name):
    one = recording(name)
    data = data_of(page_of(one))
    assert (data["steps"], data["phases"]) == (len(one.x), [list(phase) for phase in one.phases])
    (run,) = data["runs"]
    assert run["heads"]["readSlots"] == one.heads.read_slots.tolist()
    assert (run["title"], run["verdict"]) == (one.title, one.verdict)
    check(run["x"], one.x)
    check(run["y"], one.y)
    check(run["target"], one.target)
    assert run["wrong"] == one.wrong.tolist()
    assert run["mostWrong"] == one.y.shape[1]
    assert run["asked"] == one.asked.astype(int).tolist()
    assert (run["xNames"], run["yNames"], run["right"]) == (one.x_names, one.y_names, None)
    heads = run["heads"]
    assert (heads["names"], heads["colours"], heads["bound"]) == (
        one.heads.names,
        one.heads.colours,
        one.heads.bound,
    )
    check(heads["weights"], one.heads.weights)
    check(heads["memory"], one.heads.memory)
    assert heads["numbers"].keys() == one.heads.numbers.keys()
    for key, values in one.heads.numbers.items():
        assert np.array(heads["numbers"][key]) == pytest.approx(values, abs=6e-4)
    for key, values in one.heads.words.items():
        check(heads["words"][key], values)


def test_classes_and_no_memory(recording):
    digits, lstm = recording("digits_gru"), recording("lstm")
    (run,) = data_of(page_of(digits))["runs"]
    assert (run["target"], run["wrong"], run["heads"], run["right"]) == (None, None, None, digits.right)
    check(run["y"], digits.y)
    assert data_of(page_of(lstm))["runs"][0]["heads"] is None


def test_two_runs(recording):
    one, other = recording("ntm", 2, 2), recording("lstm", 2, 2)
    data = data_of(page_of(one, other))
    assert [run["title"] for run in data["runs"]] == ["ntm, seed 0", "lstm, seed 0"]
    check(data["runs"][1]["y"], other.y)


def test_it_loads_nothing(recording):
    page = page_of(recording("ntm"))
    # The only address is the name of the SVG namespace; nothing is fetched from it.
    assert set(re.findall(r"https?:[^\"' ]*", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(src|href)\s*=|@import|url\(|fetch\(|import ", page)
    assert "default-src 'none'" in page
    assert "{{" not in page


def test_texts_are_escaped(recording):
    mean = "</script><script>alert(1)</script><b>&\"'{{DATA}}"
    one = recording("lstm")._replace(title=mean, verdict=mean)
    page = page_of(one, title=mean, subtitle=mean)
    assert data_of(page)["runs"][0]["title"] == mean
    assert "<b>" not in page
    assert page.count("<script") == page_of(recording("lstm")).count("<script") == 2
    assert "&lt;b&gt;&amp;&quot;&#x27;{{DATA}}" in page


def test_the_title_contains_the_verdict(recording):
    one = recording("ntm")
    assert f"<title>models on task. ntm, seed 0: {one.verdict}</title>" in page_of(one)


def test_colours_are_those_of_matplotlib(recording):
    data = data_of(page_of(recording("lstm"), cmap="cividis"))
    for key, cmap in {"colours": "cividis", "signedColours": SIGNED}.items():
        colours = np.frombuffer(base64.b64decode(data[key]), np.uint8).reshape(256, 3)
        assert colours.tolist() == matplotlib.colormaps[cmap](np.arange(256), bytes=True)[:, :3].tolist()


def test_signed_values_are_not_cut_at_0(recording):
    """Inputs are signed in any task; targets and outputs in those whose answers are no probabilities."""
    one = recording("lstm")
    signed = np.linspace(-3.0, 1.0, one.y.size).reshape(one.y.shape)
    (run,) = data_of(page_of(one._replace(x=-2.0 * one.x, y=signed, target=signed)))["runs"]
    check(run["x"], -2.0 * one.x)
    check(run["y"], signed)
    check(run["target"], signed)
    assert (run["x"]["bound"], run["y"]["bound"]) == (2.0 * one.x.max(), 3.0)
    (plain,) = data_of(page_of(one))["runs"]
    assert plain["x"]["bound"] == plain["y"]["bound"] == 0.0


def test_the_speed_asked_for_is_among_those_offered(recording):
    one = recording("lstm")
    assert data_of(page_of(one))["speeds"] == [1, 2, 4, 8, 16, 32]
    data = data_of(page_of(one, fps=12.5))
    assert (data["fps"], data["speeds"]) == (12.5, [1, 2, 4, 8, 12.5, 16, 32])


def test_quantise():
    values = np.array([[-1.0, 0.25], [0.5, 3.0]], np.float32)
    packed = quantise(values)
    assert (packed["low"], packed["high"], packed["shape"]) == (-1.0, 3.0, [2, 2])
    assert list(base64.b64decode(packed["data"])) == [0, round(255 * 1.25 / 4), round(255 * 1.5 / 4), 255]
    assert decoded(quantise(np.full(3, 7.0))).tolist() == [7.0, 7.0, 7.0]
    assert list(base64.b64decode(quantise(np.array([-0.1, 1.0001]), 0.0, 1.0)["data"])) == [0, 255]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not here to parse the script")
def test_the_script_can_be_parsed(recording, tmp_path):
    script = re.findall(r"<script>(.*?)</script>", page_of(recording("lstm")), re.DOTALL)[0]
    (tmp_path / "page.js").write_text(script)
    subprocess.run(["node", "--check", str(tmp_path / "page.js")], check=True)

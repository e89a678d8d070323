"""The page of a replay: navigation, colours, and labels that fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from src.replay.page import render
from src.replay.recording import Heads, Recording
from tests.browser.conftest import BEYOND, WIDTHS

pytestmark = pytest.mark.cold

STEPS, SLOTS, WORD = 120, 101, 7
#: Pairs of labels in one place that overlap.
OVERLAPPING = """() => [...document.querySelectorAll(".label, .slots, .plot")].flatMap(box => {
  const ticks = [...box.querySelectorAll(":scope > .tick, :scope > b")], apart = 1;
  const places = ticks.map(one => one.getBoundingClientRect());
  const meet = (p, q) => p.left < q.right - apart && q.left < p.right - apart
    && p.top < q.bottom - apart && q.top < p.bottom - apart;
  return ticks.flatMap((one, i) => ticks.slice(i + 1).filter((_, k) => meet(places[i], places[i + 1 + k]))
    .map(other => `${one.textContent} ${other.textContent}`));
})"""
#: Red, green and blue of an element of the first canvas in the strip of this number.
PIXEL = """([strip, column, row]) => {
  const canvas = document.querySelectorAll(".strip:not(.phases):not(.axis)")[strip].querySelector("canvas");
  return [...canvas.getContext("2d").getImageData(column, row, 1, 1).data].slice(0, 3);
}"""


def heads(read: int = 1, write: int = 1) -> Heads:
    """Heads that walk across slot 0."""
    kinds = {"read": read, "write": write}
    names = [f"{kind} head {i + 1}" for kind, count in kinds.items() for i in range(count)]
    random = np.random.default_rng(0)
    at = (np.arange(STEPS)[:, None] // 4 - 10 + np.arange(len(names))) % SLOTS
    return Heads(
        names,
        np.eye(SLOTS)[at],
        {"position": at.astype(float), "width": np.ones(at.shape), "gate": np.ones(at.shape)},
        random.normal(size=(STEPS, SLOTS, WORD)),
        {"read": random.normal(size=(STEPS, WORD)), "erased": random.random((STEPS, WORD))},
    )


def recording(title: str = "ntm, seed 0, best checkpoint", inputs: int = 6, of: Heads | None = None) -> Recording:
    """Signed inputs: -2 in the first channel, 0 in the second, 2 in the third; bits as answers."""
    random = np.random.default_rng(1)
    x = random.normal(size=(STEPS, inputs)).clip(-2, 2)
    if inputs > 1:
        x[:, :3] = [-2.0, 0.0, 2.0]
    y = random.random((STEPS, 5))
    target = (y > 0.4).astype(float)
    return Recording(
        title, "7 of 60 bits wrong", x, y, target, np.arange(STEPS) >= 20, np.ones(STEPS, dtype=int), None,
        [f"feature {i}" for i in range(inputs)], [*"1234", "end"], [("listening", 0), ("answer", 20)], of, False,
    )  # fmt: skip


CASES = {
    "memory": [recording(of=heads())],
    "many heads": [recording(of=heads(3, 3))],
    "without a memory": [recording("lstm, seed 0, best checkpoint", 40)],
    "two runs": [recording(of=heads(2, 1)), recording("lstm, seed 12, last checkpoint")],
    "a line": [recording(inputs=1, of=heads())],
    "many channels": [recording(inputs=300)._replace(x=np.eye(300)[np.arange(STEPS) * 7 % 300])],
}


@pytest.fixture
def show(visit: Callable[[Path, int], Any], tmp_path: Path) -> Callable[..., Any]:
    """Opens the page of a case."""

    def opened(case: str, width: int = WIDTHS[0], part: str = "") -> Any:
        path = tmp_path / "replay.html"
        path.write_text(render(CASES[case], "ntm on a task", "Length 10", "jet", 8.0), encoding="utf-8")
        page = visit(path, width)
        if part:
            page.goto(f"{path.as_uri()}#{part}")
        return page

    return opened


def step(page: Any) -> int:
    """The step that the page shows, in its text and by its markers."""
    shown = int(page.locator("#now b").inner_text())
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--t')") == str(shown)
    return shown


def test_the_slider_moves_the_step(show: Callable[..., Any]) -> None:
    page = show("memory")
    page.locator("#slider").fill("33")
    assert step(page) == 33
    assert "answer" in page.locator("#now").inner_text()


def test_keys_move_the_step(show: Callable[..., Any]) -> None:
    page = show("memory")
    found = []
    for key in (
        "ArrowRight",
        "ArrowRight",
        "ArrowLeft",
        "Shift+ArrowRight",
        "End",
        "ArrowRight",
        "Home",
        "ArrowLeft",
    ):
        page.keyboard.press(key)
        found.append(step(page))
    assert found == [1, 2, 1, 11, STEPS - 1, STEPS - 1, 0, 0]


def test_it_plays_to_the_end(show: Callable[..., Any]) -> None:
    page = show("memory", part=f"t={STEPS - 3}")
    page.keyboard.press(" ")
    page.locator("#now b").get_by_text(str(STEPS - 1), exact=True).wait_for()
    page.get_by_text("▶", exact=True).wait_for()


def test_signed_inputs_are_centred_at_zero(show: Callable[..., Any]) -> None:
    page = show("memory")
    (red, _, blue), zero, (more, _, less) = (page.evaluate(PIXEL, [0, 5, row]) for row in range(3))
    assert blue > red + 50
    assert min(zero) > 240
    assert more > less + 50
    assert page.locator(".label small").first.inner_text() == "±2.00"


def test_a_signed_line_has_a_line_at_zero(show: Callable[..., Any]) -> None:
    page = show("a line")
    zero, line = (page.locator(f"svg {name}").first for name in (".zero", "polyline"))
    points = [float(point.split(",")[1]) for point in line.get_attribute("points").split()]
    values = CASES["a line"][0].x[:, 0]
    assert values.min() < 0 < values.max()
    expected = [values.max() / (values.max() - values.min())] * 2
    assert [float(zero.get_attribute(key)) for key in ("y1", "y2")] == pytest.approx(expected)
    assert min(points) == pytest.approx(0.0)


def test_slots_have_their_numbers_across_slot_0(show: Callable[..., Any]) -> None:
    page = show("memory")
    ticks = page.locator(".slots .tick").all()
    upwards = sorted(ticks, key=lambda tick: -tick.bounding_box()["y"])
    names = [int(tick.inner_text()) for tick in upwards]
    zero = names.index(0)
    assert names[:zero] == sorted(names[:zero])
    assert names[zero:] == sorted(names[zero:])
    assert names[0] > 80


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_everything_fits(show: Callable[..., Any], case: str, width: int) -> None:
    for part in ("t=60", "t=60&all"):
        page = show(case, width, part)
        assert page.evaluate(BEYOND) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(OVERLAPPING) == []


def test_no_mark_of_more_channels_than_pixels_is_lost(show: Callable[..., Any]) -> None:
    page = show("many channels")
    canvas = page.locator(".strip canvas").first
    rows, width, pixels = canvas.evaluate("""canvas => [canvas.height, canvas.width,
        [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]]""")
    red = np.array(pixels).reshape(rows, width, 4)[..., 0]
    assert rows <= canvas.bounding_box()["height"]
    assert width == STEPS
    assert (red > 100).sum(0).tolist() == [1] * STEPS

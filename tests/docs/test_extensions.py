"""The parts of the documentation that are made when the site is built."""

import inspect
import re
import sys

import pytest
import yaml

import src
from src.common.paths import CONF
from tests.docs.pages import DOCS


@pytest.fixture(scope="module", autouse=True)
def _importable():
    sys.path.insert(0, str(DOCS))
    yield
    sys.path.remove(str(DOCS))


def test_every_key_of_conf_is_in_the_page_of_settings():
    from extensions import configuration

    page = configuration.page()
    for group in ("model", "task", "optimizer", "logger"):
        for choice in sorted((configuration.CONF / group).glob("*.yaml")):
            part = page.partition(f"### `{group}={choice.stem}`")[2].partition("\n##")[0]
            for key in {*yaml.safe_load(choice.read_text(encoding="utf-8"))} - {"defaults"}:
                assert re.search(rf"^\| `{key}[.`]", part, re.MULTILINE), f"{choice}: {key}"


def test_comments_of_conf_are_the_texts_of_the_page():
    from extensions import configuration

    page = configuration.page()
    assert str(configuration.CONF) == CONF
    assert "| `memory_slots` | `128` | N |" in page
    assert "| `controller` | `lstm` | lstm \\| gru \\| feedforward \\| counter_lstm |" in page
    assert "with resume=&lt;sweep>: also run failed jobs again" in page
    assert "The Neural Turing Machine: content-based addressing and discrete shifts." in page


def test_every_group_of_conf_is_in_the_page_of_settings():
    from extensions import configuration

    groups = {path.parent.relative_to(CONF).as_posix() for path in configuration.CONF.rglob("*.yaml")}
    known = set(configuration.GROUPS) | {".", "hydra/job_logging"}
    assert {
        group for group in groups if group not in known and group.split("/")[0] not in ("experiment",)
    } == set()


def test_links_to_the_repository_become_links_within_the_site():
    from extensions.repository import on_site

    text = "[a](../outputs/published/sigma_map/index.html) [b](../CHANGELOG.md) [c](../conf/) [d](sweeps.md)"
    assert on_site(text) == (
        '<a href="published/sigma_map/index.html">a</a> [b](generated/changelog.md) '
        "[c](generated/configuration.md) [d](sweeps.md)"
    )


def test_every_public_name_is_documented():
    reference = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.md"))
    for name in src.PUBLIC:
        assert inspect.getdoc(getattr(src, name)), name
        assert re.search(rf":: dms_ntm\.{name}$", reference, re.MULTILINE), name

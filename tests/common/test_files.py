"""Atomic writes through symbolic links, and UTF-8 text with file names of any bytes."""

import json
import math
import os
from pathlib import Path

import pytest

from src.common.files import utf8, utf8_path, whole, whole_folder, write_json, write_whole


@pytest.mark.parametrize("before", ["there", "dangling"])
def test_a_link_to_a_file_is_kept(tmp_path, before):
    target, link = tmp_path / "far" / "a.txt", tmp_path / "b.txt"
    target.parent.mkdir()
    if before == "there":
        target.write_bytes(b"old")
    link.symlink_to("far/a.txt")
    write_whole(link, "neü")
    assert (os.readlink(link), target.read_bytes()) == ("far/a.txt", "neü".encode())
    with pytest.raises(TypeError), whole(link) as partial:
        partial.write_bytes(3)
    assert target.read_bytes() == "neü".encode()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["b.txt", "a.txt"]


@pytest.mark.parametrize("before", ["there", "dangling"])
def test_a_link_to_a_folder_is_kept(tmp_path, before):
    target, link = tmp_path / "far" / "a", tmp_path / "b"
    if before == "there":
        target.mkdir(parents=True)
        (target / "old").touch()
    link.symlink_to(target)
    with whole_folder(link) as new:
        (new / "new").touch()
    assert (os.readlink(link), os.listdir(target), os.listdir(target.parent)) == (str(target), ["new"], ["a"])


def test_a_stop_between_the_two_renames_leaves_the_old_folder(tmp_path, monkeypatch):
    place = tmp_path / "a"
    place.mkdir()
    (place / "old").touch()
    rename = Path.rename

    def interrupted(self, to):
        if self.name == "new":
            raise KeyboardInterrupt
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), whole_folder(place) as new:
        (new / "new").touch()
    assert (os.listdir(tmp_path), os.listdir(place)) == (["a"], ["old"])


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("a … ü\n", "a … ü\n".encode()),
        ("runs/\udcc3\udca4", "runs/ä".encode()),  # the bytes of ä, as decoded under LC_ALL=C
        ("runs/\udce4", "runs/\ufffd".encode()),  # Latin-1
    ],
)
def test_text_with_any_file_name_is_encoded_as_utf8(text, content):
    assert utf8(text) == content


def test_a_folder_whose_name_is_not_utf8_has_a_utf8_path(tmp_path):
    assert utf8_path(str(tmp_path / "ä")) == str(tmp_path / "ä")
    folder = tmp_path / os.fsdecode(b"\xe4")
    folder.mkdir()
    other = utf8_path(str(folder))
    other.encode()
    assert os.path.samefile(other, folder)


class TestJSON:
    def test_numbers_that_json_lacks_become_null(self, tmp_path):
        content = {"a": math.nan, "b": {"c": [math.inf, 1.5, (-math.inf, 2)]}, "d": None, "e": True, "f": "nan"}
        write_json(tmp_path / "it.json", content)
        expected = {"a": None, "b": {"c": [None, 1.5, [None, 2]]}, "d": None, "e": True, "f": "nan"}
        assert json.loads((tmp_path / "it.json").read_text()) == expected
        assert math.isnan(content["a"])

    def test_content_that_cannot_be_written_leaves_the_old_file(self, tmp_path):
        write_json(tmp_path / "it.json", {"old": 1})
        with pytest.raises(TypeError):
            write_json(tmp_path / "it.json", {"a": 1, "new": object()})
        assert json.loads((tmp_path / "it.json").read_text()) == {"old": 1}

    @pytest.mark.parametrize("there", [True, False])
    def test_a_write_that_breaks_off_leaves_the_old_file_or_none(self, tmp_path, monkeypatch, there):
        path = tmp_path / "it.json"
        if there:
            write_json(path, {"old": 1})
        write = type(path).write_bytes

        def half(self, content):
            assert self != path, "the file itself is never open for writing"
            write(self, content[: len(content) // 2])
            raise OSError("no space left on device")

        monkeypatch.setattr(type(path), "write_bytes", half)
        with pytest.raises(OSError, match="no space"):
            write_json(path, {"new": list(range(100))})
        assert path.exists() is there
        if there:
            assert json.loads(path.read_text()) == {"old": 1}

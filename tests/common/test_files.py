"""Files and folders that take the place of others: links stay, and text is UTF-8 whatever names are in it."""

import os

import pytest

from src.common.files import utf8, utf8_path, whole, whole_folder, write_whole


@pytest.mark.parametrize("before", ["there", "dangling"])
def test_a_link_to_a_file_stays(tmp_path, before):
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
def test_a_link_to_a_folder_stays(tmp_path, before):
    target, link = tmp_path / "far" / "a", tmp_path / "b"
    if before == "there":
        target.mkdir(parents=True)
        (target / "old").touch()
    link.symlink_to(target)
    with whole_folder(link) as new:
        (new / "new").touch()
    assert (os.readlink(link), os.listdir(target), os.listdir(target.parent)) == (str(target), ["new"], ["a"])


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("a … ü\n", "a … ü\n".encode()),
        ("runs/\udcc3\udca4", "runs/ä".encode()),  # ä, as Python reads its bytes under LC_ALL=C
        ("runs/\udce4", "runs/\ufffd".encode()),  # Latin-1
    ],
)
def test_text_is_utf8_whatever_names_are_in_it(text, content):
    assert utf8(text) == content


def test_a_name_that_no_text_holds_is_reached_by_another(tmp_path):
    assert utf8_path(str(tmp_path / "ä")) == str(tmp_path / "ä")
    folder = tmp_path / os.fsdecode(b"\xe4")
    folder.mkdir()
    other = utf8_path(str(folder))
    other.encode()
    assert os.path.samefile(other, folder)

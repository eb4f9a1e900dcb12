from __future__ import annotations

import unicodedata

import pytest

from aimkit.datasets.exclude import ExcludeList, read_exclude, without_suffix
from aimkit.errors import AimkitError

ROOT = "/data/train/fg"


def selected(entries, names, root=ROOT):
    return ExcludeList(entries).select([(name, without_suffix(name)) for name in names], root)


@pytest.mark.parametrize(
    "entry",
    [
        *("a.png", "a", "sub/a.png", "sub/a", "sub\\a.png", "./sub/a.png", " a.png \r"),
        *("fg/sub/a", "train/fg/sub/a.png", "/data/train/fg/sub/a.png", "glob:a*", "glob:sub/a*", "a.jpg", "sub/a.JPG"),
    ],
)
def test_an_entry_names_the_end_of_a_path_with_or_without_suffix(entry):
    assert selected([entry], ["sub/a.png", "sub/b.png"]) == {"sub/a.png"}


@pytest.mark.parametrize("entry", ["other/a.png", "val/fg/sub/a", "ub/a", "a.p", "A", "*", "sub", "sub/", "glob:A*"])
def test_an_entry_does_not_name_what_only_looks_like_it(entry):
    assert selected([entry], ["sub/a.png"]) == set()


@pytest.mark.parametrize("name", ["img [1].png", "c#1.png", "#1.png", "what?.png", "a*b.png", "[!a].png"])
def test_special_letters_of_patterns_are_letters_of_names(tmp_path, name):
    (tmp_path / "list.txt").write_text(f"# held out\n{name}\n")
    listed = read_exclude(str(tmp_path / "list.txt"))
    assert listed.select([(n, without_suffix(n)) for n in (name, "img 1.png", "ab.png")]) == {name}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_encodings_line_ends_and_composition_change_nothing(tmp_path, encoding, ending, form):
    text = ending.join(["# seen in evaluation", "bär.png  ", "", "é"]) + ending
    (tmp_path / "list.txt").write_bytes(unicodedata.normalize(form, text).encode(encoding))
    names = [unicodedata.normalize("NFD", n) for n in ("bär.png", "é.webp", "c.png")]
    found = read_exclude(str(tmp_path / "list.txt")).select((n, without_suffix(n)) for n in names)
    assert found == set(names[:2])


@pytest.mark.parametrize("data", ["a\nbär\n".encode("latin-1"), "a\nb\n".encode("utf-16-le"), b"a\0b"])
def test_a_list_in_another_encoding_is_refused(tmp_path, data):
    (tmp_path / "list.txt").write_bytes(data)
    with pytest.raises(AimkitError, match="not UTF-8") as error:
        read_exclude(str(tmp_path / "list.txt"))
    assert "iconv" in error.value.hint
    assert "list.txt" in error.value.where


def test_two_files_that_differ_in_the_suffix_are_told_apart():
    assert selected(["a.jpg"], ["a.jpg", "a.png"]) == {"a.jpg"}
    assert selected(["a"], ["a.jpg", "a.png"]) == {"a.jpg", "a.png"}


def test_an_entry_that_matches_nothing_is_told_and_most_of_them_stop():
    listed = ExcludeList(["alpha1", "b", "c"])
    listed.select([("b.png", "b"), ("c.png", "c"), ("alpha2.png", "alpha2")])
    (warning,) = listed.check(["alpha2", "b", "c"])
    assert "1 of 3" in warning
    assert "'alpha1' (nearest: alpha2)" in warning
    for entries in (["x", "y", "b"], ["*.png"]):
        listed = ExcludeList(entries)
        listed.select([("b.png", "b")])
        with pytest.raises(AimkitError, match=f"of {len(entries)} entries") as error:
            listed.check(["b"])
        assert "allow_missing" in error.value.hint
        assert listed.check(["b"], allow=True)
    assert "glob:" in error.value.hint


def test_a_pattern_is_a_rule_and_may_match_nothing():
    listed = ExcludeList(["glob:x*"])
    listed.select([("b.png", "b")])
    assert "glob:x*" in listed.check(["b"])[0]


def test_an_entry_that_matched_in_one_of_several_folders_is_used():
    listed = ExcludeList(["a", "b"])
    for name in ("a", "b"):
        listed.select([(f"{name}.png", name)])
    assert listed.check([]) == []

"""Pulling through bad weather."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aimkit.errors import AimkitError
from aimkit.zoo import fetch, store
from aimkit.zoo.manifest import ZooEntry
from aimkit.zoo.sources import https

Make = Callable[..., ZooEntry]


@pytest.fixture
def served(server: Any, weights: bytes, make_entry: Make, home: Path) -> ZooEntry:
    server.files["/w.safetensors"] = weights
    return make_entry(weights, f"{server.url}/w.safetensors")


def test_a_pull_gives_the_bytes_and_a_second_one_asks_nobody(server: Any, served: ZooEntry, weights: bytes) -> None:
    path = fetch.pull(served)
    assert path.name == "aimnet_resnet18.test.safetensors"
    assert path.read_bytes() == weights
    asked = len(server.requests)
    assert fetch.pull(served) == fetch.path(served) == path
    assert len(server.requests) == asked == 1
    assert not list((store.folder() / ".parts").iterdir())


@pytest.mark.parametrize("fault", ["cut", "stall", "429", "500", "503"])
def test_passing_failures_are_overcome_by_trying_again(
    server: Any, served: ZooEntry, weights: bytes, fault: str
) -> None:
    server.plan = [fault, fault]
    assert fetch.pull(served).read_bytes() == weights
    assert len(server.requests) == 3
    if fault in ("cut", "stall"):
        half = len(weights) // 2
        quarter = half + (len(weights) - half) // 2
        assert [asked for _, asked in server.requests] == ["", f"bytes={half}-", f"bytes={quarter}-"]


def test_a_server_without_ranges_is_read_again_from_the_start(server: Any, served: ZooEntry, weights: bytes) -> None:
    server.ranges, server.plan = False, ["cut"]
    assert fetch.pull(served).read_bytes() == weights


def test_an_asked_for_pause_is_kept_but_bounded(server: Any, served: ZooEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(https.time, "sleep", pauses.append)
    server.plan, server.headers = ["429", "500"], {"Retry-After": "9999"}
    fetch.pull(served)
    assert pauses == [0.05, 0.05]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("404", "answered 404"),
        ("403", "answered 403"),
        ("html", "web page instead of the file"),
        ("gzip", "compresses"),
        ("corrupt", "has digest [0-9a-f]{64}, but [0-9a-f]{64} is published"),
    ],
)
def test_lasting_failures_end_at_once_and_say_why(server: Any, served: ZooEntry, fault: str, message: str) -> None:
    server.plan = [fault] * 9
    with pytest.raises(AimkitError, match=message) as caught:
        fetch.pull(served)
    assert len(server.requests) == 1
    assert caught.value.exit_code == 1
    assert store.cached(served) is None


def test_a_server_that_keeps_failing_is_given_up(server: Any, served: ZooEntry) -> None:
    server.plan = ["500"] * 99
    with pytest.raises(AimkitError, match=r"500 .*; gave up after 3 attempts"):
        fetch.pull(served)
    assert len(server.requests) == 3


def test_a_size_that_is_not_the_published_one_is_refused_before_the_download(server: Any, served: ZooEntry) -> None:
    server.files["/w.safetensors"] += b"more"
    with pytest.raises(AimkitError, match=r"has 200,\d+ bytes, 200,\d+ expected"):
        fetch.pull(served)


def test_an_endless_answer_is_cut_off(
    server: Any, make_entry: Make, weights: bytes, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/w"], server.plan = weights, ["endless"]
    monkeypatch.setattr(fetch, "MAX_BYTES", 1_000_000)
    with pytest.raises(AimkitError, match="sends more than 1,000,000 bytes"):
        fetch.pull(make_entry(None, f"{server.url}/w"), trust_first_use=True)
    assert store.part(make_entry(None), f"{server.url}/w").stat().st_size < 2_000_000


def test_redirects_are_followed_but_never_out_of_encryption(server: Any, served: ZooEntry, weights: bytes) -> None:
    server.routes["/moved"] = lambda request: request.answer(302, b"", {"Location": "/w.safetensors"})
    moved = served.model_copy(update={"sources": (f"{server.url}/moved",)})
    assert fetch.pull(moved).read_bytes() == weights
    handler = https._Redirects()
    import urllib.request

    with pytest.raises(AimkitError, match="unencrypted address"):
        handler.redirect_request(urllib.request.Request("https://host/a"), None, 302, "", {}, "http://host/a")


def test_sources_are_tried_in_order_and_each_failure_is_told(
    server: Any, served: ZooEntry, weights: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    good, gone = served.sources[0], f"{server.url}/gone"
    both = served.model_copy(update={"sources": (gone, good)})
    assert fetch.pull(both).read_bytes() == weights
    assert f"{gone}: the server answered 404" in " ".join(capsys.readouterr().err.split())
    store.remove(both)
    with pytest.raises(AimkitError, match=r"all its sources failed:\n.*gone: .*404.*\n.*missing\.pth: can't copy"):
        fetch.pull(served.model_copy(update={"sources": (gone, "file:missing.pth")}))


def test_a_changed_file_is_not_glued_to_the_start_of_the_old_one(
    server: Any, make_entry: Make, make_weights: Callable[..., bytes], home: Path
) -> None:
    """The first half of one version, and then the server has another."""
    old, new = make_weights(value=1), make_weights(value=2)
    unknown = make_entry(None, f"{server.url}/w")
    server.files["/w"], server.plan = old, ["cut", "404"]
    with pytest.raises(AimkitError, match="404"):
        fetch.pull(unknown, trust_first_use=True)
    assert store.part(unknown, unknown.sources[0]).stat().st_size == len(old) // 2
    server.files["/w"] = new
    assert fetch.pull(unknown, trust_first_use=True).read_bytes() == new


def test_a_damaged_part_is_thrown_away_and_fetched_anew(server: Any, served: ZooEntry, weights: bytes) -> None:
    part = store.part(served, served.sources[0])
    part.parent.mkdir(parents=True)
    part.write_bytes(b"\0" * 1000)
    assert fetch.pull(served).read_bytes() == weights
    assert [asked for _, asked in server.requests] == ["bytes=1000-", ""]


def test_a_part_that_is_whole_already_is_taken(server: Any, served: ZooEntry, weights: bytes) -> None:
    part = store.part(served, served.sources[0])
    part.parent.mkdir(parents=True)
    part.write_bytes(weights)
    assert fetch.pull(served).read_bytes() == weights
    assert server.requests[0][1] == f"bytes={len(weights)}-"


def test_pulls_at_once_download_once(server: Any, served: ZooEntry, weights: bytes) -> None:
    server.delay = 0.05
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: fetch.pull(served), range(4)))
    assert len(set(paths)) == 1
    assert paths[0].read_bytes() == weights
    assert len(server.requests) == 1


CHILD = """
import sys
from aimkit.zoo import fetch
from aimkit.zoo.manifest import read
from pathlib import Path
fetch.pull(read(Path(sys.argv[1]))[0])
"""


def test_a_killed_pull_goes_on_where_it_was(server: Any, served: ZooEntry, weights: bytes, home: Path) -> None:
    from aimkit.publish.add import write

    server.delay = 0.3
    write(served, home / "zoo" / "one.toml")
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(home / "zoo" / "one.toml")], start_new_session=True)
    part = store.part(served, served.sources[0])
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    kept = part.stat().st_size
    assert 0 < kept < len(weights)
    assert store.cached(served) is None
    server.delay = 0
    assert fetch.pull(served).read_bytes() == weights
    assert server.requests[-1][1] == f"bytes={kept}-"


def test_offline_uses_the_cache_and_files_but_no_network(
    server: Any, served: ZooEntry, weights: bytes, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMKIT_OFFLINE", "1")
    with pytest.raises(AimkitError, match="AIMKIT_OFFLINE is set"):
        fetch.path(served)
    assert not server.requests
    (home / "by_hand.bin").write_bytes(weights)
    path = fetch.pull(served, from_file=home / "by_hand.bin")
    assert path.read_bytes() == weights
    assert fetch.path(served) == path


def test_an_unknown_digest_needs_trust_and_is_checked_ever_after(
    server: Any, make_entry: Make, make_weights: Callable[..., bytes], home: Path
) -> None:
    first, second = make_weights(value=1), make_weights(value=2)
    server.files["/w"] = first
    unknown = make_entry(None, f"{server.url}/w")
    assert store.digest_state(unknown) == "unknown"
    with pytest.raises(AimkitError, match="--trust-first-use"):
        fetch.path(unknown)
    assert not server.requests
    path = fetch.pull(unknown, trust_first_use=True)
    assert store.digest_state(unknown) == "trusted here"
    assert store.lock_file() == home / "home" / "zoo.lock.json"
    server.files["/w"] = second
    ours, theirs = (hashlib.sha256(content).hexdigest() for content in (first, second))
    with pytest.raises(AimkitError, match=f"{theirs}, but {ours} is recorded here"):
        fetch.pull(unknown, trust_first_use=True, force=True)
    assert path.read_bytes() == first
    store.remove(unknown)
    with pytest.raises(AimkitError, match="recorded here"):
        fetch.pull(unknown, trust_first_use=True)
    store.remove(unknown, forget=True)
    assert fetch.pull(unknown, trust_first_use=True).read_bytes() == second


def test_trust_can_be_given_in_the_environment(
    server: Any, make_entry: Make, weights: bytes, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/w"] = weights
    monkeypatch.setenv("AIMKIT_TRUST_FIRST_USE", "1")
    assert fetch.path(make_entry(None, f"{server.url}/w")).read_bytes() == weights


def test_a_file_that_changed_in_the_cache_is_an_error_and_pull_mends_it(
    server: Any, served: ZooEntry, weights: bytes
) -> None:
    path = fetch.pull(served)
    path.write_bytes(weights[:-1] + b"x")
    with pytest.raises(AimkitError, match="is published"):
        fetch.path(served)
    assert fetch.pull(served).read_bytes() == weights
    assert fetch.path(served) == path


def test_a_new_digest_in_the_manifest_replaces_the_cached_file(
    server: Any, served: ZooEntry, make_entry: Make, make_weights: Callable[..., bytes]
) -> None:
    fetch.pull(served)
    new = make_weights(value=9)
    server.files["/new"] = new
    assert fetch.path(make_entry(new, f"{server.url}/new")).read_bytes() == new


def test_a_file_by_hand_passes_the_same_checks(served: ZooEntry, weights: bytes, home: Path) -> None:
    file = home / "name with #, % and spaces"
    file.write_bytes(weights[:-5] + b"wrong")
    with pytest.raises(AimkitError, match="is published"):
        fetch.pull(served, from_file=file)
    file.write_bytes(weights)
    assert fetch.pull(served, from_file=file).read_bytes() == weights
    with pytest.raises(AimkitError, match="file not found"):
        fetch.pull(served, from_file=home / "nothing")
    assert file.exists()


def test_a_damaged_lock_file_is_an_error_not_a_fresh_start(served: ZooEntry, home: Path) -> None:
    store.lock_file().parent.mkdir(parents=True, exist_ok=True)
    store.lock_file().write_text("{")
    with pytest.raises(AimkitError, match="lock file"):
        fetch.pull(served)

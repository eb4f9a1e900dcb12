"""Ray: whatever happens to workers and machines, the dataset is that of a local run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tiny_source import tiny, tree

from aimkit.errors import AimkitError
from aimkit.storage import names, place
from aimkit.synth import ray_executor
from aimkit.synth.engine import Synthesizer
from aimkit.synth.run import synthesize
from aimkit.types import Sample

HELPERS = str(Path(__file__).parents[2] / "helpers")


def test_a_missing_ray_is_told_with_the_command_that_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(AimkitError, match=r"pip install 'aimkit\[ray\]'"):
        synthesize(tiny(4), tmp_path / "d", executor="ray")


def test_an_unknown_executor_is_told(tmp_path: Path) -> None:
    with pytest.raises(AimkitError, match="unknown executor 'rya'\nhint:  did you mean 'ray'"):
        synthesize(tiny(4), tmp_path / "d", executor="rya")


class Disturbed(Synthesizer):
    """Notes which process makes a sample, and lets the first that makes sample 9 meet its fate.

    ``folder`` holds the notes; the fate is its file ``fate``: "kill", "sleep" or nothing.
    """

    folder: Path

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        import ray

        node = ray.get_runtime_context().get_node_id()
        with (self.folder / "log").open("a") as log:
            log.write(f"{index} {os.getpid()} {node}\n")
        fate = (self.folder / "fate").read_text() if (self.folder / "fate").exists() else ""
        if index == 9 and fate and not (self.folder / "met").exists():
            (self.folder / "met").write_text(node)
            if fate == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(600)
        time.sleep(0.05)
        return super().__getitem__(index)


def disturbed(recipe: Any, folder: str) -> Disturbed:
    samples = Disturbed(recipe)
    samples.folder = Path(folder)
    return samples


def log_of(folder: Path) -> list[tuple[int, int, str]]:
    rows = [line.split() for line in (folder / "log").read_text().splitlines()]
    return [(int(index), int(pid), node) for index, pid, node in rows]


@pytest.fixture(scope="module")
def importable() -> Iterator[None]:
    """Workers import the helpers and this module by their names."""
    with pytest.MonkeyPatch.context() as patch:
        here = str(Path(__file__).parent)
        patch.setenv("PYTHONPATH", os.pathsep.join([HELPERS, here, os.environ.get("PYTHONPATH", "")]))
        yield


@pytest.fixture
def cluster(importable: None) -> Iterator[Any]:
    """A cluster of two machines with a core each; the test runs on the first."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    made.second = made.add_node(num_cpus=1, object_store_memory=80 << 20)
    made.wait_for_nodes()
    ray.init(made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a local run writes."""
    out = tmp_path_factory.mktemp("whole") / "d"
    synthesize(tiny(24), out)
    return tree(out)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


def run(out: Path, notes: Path, **more: Any) -> None:
    synthesize(tiny(24), out, workers=0, executor="ray", synthesizer=partial(disturbed, folder=str(notes)), **more)


@pytest.mark.slow
def test_a_cluster_writes_the_bytes_of_a_local_run(
    cluster: Any, tmp_path: Path, notes: Path, whole: dict[str, bytes]
) -> None:
    run(tmp_path / "d", notes)
    assert tree(tmp_path / "d") == whole
    assert len({node for _, _, node in log_of(notes)}) == 2, "the work was not spread"
    made = [index for index, _, _ in log_of(notes)]
    assert sorted(made) == list(range(24)), "something was made twice, or in vain"


@pytest.mark.slow
def test_a_killed_worker_does_not_show(cluster: Any, tmp_path: Path, notes: Path, whole: dict[str, bytes]) -> None:
    (notes / "fate").write_text("kill")
    run(tmp_path / "d", notes)
    assert (notes / "met").exists()
    assert len({pid for index, pid, _ in log_of(notes) if index == 9}) == 2
    assert tree(tmp_path / "d") == whole


@pytest.mark.slow
def test_a_machine_that_disappears_does_not_show(
    cluster: Any, tmp_path: Path, notes: Path, whole: dict[str, bytes]
) -> None:
    second = cluster.second.node_id

    def remove() -> None:
        while not (notes / "log").exists() or second not in {node for _, _, node in log_of(notes)}:
            time.sleep(0.02)
        cluster.remove_node(cluster.second, allow_graceful=False)

    thread = threading.Thread(target=remove)
    thread.start()
    run(tmp_path / "d", notes)
    thread.join()
    made = [index for index, _, _ in log_of(notes)]
    assert len(made) > len(set(made)), "no shard was lost: the machine went too late"
    assert tree(tmp_path / "d") == whole


@pytest.mark.slow
def test_a_slow_machine_does_not_keep_the_others_waiting(
    cluster: Any, tmp_path: Path, notes: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_executor, "SLOW", 1.0)
    (notes / "fate").write_text("sleep")
    began = time.monotonic()
    run(tmp_path / "d", notes)
    assert time.monotonic() - began < 120, "the sleeper was waited for"
    assert (notes / "met").exists()
    assert tree(tmp_path / "d") == whole


@pytest.mark.slow
def test_an_error_in_a_shard_is_told_whole_and_not_repeated(cluster: Any, tmp_path: Path) -> None:
    recipe = tiny(4, foreground={"broken": list(range(9))})
    with pytest.raises(AimkitError, match="in a row can't be read") as caught:
        synthesize(recipe, tmp_path / "d", workers=0, executor="ray")
    assert caught.value.exit_code == 1
    assert not list((tmp_path / "d" / ".tmp").glob("0*"))


@pytest.mark.slow
def test_parts_limits_and_relative_paths_hold_on_ray(
    cluster: Any, tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for i in (1, 0):
        synthesize(tiny(24), Path("d"), part=(i, 2), workers=1, executor="ray")
    assert tree(tmp_path / "d") == whole


@pytest.mark.slow
def test_a_run_that_is_interrupted_ends_cleanly_and_is_continued(
    importable: None, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    pytest.importorskip("ray")
    file, out = tmp_path / "run.py", tmp_path / "d"
    file.write_text(
        "from pathlib import Path\nfrom tiny_source import tiny\nfrom aimkit.synth.run import synthesize\n"
        f"synthesize(tiny(24), Path({str(out)!r}), workers=2, executor='ray', resume=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(file)],
        env=os.environ | {"TINY_SECONDS": "0.4"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list(out.glob("shards/*.json")):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline, "no shard was finished"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert errors.count("Traceback") == 1, errors
    assert 0 < len(list(out.glob("shards/*.json"))) < 6
    assert not list((out / ".tmp").glob("0*")), "unfinished shards were left"
    synthesize(tiny(24), out, resume=True)
    assert tree(out) == whole


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray")
    from aimkit.cli import run as command

    words = ["synth", "demo", "-n", "2", "-o", str(tmp_path / "d"), "--executor", "ray", "--address", "127.0.0.1:1"]
    assert command(words) == 1
    assert "error: the Ray cluster can't be reached" in capsys.readouterr().err
    assert command([*words[:-4], "--address", "127.0.0.1:1"]) == 2
    assert "add --executor ray" in capsys.readouterr().err


@pytest.mark.slow
def test_a_cluster_fills_a_bucket(s3: str, cluster: Any, tmp_path: Path, whole: dict[str, bytes]) -> None:
    """The machines were started after the store, and know its address from their environment."""
    out = place(f"{s3}/ray")
    synthesize(tiny(24), out, workers=0, executor="ray")
    assert {name: (out / name).read_bytes() for name in names(out)} == whole


@pytest.mark.slow
def test_the_command_writes_through_a_cluster(cluster: Any, tmp_path: Path) -> None:
    from aimkit.cli import run as command

    small = ["placement.height=32", "placement.width=32", "output.shard_size=2", "-n", "4"]
    assert command(["synth", "demo", *small, "-o", str(tmp_path / "a"), "--executor", "ray"]) == 0
    assert command(["synth", "demo", *small, "-o", str(tmp_path / "b"), "--workers", "0"]) == 0
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_memory_is_refused_on_a_cluster() -> None:
    with pytest.raises(AimkitError, match="one process only"):
        synthesize(tiny(4), place("memory://x/ray"), workers=0, executor="ray")

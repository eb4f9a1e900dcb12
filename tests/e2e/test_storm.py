"""Kills, interrupts, full disks: whatever a command was writing, typing it again gives what an undisturbed run gives.

Every command runs in a fork of one process (``fault_server.py``) and is killed, interrupted or starved at what it
changes below its output folder. Of events of one kind, such as the samples of a shard, one is tried, and of those a
few that lie evenly over the run: the whole file takes at most ten minutes of CPU time. ``AIMKIT_STORM=5`` tries five
times as many.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from faults import Ended, Faults, can_mount, faults, tree, unfinished

from aimkit.imageio import write_png
from aimkit.models.registry import create_model
from aimkit.models.weights.declared import Declared
from aimkit.publish.convert import describe, save

pytestmark = pytest.mark.slow

#: How many times as many events are tried as usual.
THOROUGH = int(os.environ.get("AIMKIT_STORM", "1"))

BACKBONE, OPTIONS = "mobilenetv3_small_050", {"width": 8}
SMALL = '["placement.height=64", "placement.width=64", "labels.kernel=5"]'
TRAINING = [
    *("steps=2", "batch=2", "checkpoint_every=1", "log_every=1", "keep=1"),
    *("data.workers=0", f"data.train.overrides={SMALL}"),
    'data.transform={transform = "crop", size = 64, crops = [64]}',
    *("validation.count=2", "validation.every=1", "validation.size=64", "validation.gallery=1"),
    f"validation.data.overrides={SMALL[:-1]}, 'seed=9']",
    *(f"model.backbone={BACKBONE}", "model.options.width=8"),
]


@dataclass(frozen=True)
class Case:
    """A command and how to continue it.

    Attributes:
        words: The command; ``OUT`` stands for its output folder, ``IN`` for the folder of inputs.
        again: What is added to continue it.
        before: A command that has to run first, undisturbed.
        most: Number of kills that are tried at most; a quarter as many events are interrupted, once and twice.
    """

    words: Sequence[str]
    again: Sequence[str] = ()
    before: Sequence[str] = ()
    most: int = 8


SYNTH = ["synth", "quick", "-o", "OUT", "count=4", "output.shard_size=2", "--workers", "1"]
POOL = ["pool", "build", "IN/cut", "-o", "OUT", "--size", "16", "--workers", "1"]
CASES = {
    "synth-folder": Case([*SYNTH, "output.format=folder"], ["--resume"]),
    "synth-parquet": Case([*SYNTH, "output.format=parquet"], ["--resume"]),
    "synth-webdataset": Case([*SYNTH, "output.format=webdataset"], ["--resume"]),
    "train": Case(["train", "demo", "-o", "OUT", "--auto-resume", *TRAINING], most=5),
    "predict": Case(["predict", "IN/bg", "-o", "OUT", "--weights", "IN/w.safetensors"], ["--resume"]),
    "evaluate": Case(["evaluate", "--predictions", "IN/set/mask", "--root", "IN/set", "--data", "folder", "-o", "OUT"]),
    "pool": Case(POOL),
    "append": Case(["pool", "build", "IN/bg", "-o", "OUT", "--append", "--size", "16", "--workers", "1"], before=POOL),
    "finetune": Case(
        ["train", "demo", "-o", "OUT", "--auto-resume", "model.init=IN/w.safetensors", *TRAINING, "steps=1", "ema=0.5"],
        most=2,
    ),
    "sweep": Case(["sweep", "demo", "-o", "OUT", *TRAINING, "steps=1", "--vary", "optim.lr=1e-3,1e-4"], most=2),
    "convert": Case(["zoo", "convert", "IN/w.safetensors", "OUT/w.safetensors", "--half"]),
    "add": Case(["zoo", "add", "IN/w.safetensors", "--id", f"aimnet_{BACKBONE}.storm", "--to", "OUT"], ["--force"]),
    "merge": Case(["dataset", "merge", "IN/part0", "IN/part1", "-o", "OUT"]),
    "preview": Case(["preview", "quick", "-o", "OUT/sheet.png", "-n", "1"]),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cut-outs, photos, mattes, and the weights of a small network."""
    folder = tmp_path_factory.mktemp("inputs")
    y, x = np.mgrid[:60, :80]
    draw = np.random.default_rng(0)
    for n in range(3):
        alpha = (np.clip((22 + n - np.hypot(y - 30, x - 40)) / 6, 0, 1) * 255).astype(np.uint8)
        pixels = draw.integers(0, 255, (60, 80, 3), np.uint8)
        write_png(folder / f"cut/{n}.png", np.dstack([pixels, alpha]))
        write_png(folder / f"set/mask/{n}.png", alpha)
        for name in ("bg", "set/original"):
            write_png(folder / name / f"{n}.png", pixels)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = create_model("aimnet", backbone=BACKBONE, **OPTIONS).state_dict()
    save(state, folder / "w.safetensors", describe(Declared("aimnet", BACKBONE, OPTIONS)))
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, inputs: Path) -> Iterator[Faults]:
    with faults(tmp_path_factory.mktemp("server"), mounts=can_mount()) as running:
        for number in (0, 1):
            part = ["--shards", f"{number}/2", *SYNTH]
            assert running.ask(
                warm=[word.replace("OUT", str(inputs / f"part{number}")) for word in part[2:] + part[:2]]
            )
        yield running


def filled(words: Sequence[str], inputs: Path, out: Path) -> list[str]:
    return [word.replace("IN", str(inputs)).replace("OUT", str(out)) for word in words]


@dataclass
class Trial:
    """A command with its undisturbed result."""

    server: Faults
    inputs: Path
    case: Case
    expected: dict[str, str]
    events: list[tuple[str, str]]

    def prepared(self, out: Path) -> Path:
        if self.case.before:
            assert self.server.run(filled(self.case.before, self.inputs, out)).code == 0
        return out

    def first(self, out: Path, **request: object) -> Ended:
        return self.server.run(filled(self.case.words, self.inputs, out), folder=str(out), **request)

    def again(self, out: Path) -> str:
        """Continue, and say what differs from the undisturbed result."""
        words = [*self.case.words, *self.case.again]
        ended = self.server.run(filled(words, self.inputs, out))
        if (ended.code, ended.left) != (0, []):
            return f"exit code {ended.code}, left {ended.left}: {ended.err}"
        found = tree(self.server.seen(out))
        names = [name for name in {**found, **self.expected} if found.get(name) != self.expected.get(name)]
        return f"other or unfinished files: {names}" if names else ""


@pytest.fixture(scope="module", params=CASES)
def trial(
    request: pytest.FixtureRequest, server: Faults, inputs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trial:
    case = CASES[request.param]
    whole = (tmp_path := tmp_path_factory.mktemp("trial")) / "whole"
    found = Trial(server, inputs, case, {}, [])
    found.prepared(whole)
    shutil.copytree(whole, tmp_path / "warm") if case.before else None
    assert server.ask(warm=filled(case.words, inputs, tmp_path / "warm"))["code"] == 0
    ended = found.first(whole)
    assert ended.code == 0, ended.err
    assert unfinished(whole) == []
    found.expected, found.events = tree(whole), ended.events
    return found


def chosen(events: Sequence[tuple[str, str]]) -> list[int]:
    """One event of each kind, and of renames the first and the last; numbers from 1."""
    kinds: dict[tuple[str, ...], list[int]] = {}
    for number, (event, path) in enumerate(events, 1):
        folder, _, name = path.rpartition("/")
        # Planes of samples are alike, and so are the digits of names.
        kind = (event, folder.split("/")[0][:4], re.sub(r"[\d-].*", "", name.lstrip("."))[:4], name.rpartition(".")[2])
        kinds.setdefault(kind if event != "os.mkdir" else (event,), []).append(number)
    ends = [(numbers[0], numbers[-1]) for kind, numbers in kinds.items() if kind[0] == "os.rename"]
    return sorted({number for pair in ends for number in pair} | {one[len(one) // 2] for one in kinds.values()})


def thinned(numbers: Sequence[int], most: int, offset: float = 0.5) -> list[int]:
    """At most so many of them, evenly; ``offset`` is where in its stretch each is taken."""
    count = min(most * THOROUGH, len(numbers))
    return [numbers[int((n + offset) * len(numbers) / count)] for n in range(count)]


def test_a_kill_at_any_file_event_is_forgotten(trial: Trial, tmp_path: Path) -> None:
    problems = {}
    for at in thinned(chosen(trial.events), trial.case.most):
        out = trial.prepared(tmp_path / f"out{at}")
        assert trial.first(out, kill=at).code == 137
        problems[at, *trial.events[at - 1]] = trial.again(out)
        print(at, trial.events[at - 1], problems[at, *trial.events[at - 1]] or "as before", flush=True)
        shutil.rmtree(out)
    assert {event: problem for event, problem in problems.items() if problem} == {}


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_at_any_file_event_ends_at_once_and_is_continued(trial: Trial, times: int, tmp_path: Path) -> None:
    problems = {}
    # Training finishes its step and writes it, which is no failure.
    codes = (0, 130) if trial.case.words[0] in ("train", "sweep") else (130,)
    for at in thinned(chosen(trial.events), max(1, trial.case.most // 4), times / 3):
        out = trial.prepared(tmp_path / f"out{at}")
        # The second comes while the first is being dealt with.
        ended = trial.first(out, interrupts=list(range(at, at + times)))
        problem = "" if ended.seconds < 10 and not ended.left else f"{ended.seconds:.0f} s, left {ended.left}"
        if "Traceback" in ended.err or ended.code not in codes:
            problem = f"exit code {ended.code}: {ended.err}"
        if times == 1 and unfinished(out):
            problem = f"left {unfinished(out)}"
        problems[at, *trial.events[at - 1]] = problem or trial.again(out)
        print(at, trial.events[at - 1], problems[at, *trial.events[at - 1]] or "as before", flush=True)
        shutil.rmtree(out)
    assert {event: problem for event, problem in problems.items() if problem} == {}


class Disk:
    """A small disk of the server's own."""

    def __init__(self, server: Faults, place: Path) -> None:
        if not can_mount():
            pytest.skip("mounting needs rights that this user lacks")
        place.mkdir()
        self.server, self.place, self.out = server, place, place / "out"

    def mount(self) -> None:
        self.call("mount", "-t", "tmpfs", "-o", "size=256m", "small", str(self.place))

    def change(self, *options: str) -> None:
        self.call("mount", "-o", ",".join(["remount", *options]), str(self.place))

    def call(self, *words: str) -> None:
        answer = self.server.ask(shell=words)
        assert answer["code"] == 0, answer["err"]

    def used(self) -> dict[str, int]:
        """What a disk holds, in the units of its limits."""
        found = os.statvfs(self.server.seen(self.place))
        return {"size": (found.f_blocks - found.f_bfree) * found.f_frsize, "nr_inodes": found.f_files - found.f_ffree}


@pytest.fixture
def disk(server: Faults, tmp_path: Path) -> Disk:
    return Disk(server, tmp_path / "disk")


def told(ended: Ended, words: str) -> str:
    """What is wrong with an error that should be a single one of these words."""
    lines = ended.err.splitlines()
    # A sweep tells the error of each run, and how many failed.
    errors = list(dict.fromkeys(line for line in lines if line.startswith("error:") and "runs failed" not in line))
    good = ended.code == 1 and len(errors) == 1 and words in errors[0] and "Traceback" not in ended.err
    return "" if good and not ended.left else f"exit code {ended.code}, left {ended.left}: {ended.err}"


@pytest.mark.parametrize("limit", ["size", "nr_inodes"])
def test_a_full_disk_is_one_error_and_leaves_what_is_whole(trial: Trial, disk: Disk, limit: str) -> None:
    disk.mount()
    before = disk.used()[limit]
    trial.prepared(disk.out)
    assert trial.first(disk.out).code == 0
    need = disk.used()[limit] - before
    disk.call("umount", str(disk.place))
    problems, hits = {}, 0
    for share in (0, 0.5):
        disk.mount()
        trial.prepared(disk.out)
        room = disk.used()[limit] + int(share * need)
        disk.change(f"{limit}={max(room, 1)}")
        ended = trial.first(disk.out)
        if ended.code:
            hits += 1
            problem = told(ended, "disk full")
            if left := unfinished(disk.server.seen(disk.place)):
                problem += f"; left {left}"
            disk.change("size=256m", "nr_inodes=10000")
            problems[share] = problem or trial.again(disk.out)
            print(limit, share, problems[share] or "as before", flush=True)
        disk.call("umount", str(disk.place))
    assert {share: problem for share, problem in problems.items() if problem} == {}
    assert hits


def test_a_disk_that_becomes_read_only_is_one_error(trial: Trial, disk: Disk) -> None:
    disk.mount()
    trial.prepared(disk.out)
    trial.first(disk.out, kill=chosen(trial.events)[len(chosen(trial.events)) // 2])
    disk.change("ro")
    ended = trial.server.run(filled([*trial.case.words, *trial.case.again], trial.inputs, disk.out))
    assert told(ended, "Read-only file system") == ""
    disk.change("rw")
    assert trial.again(disk.out) == ""
    disk.call("umount", str(disk.place))


WORKERS = {
    "synth": ([*SYNTH, "count=12", "--workers", "2"], ["--resume"], "shards/00001.json"),
    "pool": (
        ["pool", "build", "quick", "--drawn", "8", "--size", "16", "-o", "OUT", "--workers", "2"],
        [],
        "pixels-*.bin",
    ),
    "train": (["train", "demo", "-o", "OUT", "--auto-resume", *TRAINING, "data.workers=2", "steps=6"], [], "page.html"),
    "evaluate": (
        ["evaluate", "--weights", "IN/w.safetensors", "--root", "IN/set", "--data", "folder", "-o", "OUT"],
        [],
        "images.jsonl",
    ),
}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("name", WORKERS)
def test_ctrl_c_ends_workers_too(name: str, times: int, server: Faults, inputs: Path, tmp_path: Path) -> None:
    words, more, when = WORKERS[name]
    assert server.run(filled(words, inputs, tmp_path / "whole")).code == 0
    out = tmp_path / "out"
    ended = server.run(filled(words, inputs, out), when=str(out / when), times=times)
    assert (ended.left, "Traceback" in ended.err) == ([], False), ended.err
    # The second may come while the process ends already; shells report 130 for the signal itself too.
    assert ended.code in (0, 130, -signal.SIGINT)
    again = server.run(filled([*words, *more], inputs, out))
    assert (again.code, again.left) == (0, []), again.err
    assert tree(out) == tree(tmp_path / "whole")

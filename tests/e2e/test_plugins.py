"""Plugins: an installed package adds its entries without an import line, and a broken one does not stop the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/plugin"

SCRIPT = """
import hashlib
from aimkit.generators import generators
from aimkit.models.registry import models
from aimkit.recipe import load_recipe
from aimkit.synth.engine import Synthesizer

print("models", *models.list())
if "confetti" in generators.list():
    overrides = ['foregrounds.0.generators=["confetti"]', "balance={}", 'steps=[{step="sepia", p=1}]']
    sample = Synthesizer(load_recipe("quick", overrides))[0]
    print("sample", sample.category, "sepia" in str(sample.meta["operations"]))
demo = Synthesizer(load_recipe("demo", ["placement.height=48", "placement.width=48", "labels.kernel=3"]))[3]
print("demo", hashlib.sha256(demo.image.tobytes()).hexdigest())
"""


def installed(site: Path, name: str, points: str) -> None:
    """What pip leaves in site-packages: the record of a distribution with its entry points."""
    folder = site / f"{name.replace('-', '_')}-0.1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    (folder / "entry_points.txt").write_text(points)


def points_of_the_example() -> str:
    import tomllib

    groups = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]
    return "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in groups.items()
    )


def run(*paths: Path) -> dict[str, str]:
    code = "import sys\nsys.path[:0] = " + repr([str(path) for path in paths]) + SCRIPT
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    return lines | {"told": done.stderr}


def test_a_plugin_adds_its_entries_and_a_broken_one_is_named_once(tmp_path: Path) -> None:
    plain = run()
    installed(tmp_path / "site", "aimkit-confetti", points_of_the_example())
    broken = "[aimkit.models]\nlost = nowhere_to_be_found\n[aimkit.generators]\nbad = aimkit_confetti.missing\n"
    installed(tmp_path / "site", "aimkit-broken", broken)
    found = run(tmp_path / "site", EXAMPLE / "src")
    assert found["sample"] == "confetti True"
    assert found["told"].count("plugin 'lost' of aimkit-broken can't be imported and is left out") == 1
    assert found["told"].count("plugin 'bad' of aimkit-broken can't be imported and is left out") == 1
    assert found["models"] == plain["models"]
    # A recipe of "all generators" draws the same with and without plugins.
    assert found["demo"] == plain["demo"]
    assert "plugin" not in plain["told"]

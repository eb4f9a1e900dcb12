import json

from aimkit.cli import run


def test_bench_generators_prints_json_with_the_machine(capsys):
    assert run(["bench", "generators", "gem", "--size", "64", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["rows"][0]["name"] == "gem"
    assert {"numpy", "opencv", "cpu", "cores"} <= set(report["machine"])


def test_bench_variety_prints_a_row_a_generator(capsys):
    assert run(["bench", "generators", "gem", "--variety", "--count", "3"]) == 0
    assert "gem" in capsys.readouterr().out


def test_bench_of_no_generator_is_an_error_with_a_hint(capsys):
    assert run(["bench", "generators", "gemm"]) == 2
    assert "'gem'" in capsys.readouterr().err


def test_bench_models_sets_networks_on_one_backbone_side_by_side(capsys):
    size = ["--backbone", "test_resnet", "--size", "32", "--repeats", "1"]
    assert run(["bench", "models", *size, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["models"]
    assert {"aimnet", "gfm", "p3mnet"} <= {row["name"] for row in rows}
    assert {row["backbone"] for row in rows} == {"test_resnet"}
    assert all(row[key] > 0 for row in rows for key in ("params", "macs", "forward", "train"))
    assert run(["bench", "models", "gfn", *size]) == 2
    assert "did you mean 'gfm'" in capsys.readouterr().err

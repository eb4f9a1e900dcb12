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

"""`octavo zoo table` at the command line: formats, files, and what it refuses."""

import csv
import io
import json
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/command"), str(ROOT / "tests/zoo")]
import rows  # noqa: E402
from program import BINARY, run  # noqa: E402


@pytest.fixture
def folder(tmp_path):
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    if run("zoo", "--help").returncode != 0:
        pytest.skip("this octavo is built without the zoo")
    return rows.write(tmp_path / "octavo-zoo", rows.row("ResNet18", 0), rows.row("GoogLeNet", 1, False))


def table(*arguments, **options):
    return run("zoo", "table", *arguments, **options)


def test_every_format_tells_the_same_figures(folder):
    told = json.loads(table(folder, "--json").stdout)
    assert told == json.loads(table(folder, "--format", "json").stdout)
    assert told["schema_version"] == 1
    by_csv = list(csv.DictReader(io.StringIO(table(folder, "--format", "csv").stdout)))
    assert [row["model"] for row in by_csv] == [row["model"] for row in told["rows"]] == ["GoogLeNet", "ResNet18"]
    markdown, page = table(folder).stdout, table(folder, "--format", "html").stdout
    for number, row in enumerate(told["rows"]):
        for key, value in row.items():
            if isinstance(value, float):
                assert float(by_csv[number][key]) == value
        for key in ("ms_one_thread", "float_ms_one_thread", "plan_mb"):
            assert f" {row[key]:.2f} " in markdown and f">{row[key]:.2f}<" in page
    assert told["rows"][0]["quantized_top1"] is None
    assert told["rows"][0]["reasons"] == {"accuracy": "made-up weights claim no accuracy"}
    assert "accuracy: made-up weights claim no accuracy" in by_csv[0]["reasons"]
    low, high = told["rows"][1]["drop_ci95"]
    assert [float(by_csv[1][f"drop_ci95_{end}"]) for end in ("low", "high")] == [low, high]


def test_the_folder_of_zoo_build_is_read_unless_another_is_named(folder):
    assert table(cwd=folder.parent).stdout == table(folder).stdout


@pytest.mark.parametrize("name, begin", [("t.md", "# The zoo"), ("t.csv", "model,"), ("t.json", "{"),
                                         ("t.html", "<!doctype html>")])
def test_the_files_end_says_the_format(folder, tmp_path, name, begin):
    done = table(folder, "-o", tmp_path / name)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (tmp_path / name).read_text().startswith(begin)


def test_a_file_is_not_replaced_unasked(folder, tmp_path):
    out = tmp_path / "t.md"
    out.write_text("mine")
    assert table(folder, "-o", out).returncode != 0
    assert out.read_text() == "mine"
    assert table(folder, "-o", out, "--overwrite").returncode == 0
    assert out.read_text() != "mine"


def bad(folder, text):
    (folder / "bad.json").write_bytes(text)
    return [folder]


@pytest.mark.parametrize("arguments, code, message", [
    (lambda f: [f / "missing"], 3, "missing"),
    (lambda f: [f.parent], 3, "no rows in folder"),
    (lambda f: bad(f, b"\xff\x00"), 3, "bad.json"),
    (lambda f: bad(f, b"[" * 100_000), 3, "bad.json"),
    (lambda f: bad(f, b"{}"), 3, "bad.json"),
    (lambda f: bad(f, b" " * (2 << 20)), 3, "bad.json"),
    (lambda f: [f, "--format", "htlm"], 2, "did you mean html?"),
    (lambda f: [f, "-o", f.parent / "t.xyz"], 2, ".html"),
    (lambda f: [f, "--json", "--format", "csv"], 2, "--json"),
    (lambda f: [f, "-o", f.parent / "nowhere" / "t.md"], 1, "nowhere"),
])
def test_what_cannot_be_done_is_one_line(folder, arguments, code, message):
    done = table(*arguments(folder))
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr

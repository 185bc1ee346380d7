"""`octavo zoo list` and `octavo zoo info` say what zoo/models.toml says."""

import json
import pathlib
import sys
import tomllib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/command")]
from program import BINARY, run  # noqa: E402

TABLE = tomllib.loads((ROOT / "zoo/models.toml").read_text())


@pytest.fixture(autouse=True)
def zoo():
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    if run("zoo", "--help").returncode != 0:
        pytest.skip("this octavo is built without the zoo")


def names(*flags):
    return [model["name"] for model in json.loads(run("zoo", "list", "--json", *flags).stdout)["models"]]


def test_the_list_is_the_table_in_its_order():
    assert names() == list(TABLE)
    lines = run("zoo", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(TABLE)


@pytest.mark.parametrize("flags,passes", [
    (["--family", "repvgg"], lambda row: row["family"] == "RepVGG"),
    (["--family", "RepViT,MobileOne"], lambda row: row["family"] in ("RepViT", "MobileOne")),
    (["--licence", "mit"], lambda row: row.get("licence") == "mit"),
    (["--max-parameters", "5"], lambda row: row.get("parameters_m", 1e9) <= 5),
    (["--family", "ConvNeXt", "--max-parameters", "5"],
     lambda row: row["family"] == "ConvNeXt" and row.get("parameters_m", 1e9) <= 5),
])
def test_a_filter_leaves_what_passes_it(flags, passes):
    expected = [name for name, row in TABLE.items() if passes(row)]
    assert expected and names(*flags) == expected


def test_info_tells_all_that_the_table_says():
    for name, row in TABLE.items():
        told = json.loads(run("zoo", "info", name, "--json").stdout)["models"][0]
        assert told["name"] == name
        assert told["recipe"] == {key: row[key] for key in ("size", "crop", "interpolation", "mean", "std")}
        for key in ("family", "architecture", "library", "model", "tag", "licence", "published_source",
                    "doubts"):
            assert told[key] == row.get(key, ""), (name, key)
        for key in ("parameters_m", "published_top1", "reference"):
            assert told[key] == row.get(key), (name, key)
        text = run("zoo", "info", name).stdout
        assert name in text and row.get("doubts", "") in text


@pytest.mark.parametrize("arguments,says", [
    (["list", "--family", "RepVG"], "did you mean repvgg?"),
    (["list", "--licence", "mitt"], "did you mean mit?"),
    (["list", "--famly", "x"], "did you mean --family?"),
    (["lst"], "did you mean list?"),
    (["info", "MobileOneS0"], "did you mean MobileOne_S0?"),
    (["info"], "NAME"),
    ([], "octavo zoo --help"),
])
def test_what_is_not_known_is_one_line_with_the_nearest_name(arguments, says):
    done = run("zoo", *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert says in done.stderr and done.stderr.count("\n") == 1

"""build --passes and --disable: what the quantizer did, and without some of it."""

import json

import pytest

from program import make_network, make_pictures, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("passes")
    make_network(str(out / "model.onnx"))
    make_pictures(out / "pictures", 40, 21)
    return out


def build(folder, *flags):
    return run("build", folder / "model.onnx", "--dry-run", "--calib", folder / "pictures", *flags)


def test_the_passes_that_ran_are_counted_and_timed(folder):
    done = build(folder, "--passes", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)["passes"]}
    assert list(rows)[:4] == ["steps", "calibration", "scales", "headroom"]
    assert all(row["runs"] >= 1 and row["ms"] >= 0 for row in rows.values())
    assert rows["weights"]["changed"] == 16 * 27 + 16 * 9 + 8 * 16 + 16 * 8 + 16 * 16 + 4 * 16
    assert rows["plan"]["changed"] == rows["steps"]["changed"]
    assert "weights moved" in build(folder, "--passes").stdout
    assert "weights moved" not in build(folder).stdout


def test_a_rewrite_and_a_pass_are_left_out_by_one_flag(folder):
    done = build(folder, "--passes", "--json", "--disable", "compensation,gather")
    assert done.returncode == 0, done.stderr
    assert "compensation" not in [row["name"] for row in json.loads(done.stdout)["passes"]]


@pytest.mark.parametrize("name, told", [
    ("weights", "the pass 'weights' cannot be left out: plan needs it"),
    ("report", "--no-auto-int16 goes with it"),
    ("compensatoin", "no rewrite is called 'compensatoin'"),
])
def test_what_cannot_be_left_out_is_a_usage_error(folder, name, told):
    done = build(folder, "--disable", name)
    assert done.returncode == 2 and told in done.stderr
    assert done.stdout == ""

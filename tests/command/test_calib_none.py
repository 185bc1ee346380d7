"""build --calib none: made pictures in place of photographs."""

import json

import pytest

from program import make_network, make_pictures, run


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder = tmp_path_factory.mktemp("none")
    make_network(str(folder / "model.onnx"))
    make_pictures(folder / "evaluation", 64, 31)
    return folder


def build(network, out, *flags):
    return run("build", network / "model.onnx", "-o", out, "--calib", "none", "--json", *flags)


def test_the_plan_is_the_same_bytes_by_threads_and_by_cache(network, tmp_path):
    plans = []
    for flags in (["--threads", 1], ["--threads", 2], ["--calib-cache", tmp_path / "a.cal"],
                  ["--calib-cache", tmp_path / "a.cal"]):
        out = tmp_path / f"{len(plans)}.octavo"
        done = build(network, out, *flags)
        assert done.returncode == 0, done.stderr
        plans.append(out.read_bytes())
    assert json.loads(done.stdout)["calibration_kept"]
    assert plans[0] == plans[1] == plans[2] == plans[3]


def test_the_plan_says_that_no_picture_was_used(network, tmp_path):
    done = build(network, tmp_path / "a.octavo")
    summary = json.loads(done.stdout)
    assert summary["pictures"] == 0 and summary["made_pictures"] == 64
    inspected = run("inspect", tmp_path / "a.octavo")
    assert "no pictures" in inspected.stdout
    origin = json.loads(run("inspect", tmp_path / "a.octavo", "--json").stdout)["provenance"]
    assert origin["calibration_pictures"] == 0
    assert json.loads(origin["options"])["calibration"] == "none"


def test_on_photographs_it_is_near_the_float_network(network, tmp_path):
    """By eval, on pictures that have nothing of the made ones; a fold that went wrong answers at random."""
    build(network, tmp_path / "a.octavo")
    report = run("eval", network / "model.onnx", tmp_path / "a.octavo", "--data", network / "evaluation", "--json")
    assert json.loads(report.stdout)["paired"][0]["agree"] >= 80


@pytest.mark.parametrize("flags, told", [
    (["--min-agreement", 97], "--eval-data"),
    (["--max-drop", 1], "--eval-data"),
])
def test_made_pictures_do_not_judge(network, tmp_path, flags, told):
    done = build(network, tmp_path / "a.octavo", *flags)
    assert done.returncode == 2 and told in done.stderr
    assert not (tmp_path / "a.octavo").exists()


def test_a_bound_that_photographs_judge_is_searched(network, tmp_path):
    done = build(network, tmp_path / "a.octavo", "--max-drop", 100, "--eval-data", network / "evaluation")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["search"]["pictures"] == 64


def test_a_network_that_is_fed_tensors_is_refused(tmp_path):
    import numpy
    from onnx import TensorProto, helper, numpy_helper, save
    w = numpy_helper.from_array(numpy.eye(4, 16, dtype=numpy.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"], "fc", transB=1)], "tensors",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])], [w])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    done = run("build", tmp_path / "m.onnx", "-o", tmp_path / "a.octavo", "--calib", "none")
    assert done.returncode == 3 and "is fed tensors" in done.stderr, done.stderr

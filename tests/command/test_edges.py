"""What a hurried user types: numbers out of range, files that are in the way, odd data sets."""

import csv
import json
import shutil

import numpy
import pytest

from program import CLASSES, SEED, colour, run
from test_program import answer, fails, picture


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("flag, value", [
    ("--limit", "-1"), ("--limit", "99999999999999999999"), ("--limit", "3x"),
    ("--class-offset", "99999999999"), ("--threads", "0"), ("--crop-pct", "nan"), ("--resize", "-5")])
def test_a_number_out_of_range_is_a_usage_error_that_says_the_range(small, flag, value):
    fails(2, "eval", small.model, "--data", small.evaluation, flag, value, says=[flag, value, "needed"])


@pytest.mark.parametrize("flag, value", [
    ("--samples", "-3"), ("--seed", "-1"), ("--percentile", "nan"), ("--percentile", "101")])
def test_a_number_out_of_range_ends_a_build_before_it_begins(small, flag, value):
    fails(2, "build", small.model, "--dry-run", "--calib", small.calibration, flag, value,
          says=[flag, value, "needed"])


@pytest.mark.parametrize("flag, near", [("--range", "video"), ("--matrix", "bt709")])
def test_a_word_that_is_not_known_names_the_nearest(small, flag, near):
    fails(2, "classify", small.plan, picture(small), flag, near[:-1], says=[f"did you mean {near}?"])


def test_logits_are_not_written_over_another_file(small, tmp_path):
    there = tmp_path / "there.npy"
    there.write_bytes(b"mine")
    fails(2, "classify", small.plan, picture(small), "--logits", there, says=["exists", "--overwrite"])
    assert there.read_bytes() == b"mine"
    assert run("classify", small.plan, picture(small), "--logits", there, "--overwrite").returncode == 0
    assert numpy.load(there).shape == (1, CLASSES)


def test_what_cannot_be_written_is_said_before_the_work(small, tmp_path):
    there = tmp_path / "there"
    there.write_bytes(b"mine")
    for out, code in [(there, 2), (tmp_path / "none" / "x", 1), (tmp_path, 1), (tmp_path / ("x" * 300), 1)]:
        for command in (["build", small.model, "--calib", small.calibration, "-o", out],
                        ["eval", small.model, "--data", small.evaluation, "--csv", out]):
            done = run(*command)
            assert done.returncode == code and str(out)[:50] in done.stderr
            assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert there.read_bytes() == b"mine"
    assert files_of(tmp_path) == ["there"]


def test_build_does_not_replace_the_model_by_the_plan(small, tmp_path):
    model = tmp_path / "model.onnx"
    shutil.copy(small.model, model)
    before = model.read_bytes()
    fails(2, "build", model, "-o", f"{tmp_path}/./model.onnx", "--overwrite", "--calib", small.calibration,
          says=["is a file that this command reads"])
    assert model.read_bytes() == before


def test_a_gate_that_compares_needs_two_models_and_says_so_at_once(small):
    done = run("eval", small.plan, "--data", small.evaluation, "--gate", "drop<=1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "two models" in done.stderr and len(done.stderr.splitlines()) == 1


def top5_of(path, columns):
    with open(path, newline="") as file:
        return [row[columns] for row in csv.reader(file)][1:]


def test_frames_through_nv12_are_so_for_every_model_that_is_compared(small, tmp_path):
    # The camera's format loses colour: logits of the plan change with it, alone as in company.
    for extra in ([], ["--via", "nv12"]):
        name = tmp_path / f"{len(extra)}.npy"
        assert run("classify", small.plan, picture(small), "--logits", name, *extra).returncode == 0
    assert not numpy.array_equal(numpy.load(tmp_path / "0.npy"), numpy.load(tmp_path / "2.npy"))
    pair, alone = tmp_path / "pair.csv", tmp_path / "alone.csv"
    both = answer("eval", small.model, small.plan, "--data", small.evaluation, "--via", "nv12", "--csv", pair)
    one = answer("eval", small.plan, "--data", small.evaluation, "--via", "nv12", "--csv", alone)
    assert both["models"][1]["top1"] == one["models"][0]["top1"]
    assert top5_of(pair, slice(2 + CLASSES + 1, None)) == top5_of(alone, slice(2, None))


def test_what_only_a_float_model_takes_is_refused_where_all_are_plans(small):
    for flag, value in (("--preset", "timm"), ("--mean", "1,2,3"), ("--disable", "x")):
        for command in (["classify", small.plan, picture(small)],
                        ["eval", small.plan, "--data", small.evaluation],
                        ["eval", small.plan, small.plan, "--data", small.evaluation],
                        ["bench", small.plan, "--frames", 1, "--warmup", 0]):
            fails(2, *command, flag, value, says=["model.octavo"])
    for command in (["eval", small.model, small.plan, "--data", small.evaluation, "--limit", 2],
                    ["bench", small.model, small.plan, "--frames", 1, "--warmup", 0]):
        assert run(*command, "--preset", "timm").returncode == 0


def test_bench_says_which_settings_a_float_model_leaves_out(small):
    done = run("bench", small.model, "--threads", "1,2", "--frames", 3, "--warmup", 0)
    assert done.returncode == 0 and "one thread" in done.stderr
    runs = answer("bench", small.plan, "--threads", 2, "--streams", "1,2", "--frames", 3, "--warmup", 0)["runs"]
    assert [(r["threads"], r["streams"]) for r in runs] == [(2, 1), (1, 1), (1, 2)]


def test_text_files_of_windows_editors_are_read(small, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_bytes("\ufeffred\r\ngreen\r\nblue\r\nyellow\r\n".encode())
    found = answer("classify", small.plan, picture(small), "--labels", labels)
    assert sorted(t["label"] for t in found["results"][0]["top"]) == ["blue", "green", "red", "yellow"]
    listed = tmp_path / "a list.txt"
    listed.write_bytes(f"\ufeff{picture(small)} 0\r\n\r\n".encode())
    assert answer("eval", small.plan, "--data", listed)["n"] == 1


def test_a_tensor_among_pictures_is_named_not_dropped(small, tmp_path):
    folder = tmp_path / "mixed"
    shutil.copytree(small.calibration, folder)
    (folder / "list.txt").unlink()
    numpy.save(folder / "zebra.npy", numpy.zeros((1, 3, 32, 32), numpy.float32))
    done = run("build", small.model, "--dry-run", "--calib", folder)
    assert done.returncode == 3
    assert "zebra.npy" in done.stderr and "1 of 49 pictures" in done.stderr
    assert "48 pictures" in done.stdout


def test_pictures_that_repeat_and_evaluation_pictures_that_cannot_be_read_are_said(small, tmp_path):
    folder = tmp_path / "same"
    folder.mkdir()
    for index in range(4):
        shutil.copy(picture(small), folder / f"{index}{picture(small).suffix}")
    listed = tmp_path / "list.txt"
    listed.write_text(f"{picture(small)} 0\nmissing.jpg 1\n")
    done = run("build", small.model, "--dry-run", "--calib", folder, "--eval-data", listed)
    assert done.returncode == 3
    assert "3 of 4 calibration pictures repeat" in done.stderr and "missing.jpg" in done.stderr
    assert "on 1 pictures" in done.stdout


def test_tensors_that_are_not_finite_are_rejected(small, tmp_path):
    values = numpy.zeros((1, 3, 32, 32), numpy.float32)
    for bad in (numpy.nan, numpy.inf):
        values[0, 1, 2, 3] = bad
        numpy.save(tmp_path / "bad.npy", values)
        for model in (small.model, small.plan):
            fails(3, "classify", model, tmp_path / "bad.npy", says=["bad.npy", str(bad), "finite"])


def test_files_of_the_wrong_kind_are_said_to_be_so(small, tmp_path):
    fails(2, "check", small.plan, says=["is a plan", "octavo inspect"])
    archive = shutil.make_archive(str(tmp_path / "set"), "gztar", small.evaluation)
    fails(3, "eval", small.plan, "--data", archive, says=["uncompressed .tar"])


def make_color_network(path):
    """Sure of pictures in which the first channel exceeds the last, of no others."""
    from onnx import TensorProto, helper, numpy_helper, save
    weights = numpy.zeros((4, 3, 1, 1), numpy.float32)
    weights[0] = numpy.array([8, 0, -8], numpy.float32).reshape(3, 1, 1)
    weights[1:] = numpy.random.default_rng(SEED).normal(0, 0.05, (3, 3, 1, 1))
    nodes = [helper.make_node("Conv", ["input", "w"], ["c"], "conv"),
             helper.make_node("Relu", ["c"], ["r"], "relu"),
             helper.make_node("GlobalAveragePool", ["r"], ["p"], "pool"),
             helper.make_node("Flatten", ["p"], ["f"], "flatten"),
             helper.make_node("Gemm", ["f", "g"], ["logits"], "head")]
    graph = helper.make_graph(
        nodes, "color", [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(numpy.eye(4, dtype=numpy.float32), "g")])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def test_build_warns_where_the_other_colour_order_is_clearly_better(small, tmp_path):
    from PIL import Image
    model, folder = tmp_path / "color.onnx", tmp_path / "red"
    make_color_network(model)
    folder.mkdir()
    random = numpy.random.default_rng(SEED)
    for index in range(8):
        pixels = random.normal(colour(0), 30, (40, 40, 3)).clip(0, 255).astype(numpy.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    for color, warned in (("rgb", False), ("bgr", True)):
        done = run("build", model, "--dry-run", "--calib", folder, "--color", color)
        assert done.returncode == 0, done.stderr
        assert ("surer of pictures in RGB order" in done.stderr) == warned, done.stderr


def make_network_with_a_power(path):
    """A convolution, a function of it to the power of itself, and a head."""
    from onnx import TensorProto, helper, numpy_helper, save
    random = numpy.random.default_rng(SEED)
    constants = {name: random.normal(0, 0.2, shape).astype(numpy.float32)
                 for name, shape in (("w", (8, 3, 3, 3)), ("g", (4, 8)))}
    node = helper.make_node
    nodes = [node("Conv", ["input", "w"], ["c"], "conv"),
             node("Sigmoid", ["c"], ["s"], "sigmoid"),
             node("Pow", ["s", "s"], ["d"], "power"),
             node("GlobalAveragePool", ["d"], ["p"], "pool"),
             node("Flatten", ["p"], ["f"], "flatten"),
             node("Gemm", ["f", "g"], ["logits"], "head", transB=1)]
    graph = helper.make_graph(
        nodes, "power", [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(v, k) for k, v in constants.items()])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def test_check_says_of_each_node_why_it_cannot_be_int8(tmp_path):
    make_network_with_a_power(tmp_path / "power.onnx")
    found = answer("check", tmp_path / "power.onnx", code=3)
    assert not found["buildable"]
    rows = {node["name"]: node for node in found["nodes"]}
    assert rows["power"]["why"].startswith("there is no integer") and rows["power"]["precision"] == ""
    assert (rows["conv"]["precision"], rows["conv"]["why"]) == ("int8", "")
    fails(3, "check", tmp_path / "power.onnx", says=["1 node", "'power'", "there is no integer"])


def test_names_that_hold_control_bytes_cannot_steer_a_terminal(small, tmp_path):
    import onnx
    model = onnx.load(small.model)
    for node in model.graph.node:
        node.name = f"\x1b[31m{node.name}\n"
    onnx.save(model, tmp_path / "names.onnx")
    for command in (["check", tmp_path / "names.onnx"], ["inspect", tmp_path / "names.onnx"]):
        done = run(*command)
        assert done.returncode == 0
        assert "\x1b" not in done.stdout and "\\x1b[31m" in done.stdout
    labels = tmp_path / "labels.txt"
    labels.write_text("a\x1b[31m\nb\nc\nd\n")
    assert "\x1b" not in run("classify", small.plan, picture(small), "--labels", labels).stdout


def test_what_is_no_picture_is_said_with_what_to_do(small):
    folder = small.evaluation if small.evaluation.is_dir() else small.evaluation.parent
    fails(3, "classify", small.plan, folder, says=[f"{folder}' is a folder", "octavo eval --data"])
    fails(3, "classify", small.plan, "-", says=["'-'", "octavo stream -"])


@pytest.mark.parametrize("command", [["classify"], ["inspect"], ["check"], ["bench"]])
def test_a_picture_or_a_folder_where_the_network_belongs_is_named(small, command):
    rest = [small.plan] if command == ["classify"] else []
    fails(3, *command, picture(small), *rest, says=["is a picture", "a network comes first"])
    fails(3, *command, small.evaluation.parent, *rest, says=["is a folder, not a file"])


@pytest.mark.parametrize("names, code, says", [(None, 1, "cannot open"), ("only one\n", 3, "has 1 names")])
def test_labels_that_do_not_fit_end_a_build_before_it_begins(small, tmp_path, names, code, says):
    labels = tmp_path / "labels.txt"
    if names:
        labels.write_text(names)
    fails(code, "build", small.model, "--calib", small.calibration, "-o", tmp_path / "m.octavo", "--labels", labels,
          says=[says])

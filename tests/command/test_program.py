"""What a user types and what comes back: outputs, JSON keys, exit codes, files."""

import json
import os
import signal
import subprocess
import time

import numpy
import pytest

from program import BINARY, CLASSES, run


def answer(*arguments, code=0):
    done = run(*arguments, "--json")
    assert done.returncode == code, done.stderr
    parsed = json.loads(done.stdout)
    assert parsed["schema_version"] == 1
    return parsed


def fails(code, *arguments, says=()):
    done = run(*arguments)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    errors = [line for line in done.stderr.splitlines() if line.startswith("octavo: ")]
    assert len(errors) == 1, done.stderr
    for text in says:
        assert text in errors[0]
    return errors[0]


def picture(small, index=0):
    name = (small.evaluation / "list.txt").read_text().splitlines()[index].split()[0]
    return small.evaluation / name


# ---- what works

def test_build_prints_summary_and_writes_the_plan(small):
    assert small.plan.exists()
    for text in ["calibration", "float", "int8", "sha256", "most to blame", "48 pictures of 4 classes"]:
        assert text in small.summary


def test_build_twice_with_other_thread_counts_gives_the_same_bytes(small):
    for threads in (1, 2):
        again = small.folder / f"again{threads}.octavo"
        assert run("build", small.model, "-o", again, "--calib", small.calibration, "--labels",
                   small.labels, "--threads", threads).returncode == 0
        assert again.read_bytes() == small.plan.read_bytes()


def test_classify_answers_with_labels_scores_that_sum_to_one(small):
    parsed = answer("classify", small.plan, picture(small), picture(small, 1), "--top", CLASSES)
    assert [r["input"] for r in parsed["results"]] == [str(picture(small)), str(picture(small, 1))]
    for result in parsed["results"]:
        assert sorted(t["label"] for t in result["top"]) == ["blue", "green", "red", "yellow"]
        scores = [t["score"] for t in result["top"]]
        assert scores == sorted(scores, reverse=True) and abs(sum(scores) - 1) < 1e-5


def test_classify_text_is_the_documented_form(small):
    lines = run("classify", small.plan, picture(small), "--top", 2).stdout.splitlines()
    assert lines[0] == str(picture(small))
    assert lines[1].startswith("[0] ") and lines[2].startswith("[1] ") and len(lines) == 3


def test_logits_of_float_model_equal_onnxruntime(small, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    values = numpy.random.default_rng(3).normal(0, 1, (1, 3, 32, 32)).astype(numpy.float32)
    numpy.save(tmp_path / "x.npy", values)
    assert run("classify", small.model, tmp_path / "x.npy", "--logits", tmp_path / "y.npy").returncode == 0
    expected = onnxruntime.InferenceSession(str(small.model)).run(None, {"input": values})[0]
    assert numpy.abs(numpy.load(tmp_path / "y.npy") - expected).max() < 1e-4 * numpy.abs(expected).max()


def test_every_isa_and_thread_count_gives_the_same_logits(small, tmp_path):
    isas = answer("doctor")["isas"]
    assert "reference" in isas
    seen = set()
    for isa in isas:
        for threads in (1, 2, 5):
            out = tmp_path / f"{isa}{threads}.npy"
            assert run("classify", small.plan, picture(small), picture(small, 3), "--isa", isa,
                       "--threads", threads, "--logits", out).returncode == 0
            seen.add(out.read_bytes())
    assert len(seen) == 1


def test_eval_pairs_models_and_writes_a_row_a_picture(small, tmp_path):
    table = tmp_path / "rows.csv"
    parsed = answer("eval", small.model, small.plan, "--data", small.evaluation, "--csv", table)
    assert parsed["n"] == 40 and len(parsed["models"]) == 2 and len(parsed["paired"]) == 1
    pair = parsed["paired"][0]
    assert set(pair) >= {"drop", "drop_ci95", "right_to_wrong", "wrong_to_right", "p_mcnemar", "verdict"}
    lost = pair["right_to_wrong"] - pair["wrong_to_right"]
    assert pair["drop"] == pytest.approx(100 * lost / 40)
    assert parsed["models"][0]["top1"] - parsed["models"][1]["top1"] == pytest.approx(pair["drop"])
    rows = table.read_text().splitlines()
    assert rows[0].startswith("path,class,") and len(rows) == 41
    right = sum(row.split(",")[1] == row.split(",")[2] for row in rows[1:])
    assert 100 * right / 40 == pytest.approx(parsed["models"][0]["top1"])


def test_gate_that_is_missed_exits_with_4(small):
    assert run("eval", small.plan, "--data", small.evaluation, "--gate", "top1<=100").returncode == 0
    fails(4, "eval", small.plan, "--data", small.evaluation, "--gate", "top5<=-1", "-q", says=["gate missed"])


def test_inspect_counts_macs_as_worked_out_by_hand(small):
    # stem 16x16x16x27, depthwise 16x16x16x9, two 16x8 gates, project 16x16x16x16, head 16x4
    macs = 256 * 16 * 27 + 256 * 16 * 9 + 2 * 16 * 8 + 256 * 16 * 16 + 16 * 4
    for model in (small.model, small.plan):
        parsed = answer("inspect", model)
        assert parsed["macs"] == macs
        assert sum(step["macs"] for step in parsed["steps"]) == macs
    assert {"name", "op", "precision", "output", "macs"} <= set(parsed["steps"][0])


def test_check_has_a_row_a_node(small):
    parsed = answer("check", small.model)
    assert parsed["buildable"] and [n["op_type"] for n in parsed["nodes"]][:2] == ["Conv", "Relu"]
    assert len(parsed["nodes"]) == 15


def test_check_names_the_precision_that_the_plan_has(small, tmp_path):
    plan = tmp_path / "plan.octavo"
    assert run("build", small.model, "-o", plan, "--calib", small.calibration,
               "--no-auto-int16").returncode == 0
    built = {step["name"]: step["precision"] for step in answer("inspect", plan)["steps"]}
    checked = {node["step"]: node["precision"] for node in answer("check", small.model)["nodes"]}
    assert {"int16", "uint8"} < set(checked.values()), "the network has both"
    assert checked == {step: built[step] for step in checked}


def test_int16_node_is_wide_in_the_plan(small, tmp_path):
    plan = tmp_path / "wide.octavo"
    assert run("build", small.model, "-o", plan, "--calib", small.calibration, "--int16", "residual").returncode == 0
    steps = {s["name"]: s["precision"] for s in answer("inspect", plan)["steps"]}
    assert steps["residual"] == "int16"


def test_bench_has_the_keys_that_scripts_rely_on(small):
    parsed = answer("bench", small.plan, "--frames", 20, "--warmup", 0, "--threads", "1,2", "--streams", "2", "--layers")
    assert [(r["threads"], r["streams"]) for r in parsed["runs"]] == [(1, 1), (2, 1), (1, 2)]
    for key in ("mean", "p50", "p90", "p95", "p99", "min", "max", "std"):
        assert parsed["runs"][0]["ms"][key] >= 0
    assert parsed["load_ms"] > 0 and parsed["arena_bytes"] > 0 and parsed["weight_bytes"] > 0


def test_compare_names_every_step(small):
    parsed = answer("compare", small.model, small.plan, "--data", small.evaluation)
    assert parsed["n"] == 40 and parsed["logit_cosine"] > 0.98
    assert len(parsed["layers"]) == len(answer("inspect", small.plan)["steps"])
    for layer in parsed["layers"]:
        worst = layer.get("worst_channel")
        if worst is None:
            assert layer is parsed["layers"][-1], "only logits are stored in float"
            continue
        assert 0 < worst["error_share"] <= 1 and worst["range"][0] <= 0 < worst["range"][1]
        assert len(worst["histogram"]) == 40 and 0 <= worst["beyond"] < 0.1
        assert 0 <= layer["flips"] <= 100 and layer["logit_sqnr_db"] > 10
    assert "flips" not in answer("compare", small.model, small.plan, "--data", small.evaluation, "--no-flips")["layers"][0]


@pytest.mark.parametrize("shape", [(1, 8, 16, 16), (1, 8, 1, 16)], ids=["whole", "broadcast"])
def test_compare_names_constants_that_are_stored(small, tmp_path, shape):
    """As embeddings of positions are."""
    from onnx import TensorProto, helper, numpy_helper, save
    random = numpy.random.default_rng(5)
    values = {"w": (8, 3, 3, 3), "positions": shape, "v": (8, 8, 1, 1), "head": (8, 4)}
    values = {name: numpy_helper.from_array(random.normal(0, 0.3, s).astype(numpy.float32), name) for name, s in values.items()}
    nodes = [("Conv", ["input", "w"], "conv", {"strides": [2, 2], "pads": [1] * 4}), ("Relu", ["conv"], "relu", {}),
             ("Add", ["relu", "positions"], "placed", {}), ("Conv", ["placed", "v"], "mixed", {}),
             ("GlobalAveragePool", ["mixed"], "pool", {}), ("Flatten", ["pool"], "flat", {}), ("MatMul", ["flat", "head"], "logits", {})]
    graph = helper.make_graph([helper.make_node(op, inputs, [name], name, **more) for op, inputs, name, more in nodes], "positions",
                              [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 32, 32])],
                              [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4])], list(values.values()))
    model, plan = tmp_path / "m.onnx", tmp_path / "p.octavo"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)
    flags = ["--mean", "127.5,127.5,127.5", "--std", "60,60,60"]
    assert run("build", model, "-o", plan, "--calib", small.calibration, "--no-auto-int16", *flags).returncode == 0
    layers = {layer["name"]: layer for layer in answer("compare", model, plan, "--data", small.evaluation, "--limit", 4, *flags)["layers"]}
    assert list(layers) == [s["name"] for s in answer("inspect", plan)["steps"]]
    assert layers["positions"]["op"] == "constant" and 30 < layers["positions"]["sqnr_db"] < 80


def test_what_compare_advises_is_what_build_gives(small, tmp_path):
    calibration = ["--calib", small.calibration, "--calib-cache", tmp_path / "kept"]
    plan = tmp_path / "bytes.octavo"
    assert run("build", small.model, "-o", plan, *calibration, "--no-auto-int16").returncode == 0
    advice = answer("compare", small.model, plan, "--data", small.evaluation, "--no-flips", *calibration)["advice"]
    tried, best = advice["tried"], advice["tried"][advice["best"]]
    assert advice["pictures"] == 40 and len(tried) > 1 and tried[0]["tensors"] == 0
    assert best["agreement"] == max(t["agreement"] for t in tried)
    widest = tmp_path / "widest.octavo"
    names = ["--int16", ",".join(tried[-1]["int16"]), "--no-auto-int16"]
    assert run("build", small.model, "-o", widest, *calibration, *names).returncode == 0
    for built, trial in ((plan, tried[0]), (widest, tried[-1])):
        pair = answer("eval", small.model, built, "--data", small.evaluation)["paired"][0]
        assert pair["agree"] == pytest.approx(trial["agreement"])
    text = run("compare", small.model, plan, "--data", small.evaluation, "--no-flips", *calibration).stdout
    assert "tried on 40 pictures" in text and text.splitlines()[-1]


def test_advice_needs_the_pictures_and_says_where_they_are_others(small, tmp_path):
    data = ["--data", small.evaluation, "--no-flips"]
    fails(2, "compare", small.model, small.plan, *data, "--calib-cache", tmp_path / "kept", says=["--calib"])
    fails(1, "compare", small.model, small.plan, *data, "--calib", tmp_path / "none-here", says=["none-here"])
    done = run("compare", small.model, small.plan, *data, "--calib", small.calibration, "--samples", 20)
    assert done.returncode == 0 and "calibrated on other pictures" in done.stderr


def test_selftest_passes_on_every_path_of_this_machine(small):
    assert answer("selftest", "--all-isa")["passed"]
    assert answer("selftest", small.plan, "--all-isa")["passed"]


def test_a_frame_is_classified_as_the_same_pixels_in_a_file(small, tmp_path):
    from PIL import Image
    pixels = numpy.random.default_rng(5).integers(0, 256, (48, 64, 3), numpy.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (tmp_path / "a.rgb24").write_bytes(pixels.tobytes())
    a = answer("classify", small.plan, tmp_path / "a.png")["results"][0]["top"]
    b = answer("classify", small.plan, f"{tmp_path}/a.rgb24:64x48")["results"][0]["top"]
    assert a == b


# ---- what does not

def test_unknown_flag_command_and_value_name_the_nearest(small):
    fails(2, "classify", small.plan, picture(small), "--tpo", "3", says=["--tpo", "--top"])
    fails(2, "clasify", small.plan, says=["classify"])
    fails(2, "build", small.model, "-o", "x.octavo", "--calib", small.calibration, "--method", "percentil",
          says=["percentile"])
    fails(2, "build", small.model, "-o", "x.octavo", "--calib", small.calibration, "--int16", "residul",
          says=["residual"])
    fails(2, "build", small.model, "-o", "x.octavo", "--calib", small.calibration, "--preset", "torchvison",
          says=["torchvision"])


def test_underscores_are_accepted_in_long_flags(small):
    assert run("bench", small.plan, "--frames", "3", "--no_json").returncode == 0


def test_nothing_is_overwritten_without_being_asked(small):
    before = small.plan.read_bytes()
    fails(2, "build", small.model, "-o", small.plan, "--calib", small.calibration, says=["--overwrite"])
    assert small.plan.read_bytes() == before


@pytest.mark.parametrize("cut", [0, 1, 63, 64, 200, 0.5, 0.999])
def test_a_truncated_plan_or_model_is_rejected(small, tmp_path, cut):
    for whole in (small.plan, small.model):
        data = whole.read_bytes()
        part = tmp_path / whole.name
        part.write_bytes(data[:int(cut * len(data)) if isinstance(cut, float) else cut])
        fails(3, "classify", part, picture(small), says=[whole.name])


def test_unreadable_pictures_are_named_and_the_rest_is_answered(small, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(picture(small).read_bytes()[:100])
    done = run("classify", small.plan, bad, picture(small, 1), "--json")
    assert done.returncode == 3
    results = json.loads(done.stdout)["results"]
    assert "error" in results[0] and "top" not in results[0] and "top" in results[1]
    assert "bad.jpg" in done.stderr


def test_a_folder_without_pictures_and_a_label_outside_the_classes_are_rejected(small, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    fails(3, "build", small.model, "-o", tmp_path / "x.octavo", "--calib", empty, says=["empty"])
    listing = small.evaluation / "wrong.txt"
    listing.write_text("000.jpg 4\n")
    fails(3, "eval", small.plan, "--data", listing, "-q", says=["wrong.txt", "4"])
    listing.unlink()


def test_a_full_disk_leaves_no_file(small, tmp_path):
    out = tmp_path / "full.octavo"
    limit = f"ulimit -f 1; trap '' XFSZ; exec {BINARY} build {small.model} -o {out} --calib {small.calibration} -q"
    done = subprocess.run(["bash", "-c", limit], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_during_build_exits_130_and_leaves_no_file(small, tmp_path):
    process = subprocess.Popen([BINARY, "build", small.model, "-o", tmp_path / "x.octavo", "--calib",
                                small.calibration], stderr=subprocess.PIPE, text=True)
    process.stderr.readline()  # the first sign of work
    time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) in (130, 0)  # 0: it was done before the signal came
    if process.returncode == 130:
        assert list(tmp_path.iterdir()) == []
    process.stderr.close()


def test_an_isa_that_this_machine_lacks_exits_5_and_names_those_that_work(small):
    lacking = [isa for isa in ("neon", "avx2") if isa not in answer("doctor")["isas"]]
    assert lacking
    fails(5, "classify", small.plan, picture(small), "--isa", lacking[0], says=["reference"])
    fails(2, "classify", small.plan, picture(small), "--isa", "avx52", says=["avx2"])


def test_output_to_a_closed_pipe_is_an_error_not_a_crash(small):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([BINARY, "inspect", small.plan], stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert done.returncode == 1


def test_version_and_help():
    assert run("--version").stdout.startswith("octavo ")
    assert json.loads(run("--version", "--json").stdout)["schema_version"] == 1
    for command in ("check", "build", "inspect", "classify", "eval", "bench", "compare", "doctor", "selftest"):
        done = run(command, "--help")
        assert done.returncode == 0 and "--json" in done.stdout

"""build --min-agreement and the other bounds; eval's verdict."""

import json
import math
import re
import signal
import subprocess

import pytest

from program import BINARY, make_network, make_pictures, residual_network, run


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bounds")
    make_network(str(folder / "model.onnx"))
    make_pictures(folder / "calibration", 80, 11)
    make_pictures(folder / "evaluation", 64, 12)
    return folder


def build(network, out, *flags):
    return run("build", network / "model.onnx", "-o", out, "--calib", network / "calibration", *flags)


def searched(done):
    assert done.returncode in (0, 4), done.stderr
    return json.loads(done.stdout)["search"]


def test_a_bound_that_bytes_keep_is_met_at_once(network, tmp_path):
    done = build(network, tmp_path / "a.octavo", "--min-agreement", 50, "--json")
    assert done.returncode == 0, done.stderr
    search = searched(done)
    assert search["met"] and len(search["frontier"]) == 1 and search["pictures"] == 80
    assert search["frontier"][0]["int16"] == 0 and search["frontier"][0]["drop"] is None


def test_evaluation_pictures_judge_where_they_are_given(network, tmp_path):
    done = build(network, tmp_path / "a.octavo", "--max-drop", 100, "--eval-data", network / "evaluation", "--json")
    search = searched(done)
    assert search["met"] and search["pictures"] == 64
    report = run("eval", network / "model.onnx", tmp_path / "a.octavo", "--data", network / "evaluation", "--json")
    pair = json.loads(report.stdout)["paired"][0]
    chosen = search["frontier"][search["chosen"]]
    assert math.isclose(chosen["drop"], pair["drop"], abs_tol=1e-9)
    assert math.isclose(chosen["agreement"], pair["agree"], abs_tol=1e-9)


def test_what_cannot_be_kept_exits_4_and_writes_the_nearest(network, tmp_path):
    plan = tmp_path / "a.octavo"
    done = build(network, plan, "--max-time", "0.000001", "--min-agreement", 1, "--json")
    assert done.returncode == 4
    assert done.stderr.strip().splitlines()[-1].startswith("octavo: an agreement of at least 1.00 % and at most")
    assert "bytes alone are too slow" in done.stderr
    assert not searched(done)["met"]
    assert run("inspect", plan).returncode == 0


def test_time_alone_takes_all_16_bits_that_fit(network, tmp_path):
    plan = tmp_path / "a.octavo"
    search = searched(build(network, plan, "--max-slowdown", 1000, "--json"))
    frontier = search["frontier"]
    assert search["met"] and search["chosen"] == len(frontier) - 1 and frontier[-1]["int16"] > 0
    assert [p["int16"] for p in frontier] == sorted(p["int16"] for p in frontier)
    stored = json.loads(json.loads(run("inspect", plan, "--json").stdout)["provenance"]["options"])["search"]
    assert stored["max_slowdown"] == 1000 and len(stored["frontier"]) == len(frontier)
    assert "ms" not in stored["frontier"][0]


def test_the_same_bound_gives_the_same_bytes_at_any_thread_count(network, tmp_path):
    plans = []
    for threads in (1, 3):
        plan = tmp_path / f"{threads}.octavo"
        done = build(network, plan, "--min-agreement", 100, "--threads", threads)
        assert done.returncode in (0, 4), done.stderr
        plans.append(plan.read_bytes())
    assert plans[0] == plans[1]


@pytest.mark.parametrize("flags, code, told", [
    (["--max-drop", "1"], 2, "--eval-data"),
    (["--min-agreement", "97", "--all-int16"], 2, "--all-int16"),
    (["--min-agreement", "97", "--no-auto-int16"], 2, "--no-auto-int16"),
    (["--min-agreement", "101"], 2, "--min-agreement"),
    (["--max-slowdown", "0.5"], 2, "--max-slowdown"),
    (["--min-agreement", "97", "--samples", "20"], 3, "50 pictures"),
])
def test_bounds_that_say_nothing_are_refused(network, tmp_path, flags, code, told):
    done = build(network, tmp_path / "a.octavo", *flags)
    assert done.returncode == code, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("octavo: ")]
    assert len(errors) == 1 and told in errors[0]
    assert not (tmp_path / "a.octavo").exists()


# Of a network that no plan agrees with on all pictures: several are judged.
SEARCH = ["--min-agreement", "100", "--mean", "127.5,127.5,127.5", "--std", "60,60,60"]
JUDGED = re.compile(r"judging the plan (\d+)/\1$", re.MULTILINE)


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hard")
    residual_network(folder / "model.onnx")
    make_pictures(folder / "calibration", 128, 4711)
    return folder


def interrupted_search(network, plan):
    """A search that is stopped once two plans were judged."""
    process = subprocess.Popen([BINARY, "build", network / "model.onnx", "-o", plan, "--calib", network / "calibration", *SEARCH],
                               stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    judged = ""
    for line in process.stderr:
        judged += line
        if len(JUDGED.findall(judged)) == 2 and "judging" not in line:  # the third is being folded
            process.send_signal(signal.SIGINT)
            break
    message = process.stderr.read()
    return process.wait(timeout=60), message


def test_an_interrupted_search_is_resumed(hard, tmp_path):
    plan, kept = tmp_path / "a.octavo", tmp_path / "a.octavo.search"
    code, message = interrupted_search(hard, plan)
    assert code == 130 and "--resume" in message and not plan.exists() and kept.exists()
    half = kept.read_bytes()
    done = build(hard, plan, *SEARCH, "--resume", "--json")
    frontier = searched(done)["frontier"]
    assert len(frontier) > 2
    assert len(JUDGED.findall(done.stderr)) == len(frontier) - 2, "two are known"
    assert plan.exists() and not kept.exists(), "it has come to its end"
    # What is known is as good as what is judged anew.
    whole = build(hard, tmp_path / "b.octavo", *SEARCH, "--json")
    kept_figures = [(p["int16"], p["agreement"]) for p in frontier]
    assert kept_figures == [(p["int16"], p["agreement"]) for p in searched(whole)["frontier"]]
    assert plan.read_bytes() == (tmp_path / "b.octavo").read_bytes()

    for damaged, told in ((half[:40], "damaged or cut short"), (half + b"x", "damaged or cut short")):
        kept.write_bytes(damaged)
        done = build(hard, plan, *SEARCH, "--resume", "--overwrite")
        assert done.returncode == 3 and told in done.stderr, done.stderr
    kept.write_bytes(half)
    done = build(hard, plan, *SEARCH, "--resume", "--overwrite", "--method", "max")
    assert done.returncode == 3 and "another set of options" in done.stderr
    done = build(hard, plan, *SEARCH, "--max-slowdown", 1000, "--resume", "--overwrite")
    assert done.returncode == 3 and "another kind of bounds" in done.stderr
    assert kept.read_bytes() == half


def test_a_file_with_the_name_of_a_search_is_left_as_it_is(network, tmp_path):
    (tmp_path / "a.octavo.search").write_text("mine")
    done = build(network, tmp_path / "a.octavo", *SEARCH)
    assert done.returncode == 3 and "left as it is" in done.stderr and not (tmp_path / "a.octavo").exists()
    assert (tmp_path / "a.octavo.search").read_text() == "mine"


@pytest.mark.parametrize("flags, told", [
    (["--resume"], "give the bounds"),
    (["--resume", "--min-agreement", "97"], "there is no"),
])
def test_nothing_to_resume_is_a_sentence(network, tmp_path, flags, told):
    done = build(network, tmp_path / "a.octavo", *flags)
    assert done.returncode == 2 and told in done.stderr.strip().splitlines()[-1]


def test_pictures_that_calibrate_cannot_judge(network, tmp_path):
    done = build(network, tmp_path / "a.octavo", "--max-drop", "1", "--eval-data", network / "calibration")
    assert done.returncode == 3 and "evaluation set too" in done.stderr


def test_eval_gives_a_verdict_at_the_margin_that_is_asked(network, tmp_path):
    plan = tmp_path / "a.octavo"
    assert build(network, plan).returncode == 0
    data = network / "evaluation"

    def pair(*flags):
        done = run("eval", network / "model.onnx", plan, "--data", data, "--json", *flags)
        return json.loads(done.stdout)["paired"][0]

    wide, narrow = pair("--margin", 90), pair("--margin", 0.01)
    assert wide["verdict"] == "equivalent" and wide["p_equivalence"] < 0.05 and wide["more_pictures"] == 0
    assert narrow["verdict"] != "equivalent" and narrow["p_equivalence"] > wide["p_equivalence"]
    assert 0 <= wide["divergence"]["ci95"][0] <= wide["divergence"]["mean"] <= wide["divergence"]["ci95"][1]
    low, high = wide["agree_ci95"]
    assert low <= wide["agree"] <= high and wide["harmed_classes"] == []
    gate = run("eval", network / "model.onnx", plan, "--data", data, "--margin", 90, "--gate", "p_equivalence<=0.05")
    assert gate.returncode == 0, gate.stderr
    if narrow["verdict"] == "undecided":
        text = run("eval", network / "model.onnx", plan, "--data", data, "--margin", 0.01).stdout
        assert f"about {narrow['more_pictures']} more pictures decide" in text


def test_the_divergence_is_that_of_the_scores(network, tmp_path):
    """Against the same from the logits of both, by NumPy."""
    import numpy
    plan = tmp_path / "a.octavo"
    assert build(network, plan).returncode == 0
    pictures = sorted((network / "evaluation").glob("*.*g"))
    logits = {}
    for model in (network / "model.onnx", plan):
        out = tmp_path / "logits.npy"
        done = run("classify", model, *pictures, "--logits", out, "--overwrite")
        assert done.returncode == 0, done.stderr
        values = numpy.load(out).astype(numpy.float64)
        values -= values.max(axis=1, keepdims=True)
        logits[model] = numpy.exp(values) / numpy.exp(values).sum(axis=1, keepdims=True)
    p, q = logits[network / "model.onnx"], logits[plan]
    total = (p * numpy.log(numpy.maximum(p, 1e-12) / numpy.maximum(q, 1e-12))).sum(axis=1).mean()
    done = run("eval", network / "model.onnx", plan, "--data", network / "evaluation", "--json")
    assert json.loads(done.stdout)["paired"][0]["divergence"]["mean"] == pytest.approx(total, rel=2e-3, abs=1e-9)

"""zoo build: rows of small networks under the names of the zoo, and all that can go wrong between."""

import contextlib
import fcntl
import http.server
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import onnx
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/command"))
import program  # noqa: E402
from program import BINARY  # noqa: E402

SECONDS = "0.02"
FIGURES = ["float_one_thread", "one_thread", "all_threads", "all_streams"]
MADE_UP = "made up, seed 1"


def write_model(path, weights=None, seed=program.SEED):
    """The small network; with what it is made of in the file's metadata, as export.py writes it."""
    before, program.SEED = program.SEED, seed
    program.make_network(str(path))
    program.SEED = before
    if weights:
        model = onnx.load(str(path))
        entry = model.metadata_props.add()
        entry.key, entry.value = "octavo.weights", weights
        onnx.save(model, str(path))


@pytest.fixture
def place(tmp_path, pictures):
    """A folder to work in: onnx/, and pictures to calibrate with and to evaluate on."""
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    (tmp_path / "onnx").mkdir()
    for name in ("calibration", "evaluation"):
        (tmp_path / name).symlink_to(pictures / name)
    return tmp_path


@pytest.fixture(scope="module")
def measured_once(tmp_path_factory, pictures):
    """A folder where ResNet18 is built."""
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    folder = tmp_path_factory.mktemp("measured")
    (folder / "onnx").mkdir()
    (folder / "calibration").symlink_to(pictures / "calibration")
    write_model(folder / "onnx/ResNet18.onnx")
    build(folder, "ResNet18")
    return folder


@pytest.fixture
def measured(place, measured_once):
    """A place of its own where ResNet18 is built."""
    for name in ("onnx", "octavo-zoo"):
        shutil.copytree(measured_once / name, place / name, dirs_exist_ok=True)
    return place


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    program.make_pictures(folder / "calibration", 12, 1)
    program.make_pictures(folder / "evaluation", 24, 2)
    return folder


def command(*arguments, source=("--onnx", "onnx")):
    return [str(BINARY), "zoo", "build", *map(str, arguments), *source, "--calib", "calibration",
            "--seconds", SECONDS, "--cache", "cache"]


def environment(**more):
    """Without settings that this machine's user may have."""
    return {**{k: v for k, v in os.environ.items() if not k.startswith("OCTAVO_ZOO_")}, **more}


def build(place, *arguments, code=0, **options):
    done = subprocess.run(command(*arguments, **options), cwd=place, env=environment(),
                          capture_output=True, text=True, errors="replace", timeout=60)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def answer(place, *arguments, **options):
    done = build(place, *arguments, "--json", "-q", **options)
    return {model["name"]: model for model in json.loads(done.stdout)["models"]}


def row_of(place, name):
    return json.loads((place / "octavo-zoo" / f"{name}.json").read_text())


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---- what works

def test_a_row_says_what_inspect_and_eval_say(place):
    write_model(place / "onnx/ResNet18.onnx")
    built = answer(place, "resnet18", "--samples", "8", "--eval-data", "evaluation", "--limit", "20")
    assert list(built) == ["ResNet18"] and built["ResNet18"]["from"] == "folder"
    row = row_of(place, "ResNet18")
    assert built["ResNet18"]["row"] == row

    model, plan = place / "onnx/ResNet18.onnx", place / "octavo-zoo/ResNet18.octavo"
    inspected = json.loads(program.run("inspect", model, "--json", "-q").stdout)
    for key in ("parameters", "macs", "classes"):
        assert row[key] == inspected[key]
    assert row["input"] == inspected["input"][:2]
    assert (row["model_bytes"], row["model_sha256"]) == (model.stat().st_size, sha256(model))
    assert (row["plan_bytes"], row["plan_sha256"]) == (plan.stat().st_size, sha256(plan))
    assert row["calibration_pictures"] == 8
    made = json.loads(program.run("inspect", plan, "--json").stdout)
    assert made["provenance"]["model_sha256"] == row["model_sha256"]
    assert made["isa"] == row["host"]["isa"]

    evaluated = json.loads(program.run("eval", model, plan, "--data", place / "evaluation", "--limit",
                                       20, "--json", "-q", "--crop-pct", 0.875, "--interpolation",
                                       made["preprocess"]["interpolation"]).stdout)
    accuracy = row["accuracy"]
    assert (accuracy["data"], accuracy["n"]) == ("evaluation", 20)
    assert accuracy["float_top1"] == evaluated["models"][0]["top1"]
    assert accuracy["quantized_ci95"] == evaluated["models"][1]["top1_ci95"]
    assert accuracy["drop"] == evaluated["paired"][0]["drop"]
    assert "reasons" not in row


def test_latencies_are_of_one_thread_all_threads_and_all_streams(measured):
    row = row_of(measured, "ResNet18")
    cores = row["host"]["physical_cores"]
    settings = {figure: (row[figure]["threads"], row[figure]["streams"]) for figure in FIGURES}
    assert settings == {"float_one_thread": (1, 1), "one_thread": (1, 1), "all_threads": (cores, 1),
                        "all_streams": (1, cores)}
    assert all(row[figure]["ms"] > 0 and row[figure]["fps"] > 0 for figure in FIGURES)
    assert 1e6 < row["peak_bytes"] < row["build_peak_bytes"] < 1e9
    assert 0 < row["build_seconds"] < 60


def test_the_recipe_of_the_table_is_used_where_the_file_states_none(place):
    write_model(place / "onnx/efficientnet_lite0.onnx")
    build(place, "EfficientNet_Lite0")
    plan = place / "octavo-zoo/EfficientNet_Lite0.octavo"
    preprocess = json.loads(program.run("inspect", plan, "--json").stdout)["preprocess"]
    assert preprocess["mean"] == [127, 127, 127] and preprocess["std"] == [128, 128, 128]
    assert (preprocess["resize"], preprocess["interpolation"]) == (int(32 / 0.875), "bilinear")


def test_what_the_file_states_goes_before_the_recipe(place):
    path = place / "onnx/ResNet18.onnx"
    write_model(path)
    model = onnx.load(str(path))
    for key, value in {"octavo.mean": "1,2,3", "octavo.std": "4,5,6", "octavo.resize": "40",
                       "octavo.interpolation": "nearest", "octavo.color": "bgr"}.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, str(path))
    build(place, "ResNet18")
    plan = place / "octavo-zoo/ResNet18.octavo"
    preprocess = json.loads(program.run("inspect", plan, "--json").stdout)["preprocess"]
    assert preprocess["mean"] == [1, 2, 3] and preprocess["color"] == "bgr"
    assert preprocess["resize"] == 40


def test_made_up_weights_have_no_accuracy(place):
    write_model(place / "onnx/ResNet18.onnx", MADE_UP)
    done = build(place, "ResNet18", "--eval-data", "evaluation")
    row = row_of(place, "ResNet18")
    assert row["weights"] == MADE_UP and "accuracy" not in row
    assert row["reasons"] == {"accuracy": f"{MADE_UP}: such weights have no accuracy to measure"}
    assert "ResNet18" in done.stdout and "failed" not in done.stdout


def test_without_eval_data_the_row_says_so(measured):
    assert row_of(measured, "ResNet18")["reasons"] == {"accuracy": "no --eval-data was given"}


def test_all_is_the_reference_table_and_what_a_source_has(measured):
    place = measured
    write_model(place / "onnx/ShuffleNet_v2.onnx")
    built = answer(place, "--all", code=3)
    assert len(built) == 54 and "EfficientNet_Lite0" not in built
    good = [name for name, model in built.items() if not model["failures"]]
    assert sorted(good) == ["ResNet18", "ShuffleNet_v2"]
    assert "no float file" in built["GoogLeNet"]["failures"][0]
    assert "no float file" in row_of(place, "GoogLeNet")["reasons"]["one_thread"]


# ---- one that fails

def test_a_broken_file_does_not_stop_the_rest(place):
    (place / "onnx/ResNet18.onnx").write_bytes(b"\x08\x08no model")
    write_model(place / "onnx/GoogLeNet.onnx")
    done = build(place, "ResNet18", "GoogLeNet", code=3)
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ResNet18: ")]
    assert warnings and all("octavo " in line for line in warnings)
    assert done.stderr.splitlines()[-1].startswith("octavo: 1 of 2 models are not complete")
    assert any("ResNet18" in line and "failed" in line for line in done.stdout.splitlines())
    row = row_of(place, "ResNet18")
    assert row["reasons"]["one_thread"].startswith("octavo build: ")
    assert not set(row) & {"one_thread", "plan_bytes", "accuracy", "float_one_thread"}
    assert "reasons" in row_of(place, "GoogLeNet") and "one_thread" in row_of(place, "GoogLeNet")
    assert files_of(place / "octavo-zoo") == ["GoogLeNet.json", "GoogLeNet.octavo", "ResNet18.json"]
    assert str(place) not in (place / "octavo-zoo/ResNet18.json").read_text()


def test_classes_of_calibration_pictures_are_not_asked_for(place):
    write_model(place / "onnx/ResNet18.onnx")
    lines = (place / "calibration/list.txt").read_text().splitlines()
    other = place / "other.txt"
    other.write_text("".join(f"calibration/{line.split()[0]} 999\n" for line in lines))
    arguments = command("ResNet18")
    arguments[arguments.index("--calib") + 1] = str(other)
    done = subprocess.run(arguments, cwd=place, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    row = row_of(place, "ResNet18")
    assert str(place) not in json.dumps(row) and row["plan_bytes"] > 0 and "float_one_thread" in row


def test_a_plan_of_an_earlier_file_does_not_stay_beside_a_row_without_one(measured):
    (measured / "onnx/ResNet18.onnx").write_bytes(b"broken")
    build(measured, "ResNet18", code=3)
    assert files_of(measured / "octavo-zoo") == ["ResNet18.json"]


def test_a_row_that_was_measured_stays_when_its_file_is_gone(measured):
    before = row_of(measured, "ResNet18")
    (measured / "onnx/ResNet18.onnx").unlink()
    build(measured, "ResNet18", code=3)
    assert row_of(measured, "ResNet18") == before


# ---- again

def test_a_second_run_measures_nothing_that_is_there(measured):
    place = measured
    before = (place / "octavo-zoo/ResNet18.json").stat().st_mtime_ns
    write_model(place / "onnx/GoogLeNet.onnx")
    built = answer(place, "ResNet18", "GoogLeNet")
    assert built["ResNet18"]["was_there"] and not built["GoogLeNet"]["was_there"]
    assert (place / "octavo-zoo/ResNet18.json").stat().st_mtime_ns == before


def changed_file(place):
    write_model(place / "onnx/ResNet18.onnx", seed=5)
    return []


def changed_plan(place):
    with open(place / "octavo-zoo/ResNet18.octavo", "ab") as plan:
        plan.write(b"x")
    return []


def no_plan(place):
    (place / "octavo-zoo/ResNet18.octavo").unlink()
    return []


def broken_row(place):
    (place / "octavo-zoo/ResNet18.json").write_text("{")
    return []


def other_machine(place):
    path = place / "octavo-zoo/ResNet18.json"
    row = json.loads(path.read_text())
    row["host"]["cpu"] = "another"
    path.write_text(json.dumps(row))
    return []


@pytest.mark.parametrize("change", [
    changed_file, changed_plan, no_plan, broken_row, other_machine,
    lambda place: ["--samples", "4"], lambda place: ["--eval-data", "evaluation"],
    lambda place: ["--rebuild"]])
def test_what_is_no_longer_so_is_measured_anew(measured, change):
    built = answer(measured, "ResNet18", *change(measured))
    assert not built["ResNet18"]["was_there"]
    row = row_of(measured, "ResNet18")
    assert row["model_sha256"] == sha256(measured / "onnx/ResNet18.onnx")
    assert row["plan_sha256"] == sha256(measured / "octavo-zoo/ResNet18.octavo")


# ---- killed, interrupted, two at once

EXPORTER = """
import os, shutil, sys, time
out = sys.argv[sys.argv.index("--out") + 1]
open("calls", "a").write(" ".join(sys.argv[1:]) + "\\n")
"""


def fake_exporter(place, script):
    (place / "zoo").mkdir(exist_ok=True)
    (place / "zoo/export.py").write_text(EXPORTER + script)
    return ("--python", sys.executable)


HANGS = 'open(out, "w").write("half"); open("pid", "w").write(str(os.getpid())); time.sleep(60)'


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@contextlib.contextmanager
def begun(place, *arguments, **options):
    child = subprocess.Popen(command(*arguments, **options), cwd=place, env=environment(),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_exporter_and_leaves_nothing_half_written(measured, number):
    place = measured
    source = ("--onnx", "onnx", *fake_exporter(place, HANGS))
    with begun(place, "ResNet18", "GoogLeNet", source=source) as child:
        wait_for(lambda: (place / "pid").exists() and (place / "pid").read_text())
        pid = int((place / "pid").read_text())
        child.send_signal(number)
        stdout, stderr = child.communicate(timeout=20)
    assert child.returncode == 130
    assert stderr.splitlines()[-1].startswith("octavo: interrupted; 1 of 2 models are done")
    wait_for(lambda: is_gone(pid))
    assert files_of(place / "octavo-zoo") == ["ResNet18.json", "ResNet18.octavo"]
    assert files_of(place / "cache/exported/1") == []


def test_a_kill_in_the_middle_leaves_no_orphan_and_the_same_command_goes_on(measured):
    place = measured
    source = ("--onnx", "onnx", *fake_exporter(place, HANGS))
    with begun(place, "ResNet18", "GoogLeNet", source=source) as child:
        wait_for(lambda: (place / "pid").exists() and (place / "pid").read_text())
        pid = int((place / "pid").read_text())
        child.kill()
        child.communicate()
    wait_for(lambda: is_gone(pid))
    fake_exporter(place, 'shutil.copy("onnx/ResNet18.onnx", out)')
    built = answer(place, "ResNet18", "GoogLeNet", source=source)
    assert built["ResNet18"]["was_there"] and not built["GoogLeNet"]["was_there"]
    assert files_of(place / "cache/exported/1") == ["GoogLeNet.onnx"]


def test_kills_at_any_moment_leave_rows_that_are_whole(place):
    for name in ("ResNet18", "GoogLeNet"):
        write_model(place / f"onnx/{name}.onnx")
    for delay in (0.05, 0.15, 0.3, 0.6, 1.2, 2.4):
        with begun(place, "ResNet18", "GoogLeNet") as child:
            time.sleep(delay)
            child.kill()
            child.communicate()
        for path in (place / "octavo-zoo").glob("*.json"):
            assert json.loads(path.read_text())["plan_sha256"] == sha256(path.with_suffix(".octavo"))
    build(place, "ResNet18", "GoogLeNet")
    assert files_of(place / "octavo-zoo") == ["GoogLeNet.json", "GoogLeNet.octavo", "ResNet18.json",
                                              "ResNet18.octavo"]


def test_what_a_killed_write_left_goes_and_nothing_else(measured):
    out = measured / "octavo-zoo"
    for name in ("ResNet18.octavo.Ab12Cd", "ResNet18.json.xyzxyz", "notes.txt", "mine.json.bak"):
        (out / name).write_text("x")
    build(measured, "ResNet18")
    assert files_of(out) == ["ResNet18.json", "ResNet18.octavo", "mine.json.bak", "notes.txt"]


def test_two_builds_of_one_folder_exclude_each_other(measured):
    place = measured
    held = os.open(place / "octavo-zoo", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    done = build(place, "ResNet18", code=2)
    assert done.stderr == "octavo: another process works in 'octavo-zoo'\n" and done.stdout == ""
    os.close(held)
    build(place, "ResNet18")


# ---- the exporter

def test_the_exporter_is_asked_once(place):
    write_model(place / "made.onnx", MADE_UP)
    source = fake_exporter(place, 'shutil.copy("made.onnx", out)')
    assert answer(place, "ResNet18", source=source)["ResNet18"]["from"] == "export"
    build(place, "ResNet18", "--rebuild", source=source)
    calls = (place / "calls").read_text().splitlines()
    assert len(calls) == 1 and calls[0].startswith("ResNet18 --weights 1 --size 224 --out ")
    build(place, "ResNet18", "--weights", "2", source=source)
    assert len((place / "calls").read_text().splitlines()) == 2
    assert files_of(place / "cache/exported") == ["1", "2"]


@pytest.mark.parametrize("script, reason", [
    ('open(out, "w").write("half"); sys.exit("first\\nno such weights\\n")', "exporting: no such weights"),
    ('sys.exit(3)', "exporting: exit code 3"),
    ('print("nothing made")', "exporting: "),
    ('print(bytes(range(256)) * 999); sys.stderr.buffer.write(bytes(range(128, 256))); sys.exit(1)',
     "exporting: "),
    ('os.kill(os.getpid(), 9)', "exporting: exit code 137"),
    ('open(out, "w").write("no model")', "octavo build: ")])
def test_an_exporter_that_fails_is_a_reason(measured, script, reason):
    source = ("--onnx", "onnx", *fake_exporter(measured, script))
    done = build(measured, "GoogLeNet", "ResNet18", source=source, code=3)
    assert row_of(measured, "GoogLeNet")["reasons"]["one_thread"].startswith(reason)
    assert f"warning: GoogLeNet: {reason}" in done.stderr and "ResNet18: was there" in done.stderr
    left = files_of(measured / "cache/exported/1")
    assert left == (["GoogLeNet.onnx"] if "no model" in script else [])


def test_a_python_that_is_not_there_is_a_reason(place):
    fake_exporter(place, "")
    done = build(place, "ResNet18", source=("--python", "/no/such/python"), code=3)
    assert "warning: ResNet18: cannot start '/no/such/python': No such file" in done.stderr


# ---- the index

def test_a_file_of_an_index_is_pulled_and_the_index_says_what_its_weights_are(place):
    write_model(place / "onnx/some.onnx")
    handler = lambda *a: http.server.SimpleHTTPRequestHandler(*a, directory=place / "onnx")  # noqa: E731
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = place / "onnx/some.onnx"
    entry = {"name": "ResNet18", "file": "resnet18.onnx", "size": path.stat().st_size,
             "url": f"http://127.0.0.1:{server.server_port}/some.onnx", "sha256": sha256(path),
             "weights": MADE_UP}
    (place / "index.json").write_text(json.dumps({"files": [entry]}))
    built = answer(place, "ResNet18", "--eval-data", "evaluation", source=("--index", "index.json"))
    again = subprocess.run([*command("ResNet18", source=()), "--json"], cwd=place, text=True,
                           env=environment(OCTAVO_ZOO_INDEX="index.json"), capture_output=True)
    server.shutdown()
    assert built["ResNet18"]["from"] == "index"
    assert json.loads(again.stdout)["models"][0]["from"] == "index"
    row = row_of(place, "ResNet18")
    assert (row["weights"], row["model_sha256"]) == (MADE_UP, sha256(path))
    assert "accuracy" in row["reasons"]


# ---- bad calls

@pytest.mark.parametrize("arguments, says", [
    (["ResNet19"], "did you mean ResNet18?"),
    ([], "--all"),
    (["--all", "ResNet18"], "--all"),
    (["ResNet18", "--weights", "../x"], "--weights '../x'"),
    (["ResNet18", "--onnx", "nowhere"], "--onnx 'nowhere' is no folder"),
    (["ResNet18", "--eval-data", "nowhere"], "'nowhere' is not there"),
    (["ResNet18", "--seconds", "-1"], "--seconds"),
    (["ResNet18", "--samples", "-1"], "--samples")])
def test_a_wrong_call_ends_before_the_work(place, arguments, says):
    done = build(place, *arguments, code=2)
    assert says in done.stderr and len(done.stderr.splitlines()) == 1 and done.stdout == ""
    assert files_of(place) == ["calibration", "evaluation", "onnx"]


def test_no_source_at_all_says_how_to_get_one(place):
    done = build(place, "ResNet18", code=2, source=())
    assert "--onnx DIR" in done.stderr and "pip install -r zoo/requirements.txt" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_model_that_no_library_exports_says_which_file_it_needs(place):
    done = build(place, "EfficientNet_Lite0", code=3)
    assert "--onnx DIR with efficientnet_lite0.onnx" in done.stderr


def test_a_folder_that_cannot_be_written_to_is_said_at_once(place):
    write_model(place / "onnx/ResNet18.onnx")
    (place / "file").write_text("mine")
    done = build(place, "ResNet18", "--out", "file/below", code=1)
    assert len(done.stderr.splitlines()) == 1 and "file/below" in done.stderr
    if os.getuid() != 0:
        (place / "locked").mkdir(mode=0o500)
        assert "locked" in build(place, "ResNet18", "--out", "locked", code=1).stderr


def test_a_name_twice_is_built_once(measured):
    assert list(answer(measured, "ResNet18", "resnet18")) == ["ResNet18"]

"""Nothing is lost and nothing wrong is answered when streams, files or numbers fail."""

import contextlib
import hashlib
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time

import numpy
import pytest

from program import BINARY, SEED, make_pictures, run
from test_program import fails, picture


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


def make_overflowing_network(path):
    """Finite weights; the second convolution's sums are beyond float32, the third makes NaN."""
    from onnx import TensorProto, helper, numpy_helper, save
    node = helper.make_node
    constants = {"w0": numpy.full((4, 3, 3, 3), 1e25), "w1": numpy.full((4, 4, 1, 1), 1e25),
                 "w2": numpy.tile([[[[1.0]], [[-1.0]], [[1.0]], [[-1.0]]]], (4, 1, 1, 1)).reshape(4, 4, 1, 1)}
    nodes = [node("Conv", ["input", "w0"], ["large"], "first"),
             node("Conv", ["large", "w1"], ["too_large"], "second"),
             node("Conv", ["too_large", "w2"], ["none"], "third"),
             node("GlobalAveragePool", ["none"], ["p"], "pool"),
             node("Flatten", ["p"], ["logits"], "flatten")]
    graph = helper.make_graph(
        nodes, "overflows", [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(v.astype(numpy.float32), k) for k, v in constants.items()])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


# ---- numbers that are none

def test_a_network_that_overflows_is_refused_by_every_command_and_the_tensor_is_named(small, tmp_path):
    model = tmp_path / "overflows.onnx"
    make_overflowing_network(str(model))
    for command in (["classify", model, picture(small)],
                    ["eval", model, "--data", small.evaluation],
                    ["bench", model, "--frames", 2, "--warmup", 0],
                    ["build", model, "--calib", small.calibration, "-o", tmp_path / "out.octavo"]):
        line = fails(3, *command, says=["second"])
        assert "nan" not in run(*command).stdout.lower(), command
        assert "overflow" in line, line
    assert files_of(tmp_path) == ["overflows.onnx"]


# ---- streams

@contextlib.contextmanager
def stream(how):
    if how == "full":
        with open("/dev/full", "wb") as full:
            yield full
    else:
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "wb") as broken:
            yield broken


@pytest.mark.parametrize("how", ["full", "broken", "closed"])
def test_a_build_is_kept_when_nothing_can_be_written_to_stdout_and_stderr(small, tmp_path, how):
    out = tmp_path / "out.octavo"
    command = [BINARY, "build", small.model, "--calib", small.calibration, "--labels", small.labels, "-o", out]
    if how == "closed":
        done = subprocess.run(command, preexec_fn=lambda: os.closerange(0, 3))
    else:
        with stream(how) as lost:
            done = subprocess.run(command, stdout=lost, stderr=lost)
    assert done.returncode == 0
    assert out.read_bytes() == small.plan.read_bytes(), "no line of the program is in the plan"


@pytest.mark.parametrize("how", ["full", "broken", "closed"])
def test_a_result_that_cannot_be_written_is_a_failure_that_says_so(small, how):
    for command in (["classify", small.plan, picture(small)], ["classify", small.plan, picture(small), "--json"],
                    ["eval", small.plan, "--data", small.evaluation], ["inspect", small.plan], ["--help"]):
        command = [BINARY, *command, *([] if command == ["--help"] else ["-q"])]
        if how == "closed":
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.close(1))
        else:
            with stream(how) as lost:
                done = subprocess.run(command, stdout=lost, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1, command
        assert len(done.stderr.splitlines()) == 1 and "standard output" in done.stderr


# ---- waiting

def test_pipes_and_devices_are_refused_as_data_sets_at_once(small, tmp_path):
    for name in ("pipe", "pipe.tar"):
        os.mkfifo(tmp_path / name)
        fails(3, "eval", small.plan, "--data", tmp_path / name, says=["pipe"])
        fails(3, "build", small.model, "--calib", tmp_path / name, "--dry-run", says=["pipe"])
    fails(3, "eval", small.plan, "--data", "/dev/zero", says=["/dev/zero"])
    fails(3, "classify", tmp_path / "pipe", picture(small), says=["not a regular file"])


def test_a_pipe_among_pictures_is_left_out(small, tmp_path):
    make_pictures(tmp_path / "set", 5, SEED)
    os.remove(tmp_path / "set/003.jpg")
    os.mkfifo(tmp_path / "set/003.jpg")
    done = run("eval", small.plan, "--data", tmp_path / "set")
    assert done.returncode == 3 and "4 pictures" in done.stdout and "003.jpg" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whatever_it_waits_for_a_signal_ends_it_within_a_second(small, tmp_path, number):
    # A picture of 80 megapixels: one long step that does not look at the signal.
    (tmp_path / "large.ppm").write_bytes(b"P6 16000 10000 255\n" + bytes(16000 * 10000 * 3))
    (tmp_path / "list.txt").write_text("".join("large.ppm 0\n" for _ in range(50)))
    process = subprocess.Popen([BINARY, "eval", small.plan, "--data", tmp_path], stderr=subprocess.PIPE)
    time.sleep(0.5)
    before = time.monotonic()
    process.send_signal(number)
    assert process.wait(timeout=30) == 130
    patience = 1.0 + 3 * os.getloadavg()[0] / os.cpu_count()
    assert time.monotonic() - before < patience
    assert process.stderr.read().decode().splitlines()[-1] == "octavo: interrupted"


# ---- what was hashed is what was used

def build_and_change(small, tmp_path, when, change):
    """Builds from a copy; calls `change` at the first line of progress that says `when`."""
    shutil.copytree(small.calibration, tmp_path / "set")
    shutil.copy(small.model, tmp_path / "model.onnx")
    command = [BINARY, "build", tmp_path / "model.onnx", "--calib", tmp_path / "set", "--labels", small.labels,
               "-o", tmp_path / "out.octavo"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
    lines, changed = [], False
    for line in process.stderr:
        lines.append(line)
        if when in line and not changed:
            changed = True
            change(tmp_path)
    process.stdout.read()
    assert changed, lines
    return process.wait(), lines


def swap_pictures(folder):
    names = sorted((folder / "set").glob("*.png"))
    for name, other in zip(names, names[1:] + names[:1]):
        shutil.copy(other, folder / "swapped")
        os.replace(folder / "swapped", name)


def remove_pictures(folder):
    for name in (folder / "set").glob("*.png"):
        name.unlink()


@pytest.mark.parametrize("change", [swap_pictures, remove_pictures])
def test_pictures_that_change_during_a_build_end_it(small, tmp_path, change):
    code, lines = build_and_change(small, tmp_path, "reading pictures 48/48", change)
    assert code == 3 and "changed while the plan was made" in lines[-1], lines
    assert not (tmp_path / "out.octavo").exists()


def test_a_model_that_is_swapped_during_a_build_is_hashed_as_it_was_used(small, tmp_path):
    before = hashlib.sha256(small.model.read_bytes()).hexdigest()
    code, lines = build_and_change(small, tmp_path, "reading pictures",
                                   lambda folder: (folder / "model.onnx").write_bytes(b"another"))
    assert code == 0, lines
    assert (tmp_path / "out.octavo").read_bytes() == small.plan.read_bytes()
    inspected = json.loads(run("inspect", tmp_path / "out.octavo", "--json").stdout)
    assert before in json.dumps(inspected)


# ---- files that are replaced

def test_what_is_read_is_never_written(small, tmp_path):
    plan, image = tmp_path / "m.octavo", tmp_path / "p.png"
    shutil.copy(small.plan, plan)
    shutil.copy(picture(small, 1), image)
    os.symlink(plan, tmp_path / "link.npy")
    make_pictures(tmp_path / "set", 4, SEED)
    labels = tmp_path / "labels.txt"
    shutil.copy(small.labels, labels)
    for out in (plan, image, tmp_path / "link.npy", labels):
        before = out.read_bytes()
        fails(2, "classify", plan, image, "--labels", labels, "--logits", out, "--overwrite", says=["reads"])
        assert out.read_bytes() == before
    for out in (plan, tmp_path / "set/list.txt", tmp_path / "set/000.jpg"):
        before = out.read_bytes()
        fails(2, "eval", plan, "--data", tmp_path / "set", "--csv", out, "--overwrite", says=["reads"])
        if out != plan:
            fails(2, "build", small.model, "--calib", tmp_path / "set", "-o", out, "--overwrite", says=["reads"])
        assert out.read_bytes() == before
    before = plan.read_bytes()
    with open(plan, "ab") as appended:
        done = subprocess.run([BINARY, "classify", plan, image, "--json"], stdout=appended, stderr=subprocess.PIPE)
    assert done.returncode == 2 and plan.read_bytes() == before


def test_replacing_a_plan_keeps_its_mode_and_the_link_that_leads_to_it(small, tmp_path):
    plan = tmp_path / "far.octavo"
    plan.write_bytes(b"old")
    plan.chmod(0o600)
    os.symlink("far.octavo", tmp_path / "link.octavo")
    assert run("build", small.model, "--calib", small.calibration, "--labels", small.labels, "-o",
               tmp_path / "link.octavo", "--overwrite").returncode == 0
    assert os.readlink(tmp_path / "link.octavo") == "far.octavo"
    assert plan.read_bytes() == small.plan.read_bytes()
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert files_of(tmp_path) == ["far.octavo", "link.octavo"]


def test_logits_of_no_picture_do_not_replace_those_of_some(small, tmp_path):
    there = tmp_path / "there.npy"
    there.write_bytes(b"rows")
    fails(3, "classify", small.plan, tmp_path / "none.jpg", "--logits", there, "--overwrite")
    assert there.read_bytes() == b"rows"


def test_a_file_size_limit_leaves_the_old_file_and_nothing_else(small, tmp_path):
    there = tmp_path / "there.octavo"
    there.write_bytes(b"old")
    done = subprocess.run([BINARY, "build", small.model, "-q", "--calib", small.calibration, "-o", there,
                           "--overwrite"], capture_output=True, text=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)))
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert there.read_bytes() == b"old" and files_of(tmp_path) == ["there.octavo"]


def test_the_longest_name_that_a_file_may_have_can_be_written(small, tmp_path):
    there = tmp_path / ("n" * 248 + ".octavo")
    assert run("build", small.model, "--calib", small.calibration, "-o", there).returncode == 0
    assert there.stat().st_size > 0


# ---- names and folders

def test_no_name_can_speak_to_the_terminal(small, tmp_path):
    for name in ("a\x9b31mb.jpg", "a\u202egpj.jpg"):
        for command in (["classify", small.plan, tmp_path / name], ["classify", small.plan, tmp_path / name, "--json"]):
            done = subprocess.run([BINARY, *command], capture_output=True)
            assert done.returncode == 3
            for told in (done.stdout, done.stderr):
                assert name[1].encode() not in told
        told = json.loads(subprocess.run([BINARY, *command], capture_output=True).stdout)
        assert told["results"][0]["input"] == str(tmp_path / name), "in JSON the name itself is kept"


def test_folders_are_entered_once_however_links_lead_there(small, tmp_path):
    (tmp_path / "set").mkdir()
    for label in ("a", "b"):
        make_pictures(tmp_path / "set" / label, 3, SEED)
        os.remove(tmp_path / "set" / label / "list.txt")
    os.symlink("..", tmp_path / "set/a/loop")
    os.symlink("../b", tmp_path / "set/a/again")
    done = run("eval", small.plan, "--data", tmp_path / "set")
    assert done.returncode == 0 and "6 pictures" in done.stdout


def as_nobody():
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)


def open_to_all(folder):
    """So that a process of another user may go through pytest's folders."""
    for place in [folder, *folder.parents]:
        with contextlib.suppress(PermissionError):
            place.chmod(place.stat().st_mode | 0o055)


def test_a_folder_that_cannot_be_listed_is_left_out_and_named(small, tmp_path):
    make_pictures(tmp_path / "set", 4, SEED)
    os.remove(tmp_path / "set/list.txt")
    (tmp_path / "set/locked").mkdir(mode=0)
    open_to_all(tmp_path)
    open_to_all(small.folder)
    done = subprocess.run([BINARY, "build", small.model, "--dry-run", "--calib", tmp_path / "set"],
                          capture_output=True, text=True, preexec_fn=as_nobody)
    assert done.returncode == 3 and "4 pictures" in done.stdout and "set/locked" in done.stderr


def test_a_folder_that_cannot_be_written_is_found_before_the_work(small, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    open_to_all(tmp_path)
    open_to_all(small.folder)
    done = subprocess.run([BINARY, "build", small.model, "--calib", small.calibration, "-o",
                           tmp_path / "locked/out.octavo"], capture_output=True, text=True, preexec_fn=as_nobody)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "locked" in done.stderr


# ---- the machine

def test_streams_that_cannot_start_are_a_sentence(small):
    def limits():
        resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))

    done = subprocess.run([BINARY, "bench", small.plan, "--frames", "2", "--warmup", "0", "--streams", "200"],
                          capture_output=True, text=True, preexec_fn=limits)
    assert done.returncode == 5 and len(done.stderr.splitlines()) == 1, done


def test_many_threads_give_the_same_plan(small, tmp_path):
    out = tmp_path / "out.octavo"
    assert run("build", small.model, "--calib", small.calibration, "--labels", small.labels, "-o", out,
               "--threads", 64).returncode == 0
    assert out.read_bytes() == small.plan.read_bytes()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ldd")
def test_the_network_is_no_part_of_what_does_not_use_it():
    linked = subprocess.run(["ldd", BINARY], capture_output=True, text=True).stdout
    for library in ("libcurl", "libgnutls", "libkrb5", "libgssapi", "libarchive", "libxml2", "libicu"):
        assert library not in linked

"""build --quantization-cache: the same plan from a quantization that was kept."""

import json

import pytest

from program import make_network, make_pictures, run


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A network, pictures, and the quantization of both."""
    folder = tmp_path_factory.mktemp("quantization")
    make_network(str(folder / "model.onnx"))
    make_pictures(folder / "calibration", 24, 21)
    done = build(folder, folder / "first.octavo", folder / "model.qnt")
    assert done.returncode == 0, done.stderr
    assert not json.loads(done.stdout)["quantization_kept"]
    return folder


def build(folder, out, cache, *flags, model="model.onnx", pictures="calibration"):
    return run("build", folder / model, "-o", out, "--calib", folder / pictures, "--json",
               "--quantization-cache", cache, *flags)


def refused(done, code, *told):
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("octavo: ")]
    assert len(lines) == 1 and all(word in lines[0] for word in told), done.stderr


def test_the_plan_is_byte_for_byte_the_same_without_a_calibration(kept, tmp_path):
    done = build(kept, tmp_path / "a.octavo", kept / "model.qnt", "--passes", "--threads", 2)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["quantization_kept"]
    assert [row["name"] for row in told["passes"]] == ["steps"]
    assert (tmp_path / "a.octavo").read_bytes() == (kept / "first.octavo").read_bytes()
    first = run("build", kept / "model.onnx", "--dry-run", "--calib", kept / "calibration", "--json")
    assert told["warnings"] == json.loads(first.stdout)["warnings"]


def test_what_no_pass_reads_may_differ(kept, tmp_path):
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\nyellow\n")
    flags = ["--labels", tmp_path / "labels.txt"]
    done = build(kept, tmp_path / "a.octavo", kept / "model.qnt", *flags)
    assert done.returncode == 0 and json.loads(done.stdout)["quantization_kept"], done.stderr
    run("build", kept / "model.onnx", "-o", tmp_path / "b.octavo", "--calib", kept / "calibration", *flags)
    assert (tmp_path / "a.octavo").read_bytes() == (tmp_path / "b.octavo").read_bytes()


def test_another_quantization_is_named_and_replaced_by_overwrite(kept, tmp_path):
    make_network(str(tmp_path / "model.onnx"), size=40)
    make_pictures(tmp_path / "calibration", 24, 23)
    for named, flags, paths in [
            ("model", [], {"model": tmp_path / "model.onnx"}),
            ("pictures", [], {"pictures": tmp_path / "calibration"}),
            ("set of options", ["--method", "max"], {}),
            ("set of options", ["--disable", "compensation"], {}),
            ("preprocessing", ["--mean", "1,2,3", "--std", "50,50,50"], {})]:
        cache = tmp_path / "copy.qnt"
        cache.write_bytes((kept / "model.qnt").read_bytes())
        done = build(kept, tmp_path / "a.octavo", cache, *flags, **paths)
        refused(done, 3, "copy.qnt", "quantization of another ", named, "--overwrite")
        assert cache.read_bytes() == (kept / "model.qnt").read_bytes()
        done = build(kept, tmp_path / "a.octavo", cache, *flags, "--overwrite", **paths)
        assert done.returncode == 0 and "is made anew" in done.stderr, done.stderr
        (tmp_path / "a.octavo").unlink()


def test_a_damaged_file_is_refused_and_one_of_another_kind_never_replaced(kept, tmp_path):
    whole = (kept / "model.qnt").read_bytes()
    cache = tmp_path / "a.qnt"
    for bad in (whole[:-1], whole[:23], whole[:100] + b"\xff" + whole[101:], whole + b"\0"):
        cache.write_bytes(bad)
        refused(build(kept, tmp_path / "a.octavo", cache), 3, "a.qnt", "quantization that is")
    done = run("build", kept / "model.onnx", "-o", tmp_path / "b.octavo", "--calib", kept / "calibration",
               "--calib-cache", tmp_path / "model.cal")
    assert done.returncode == 0, done.stderr
    for bad in (b"my notes", (tmp_path / "model.cal").read_bytes()):
        cache.write_bytes(bad)
        refused(build(kept, tmp_path / "a.octavo", cache, "--overwrite"), 3, "no quantization", "another file")
        assert cache.read_bytes() == bad


def test_what_cannot_be_is_said_before_any_work(kept, tmp_path):
    plan = tmp_path / "a.octavo"
    refused(build(kept, plan, tmp_path / "a.qnt", "--min-agreement", 90), 2, "--quantization-cache", "bounds")
    refused(build(kept, plan, plan), 2, "--quantization-cache", "same file")
    refused(build(kept, plan, tmp_path / "a", "--calib-cache", tmp_path / "a"), 2, "same file")
    refused(build(kept, plan, kept / "model.onnx"), 2, "--quantization-cache", "would be lost")

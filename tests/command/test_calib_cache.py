"""build --calib-cache: the same plans from statistics that were kept."""

import json
import shutil

import pytest

from program import make_network, make_pictures, run


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A network, pictures, and the calibration of both."""
    folder = tmp_path_factory.mktemp("cache")
    make_network(str(folder / "model.onnx"))
    make_pictures(folder / "calibration", 24, 21)
    done = build(folder, folder / "first.octavo", folder / "model.cal")
    assert done.returncode == 0, done.stderr
    assert not json.loads(done.stdout)["calibration_kept"]
    return folder


def build(folder, out, cache, *flags, model="model.onnx", pictures="calibration"):
    cached = ["--calib-cache", cache] if cache else []
    return run("build", folder / model, "-o", out, "--calib", folder / pictures, "--json", *cached, *flags)


@pytest.mark.parametrize("method", ["auto", "max", "percentile", "mse", "kl"])
def test_plans_are_byte_for_byte_those_without_a_cache(kept, tmp_path, method):
    plans = []
    for cache, threads in [(None, 1), (kept / "model.cal", 1), (kept / "model.cal", 2)]:
        out = tmp_path / f"{len(plans)}.octavo"
        done = build(kept, out, cache, "--method", method, "--threads", threads)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["calibration_kept"] == (cache is not None)
        plans.append(out.read_bytes())
    assert plans[0] == plans[1] == plans[2]


def test_a_bound_is_searched_from_it_too(kept, tmp_path):
    make_pictures(tmp_path / "evaluation", 64, 22)
    plans = []
    for cache in (None, kept / "model.cal"):
        out = tmp_path / f"{len(plans)}.octavo"
        done = build(kept, out, cache, "--max-drop", 100, "--eval-data", tmp_path / "evaluation")
        assert done.returncode == 0, done.stderr
        plans.append(out.read_bytes())
    assert plans[0] == plans[1]


def test_the_cache_is_the_same_bytes_at_any_thread_count(kept, tmp_path):
    done = build(kept, tmp_path / "a.octavo", tmp_path / "a.cal", "--threads", 2, "--method", "kl")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.cal").read_bytes() == (kept / "model.cal").read_bytes()


def refused(done, code, *told):
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("octavo: ")]
    assert len(lines) == 1 and all(word in lines[0] for word in told), done.stderr


@pytest.fixture
def others(kept, tmp_path):
    """What makes another calibration each, and the name that the sentence gives it."""
    make_network(str(tmp_path / "model.onnx"), size=40)
    make_pictures(tmp_path / "calibration", 24, 23)
    return {
        "model": ([], {"model": tmp_path / "model.onnx"}),
        "pictures": ([], {"pictures": tmp_path / "calibration"}),
        "preprocessing": (["--mean", "1,2,3", "--std", "50,50,50"], {}),
        "pictures ": (["--samples", 12], {}),
        "network that is made of it": (["--output", "c4"], {}),
    }


def test_another_calibration_is_named_and_replaced_by_overwrite(kept, others, tmp_path):
    for named, (flags, paths) in others.items():
        cache, out = tmp_path / "copy.cal", tmp_path / "a.octavo"
        shutil.copy(kept / "model.cal", cache)
        done = build(kept, out, cache, *flags, **paths)
        refused(done, 3, "copy.cal", "calibration of another ", named.strip(), "--overwrite")
        assert not out.exists() and cache.read_bytes() == (kept / "model.cal").read_bytes()
        done = build(kept, out, cache, *flags, "--overwrite", **paths)
        assert done.returncode == 0, done.stderr
        assert "is made anew" in done.stderr
        again = build(kept, out, cache, *flags, "--overwrite", **paths)
        assert json.loads(again.stdout)["calibration_kept"]
        out.unlink()


def test_a_damaged_file_is_refused_and_one_of_another_kind_never_replaced(kept, tmp_path):
    whole = (kept / "model.cal").read_bytes()
    cache = tmp_path / "a.cal"
    for bad in (whole[:-1], whole[:23], whole[:100] + b"\xff" + whole[101:], whole + b"\0"):
        cache.write_bytes(bad)
        refused(build(kept, tmp_path / "a.octavo", cache), 3, "a.cal", "calibration that is")
    done = build(kept, tmp_path / "a.octavo", cache, "--overwrite")
    assert done.returncode == 0 and cache.read_bytes() == whole
    for bad in (b"", b"my notes", (kept / "first.octavo").read_bytes()):
        cache.write_bytes(bad)
        refused(build(kept, tmp_path / "b.octavo", cache, "--overwrite"), 3, "no calibration", "another file")
        assert cache.read_bytes() == bad


def test_what_cannot_be_is_said_before_any_work(kept, tmp_path):
    model = kept / "model.onnx"
    refused(run("build", model, "-o", tmp_path / "a.octavo", "--calib-cache", tmp_path / "a.cal"), 2, "--calib DATA")
    refused(build(kept, tmp_path / "a.octavo", model), 2, "--calib-cache", "would be lost")
    refused(build(kept, tmp_path / "a.octavo", tmp_path / "a.octavo"), 2, "same file")
    refused(build(kept, tmp_path / "a.octavo", tmp_path / "none/a.cal"), 1, "none")


def test_a_dry_run_reads_it_and_writes_none(kept, tmp_path):
    done = build(kept, tmp_path / "a.octavo", tmp_path / "a.cal", "--dry-run")
    assert done.returncode == 0 and not list(tmp_path.iterdir())
    done = build(kept, tmp_path / "a.octavo", kept / "model.cal", "--dry-run")
    assert json.loads(done.stdout)["calibration_kept"] and not list(tmp_path.iterdir())

"""octavoclassify in pipelines of gst-launch: the answers of the program for the same frames."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import types

import numpy
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/command"))
import program  # noqa: E402

BUILD = pathlib.Path(os.environ.get("OCTAVO_BUILD", ROOT / "build/release"))
PLUGIN = BUILD / "gstreamer-1.0/libgstoctavo.so"

pytestmark = [
    pytest.mark.skipif(not PLUGIN.exists(), reason=f"{PLUGIN} is not built (no GStreamer headers)"),
    pytest.mark.skipif(shutil.which("gst-launch-1.0") is None, reason="no gst-launch-1.0")]


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A plan with labels, and an environment in which GStreamer finds the element."""
    folder = tmp_path_factory.mktemp("gstreamer")
    program.make_network(str(folder / "model.onnx"))
    program.make_pictures(folder / "pictures", 24, program.SEED)
    (folder / "labels.txt").write_text("red\ngreen\nblue\nyel low\n")
    done = program.run("build", folder / "model.onnx", "-o", folder / "model.octavo", "--calib", folder / "pictures",
                       "--labels", folder / "labels.txt")
    assert done.returncode == 0, done.stderr
    environment = dict(os.environ, GST_REGISTRY=str(folder / "registry.bin"), GST_PLUGIN_PATH=str(PLUGIN.parent),
                       LC_ALL="C.UTF-8")
    return types.SimpleNamespace(folder=folder, plan=folder / "model.octavo", env=environment)


def launch(world, pipeline):
    return subprocess.run(["gst-launch-1.0", "-m", "--no-position", *pipeline.split()], env=world.env,
                          capture_output=True, text=True, timeout=60)


def answers(world, pipeline):
    """Of each message of the element: its labels as (index, label, score), and pts."""
    done = launch(world, pipeline)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CRITICAL" not in done.stderr and "WARNING" not in done.stderr, done.stderr
    found = []
    for line in done.stdout.splitlines():
        if "(element): octavoclassify" not in line:
            continue
        line = line.replace("\\", "")
        top = re.findall(r'label=\(string\)"?([\w ]+?)"?, score=\(double\)([\d.e-]+), index=\(int\)(\d+)',
                         line[line.index("top="):])
        found.append(types.SimpleNamespace(top=[(int(i), label, float(s)) for label, s, i in top],
                                           pts=int(re.search(r"pts=\(guint64\)(\d+)", line)[1])))
    return found


def top_of(world, source, *flags):
    done = program.run("classify", world.plan, source, "--json", *flags)
    assert done.returncode == 0, done.stderr
    return [(t["index"], t["label"], t["score"]) for t in json.loads(done.stdout)["results"][0]["top"]]


FORMATS = [("NV12", "nv12", 1.5), ("I420", "i420", 1.5), ("YUY2", "yuyv", 2), ("RGB", "rgb24", 3), ("BGR", "bgr24", 3),
           ("GRAY8", "gray8", 1)]


@pytest.mark.parametrize("name,extension,pixel_bytes", FORMATS)
def test_raw_frames_of_a_file_get_the_answers_of_the_program(name, extension, pixel_bytes, world, tmp_path):
    width, height = 64, 48
    size = int(width * height * pixel_bytes)
    frames = numpy.random.default_rng(3).integers(0, 256, (3, size), numpy.uint8)
    frames.tofile(tmp_path / "all")
    found = answers(world, f"filesrc location={tmp_path}/all ! rawvideoparse format={name.lower()} width={width} "
                           f"height={height} framerate=25/1 ! octavoclassify model={world.plan} top-k=5 ! fakesink")
    assert [answer.pts for answer in found] == [0, 40_000_000, 80_000_000]
    for frame, answer in zip(frames, found):
        one = tmp_path / f"one.{extension}"
        frame.tofile(one)
        assert answer.top == top_of(world, f"{one}:{width}x{height}", "--range", "video")


@pytest.mark.parametrize("colorimetry,flags", [
    ("bt601", ["--range", "video", "--matrix", "bt601"]), ("bt709", ["--range", "video", "--matrix", "bt709"]),
    ("1:4:0:0", ["--range", "full", "--matrix", "bt601"]), ("1:3:5:1", ["--range", "full", "--matrix", "bt709"])])
def test_colours_are_those_of_the_caps(colorimetry, flags, world, tmp_path):
    frame = numpy.random.default_rng(4).integers(0, 256, 64 * 48 * 3 // 2, numpy.uint8)
    frame.tofile(tmp_path / "a.nv12")
    (found,) = answers(world, f"filesrc location={tmp_path}/a.nv12 blocksize={len(frame)} ! video/x-raw,format=NV12,"
                              f"width=64,height=48,framerate=1/1,colorimetry=(string){colorimetry} ! "
                              f"octavoclassify model={world.plan} top-k=5 ! fakesink")
    assert found.top == top_of(world, f"{tmp_path}/a.nv12:64x48", *flags)


def test_rows_that_are_not_padded_as_gstreamer_pads_them_are_read_where_they_lie(world, tmp_path):
    frame = numpy.random.default_rng(5).integers(0, 256, 62 * 46 * 3 // 2, numpy.uint8)
    frame.tofile(tmp_path / "a.nv12")
    (found,) = answers(world, f"filesrc location={tmp_path}/a.nv12 ! rawvideoparse format=nv12 width=62 height=46 "
                              f"plane-strides=<62,62> plane-offsets=<0,{62 * 46}> ! "
                              f"octavoclassify model={world.plan} top-k=5 ! fakesink")
    assert found.top == top_of(world, f"{tmp_path}/a.nv12:62x46", "--range", "video")


def test_frames_pass_through_as_they_are(world, tmp_path):
    source = "videotestsrc num-buffers=5 pattern=ball ! video/x-raw,format=I420,width=96,height=64"
    for name, element in (("with", f"octavoclassify model={world.plan} ! "), ("without", "")):
        done = launch(world, f"{source} ! {element}filesink location={tmp_path}/{name}")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "with").read_bytes() == (tmp_path / "without").read_bytes() != b""


def test_an_interval_leaves_frames_out_and_two_elements_do_not_disturb_each_other(world):
    found = answers(world, "videotestsrc num-buffers=10 ! video/x-raw,format=NV12,width=64,height=48,framerate=10/1 ! "
                           f"octavoclassify model={world.plan} interval=4 ! octavoclassify model={world.plan} "
                           "post-messages=false threads=2 ! fakesink")
    assert [answer.pts for answer in found] == [0, 400_000_000, 800_000_000]
    assert all(len(answer.top) == 1 for answer in found)


def test_videoconvert_and_videoscale_find_caps_that_fit(world):
    found = answers(world, "videotestsrc num-buffers=2 ! video/x-raw,format=AYUV,width=63,height=47 ! videoconvert ! "
                           f"videoscale ! octavoclassify model={world.plan} ! fakesink")
    assert len(found) == 2


@pytest.mark.parametrize("caps", ["format=NV12,width=63,height=48", "format=AYUV,width=64,height=48",
                                  "format=YUY2,width=33,height=20"])
def test_caps_that_do_not_fit_are_not_negotiated(caps, world):
    done = launch(world, f"videotestsrc num-buffers=2 ! video/x-raw,{caps} ! octavoclassify model={world.plan} ! fakesink")
    assert done.returncode != 0 and "could not link" in done.stderr, done.stderr


def test_a_model_that_cannot_be_opened_ends_the_pipeline_with_octavos_sentence(world, tmp_path):
    damaged = bytearray(world.plan.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.octavo").write_bytes(damaged)
    (tmp_path / "text.octavo").write_text("no plan")
    for model, says in [("", "model=FILE.octavo"), (f"model={tmp_path}/none.octavo", "none.octavo"),
                        (f"model={tmp_path}/damaged.octavo", "octavo"), (f"model={tmp_path}/text.octavo", "octavo"),
                        (f"model={tmp_path}", "octavo")]:
        done = launch(world, f"videotestsrc num-buffers=2 ! octavoclassify {model} ! fakesink")
        assert done.returncode != 0 and "ERROR: from element" in done.stderr and says in done.stderr, done.stderr
        assert done.returncode > 0, "no signal"


def test_the_example_writes_its_label_into_each_frame(world, tmp_path):
    """A frame with a label differs from one without; without labels the overlay changes nothing."""
    if subprocess.run(["gst-inspect-1.0", "textoverlay"], env=world.env, capture_output=True).returncode != 0:
        pytest.skip("no textoverlay (Debian: gstreamer1.0-x)")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "gstreamer-1.0"], capture_output=True, text=True,
                           check=True).stdout.split()
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", ROOT / "examples/gstreamer/overlay.c", "-o", tmp_path / "overlay",
                    *flags], check=True)
    frames = {}
    for threshold in (0, 1):
        pipeline = (f"videotestsrc num-buffers=3 pattern=black ! video/x-raw,format=I420,width=320,height=240 ! "
                    f"octavoclassify model={world.plan} threshold={threshold} ! textoverlay name=label ! "
                    f"filesink location={tmp_path}/{threshold}")
        done = subprocess.run([tmp_path / "overlay", pipeline], env=world.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        frames[threshold] = numpy.fromfile(tmp_path / str(threshold), numpy.uint8).reshape(3, -1)
    assert (frames[1] == frames[1][0]).all()
    assert all((with_label != frames[1][0]).any() for with_label in frames[0]), "from the first frame on"
    refused = subprocess.run([tmp_path / "overlay", "videotestsrc ! octavoclassify ! textoverlay name=label ! fakesink"],
                             env=world.env, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1 and "model=FILE.octavo" in refused.stderr


def test_inspect_lists_the_properties(world):
    said = subprocess.run(["gst-inspect-1.0", "octavoclassify"], env=world.env, capture_output=True, text=True,
                          timeout=60).stdout
    for name in ("model", "threads", "top-k", "threshold", "interval", "post-messages"):
        assert re.search(rf"^  {name} +:", said, re.M), name

"""octavo stream: frames of files, pipes and of a camera that is not there (fake_camera.c)."""

import io
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import types

import numpy
import pytest

from program import BINARY, SEED, run

HERE = pathlib.Path(__file__).resolve().parent
WIDTH, HEIGHT = 64, 48
BYTES = {"nv12": 1.5, "i420": 1.5, "yuyv": 2, "rgb24": 3, "bgr24": 3, "gray8": 1}


def frames_of(name, count, seed=SEED, width=WIDTH, height=HEIGHT):
    size = int(BYTES[name] * width * height)
    return [frame.tobytes() for frame in
            numpy.random.default_rng(seed).integers(0, 256, (count, size), numpy.uint8)]


def parsed(done, code=0):
    """The answers and the summary of a run with --json."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(line.pop("schema_version") == 1 for line in lines)
    return lines[:-1], lines[-1]["summary"]


def stream(*arguments, code=0, **options):
    return parsed(run("stream", *arguments, "--json", "--rate", 0, **options), code)


def counts(summary):
    return {key: summary[key] for key in ("frames", "classified", "dropped", "damaged")}


def top_of(plan, frame, *flags):
    done = run("classify", plan, frame, "--json", *flags)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["results"][0]["top"]


def sentence(done, code):
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    said = [line for line in done.stderr.splitlines() if line.startswith("octavo: ")]
    assert len(said) == 1, done.stderr
    return said[0]


def jpeg(seed, **options):
    from PIL import Image
    noise = numpy.random.default_rng(seed).integers(0, 256, (6, 8, 3), numpy.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).resize((WIDTH, HEIGHT)).save(out, "JPEG", quality=90, **options)
    return out.getvalue()


def without_tables(data):
    """As cameras send them: the standard's Huffman tables are left out."""
    out, at = data[:2], 2
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2:at + 4], "big") + 2
        out += b"" if data[at + 1] == 0xC4 else data[at:at + length]
        at += length
    assert len(out) + len(data) - at < len(data)
    return out + data[at:]


# ---- files and pipes

@pytest.mark.parametrize("name", BYTES)
def test_each_frame_of_a_file_is_answered_as_classify_answers_it_alone(name, small, tmp_path):
    frames = frames_of(name, 5)
    (tmp_path / f"all.{name}").write_bytes(b"".join(frames))
    flags = ["--range", "video", "--matrix", "bt709"]
    answers, summary = stream(f"{tmp_path}/all.{name}:{WIDTH}x{HEIGHT}", small.plan, "--top", 5, *flags)
    assert counts(summary) == {"frames": 5, "classified": 5, "dropped": 0, "damaged": 0}
    for index, frame in enumerate(frames):
        (tmp_path / f"one.{name}").write_bytes(frame)
        assert answers[index]["frame"] == index
        assert answers[index]["top"] == top_of(small.plan, f"{tmp_path}/one.{name}:{WIDTH}x{HEIGHT}", *flags)


def test_a_pipe_and_standard_input_give_what_the_file_gives(small, tmp_path):
    data = tmp_path / "frames"
    data.write_bytes(b"".join(frames_of("yuyv", 4)))
    how = ["--format", "yuyv", "--size", f"{WIDTH}x{HEIGHT}"]
    expected, _ = stream(data, small.plan, *how)
    with open(data) as file:
        assert [a["top"] for a in stream("-", small.plan, *how, stdin=file)[0]] == [a["top"] for a in expected]
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = subprocess.Popen(["sh", "-c", f"sleep 0.2; for i in 1 2 3 4; do cat; sleep 0.1; done < {data} > {fifo}"])
    answers, summary = stream(fifo, small.plan, *how)
    writer.wait()
    assert [a["top"] for a in answers] == [a["top"] for a in expected] and summary["dropped"] == 0


def test_the_float_network_takes_frames_too(small, tmp_path):
    (frame,) = frames_of("rgb24", 1)
    (tmp_path / "a.rgb24").write_bytes(frame)
    source = f"{tmp_path}/a.rgb24:{WIDTH}x{HEIGHT}"
    answers, _ = stream(source, small.model, "--top", 5)
    assert answers[0]["top"] == top_of(small.model, source)


def test_answers_are_printed_at_a_bounded_rate_and_the_text_ends_in_a_summary(small, tmp_path):
    data = tmp_path / "a.gray8"
    data.write_bytes(b"".join(frames_of("gray8", 30)))
    done = run("stream", f"{data}:{WIDTH}x{HEIGHT}", small.plan, "--fps", 30, "--rate", 5, "--top", 2)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and 2 <= len(lines) - 1 <= 6, done.stdout
    assert re.fullmatch(r" *[0-9.]+ s  frame \d+ +\w+: [01]\.\d{4}, \w+: [01]\.\d{4}", lines[0])
    assert re.fullmatch(r"30 frames in [0-9.]+ s: \d+ classified, \d+ dropped, 0 damaged; [0-9.]+ frames/s; "
                        r"latency [0-9.]+ ms \(median\), [0-9.]+ \(99 %\), [0-9.]+ \(longest\)", lines[-1])


def test_a_file_with_a_rate_takes_its_time_and_drops_what_is_late(small, tmp_path):
    big = 1600, 1200  # takes longer to preprocess than a frame is due for
    data = tmp_path / "a.nv12"
    frames = frames_of("nv12", 3, width=big[0], height=big[1])
    data.write_bytes(b"".join(frames * 20))
    started = time.monotonic()
    answers, summary = stream(f"{data}:1600x1200", small.plan, "--fps", 500)
    assert time.monotonic() - started > 59 / 500
    assert summary["frames"] == 60 and summary["dropped"] > 0 and summary["damaged"] == 0
    assert summary["classified"] == len(answers) == 60 - summary["dropped"]
    indices = [a["frame"] for a in answers]
    assert indices == sorted(set(indices)) and indices[-1] == 59, "the newest is never dropped"


def test_quiet_leaves_answers_alone(small):
    done = run("stream", "/dev/zero", small.plan, "--format", "nv12", "--size", "64x48", "--frames", 1, "-q")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1 and done.stderr == ""


def test_frames_ends_the_stream(small):
    done = run("stream", "/dev/zero", small.plan, "--format", "nv12", "--size", "64x48", "--frames", 7, "--json")
    _, summary = parsed(done)
    assert counts(summary) == {"frames": 7, "classified": 7, "dropped": 0, "damaged": 0}


def test_a_frame_that_is_cut_off_is_told_behind_the_answers(small, tmp_path):
    whole = b"".join(frames_of("i420", 2))
    (tmp_path / "a.i420").write_bytes(whole + b"x" * 1000)
    done = run("stream", f"{tmp_path}/a.i420:64x48", small.plan, "--json", "--rate", 0)
    answers, summary = parsed(done, 3)
    assert len(answers) == summary["classified"] == 2
    said = sentence(done, 3)
    assert "frame 2" in said and "1000" in said and str(len(whole) // 2) in said and "a.i420" in said


@pytest.mark.parametrize("flags,code,says", [
    (["--format", "nv12"], 2, "--size"),
    (["--size", "64x48"], 2, "--format"),
    (["--format", "mjpeg", "--size", "64x48"], 2, "each JPEG of mjpeg says its own"),
    ([], 2, "--format nv12 --size 1920x1080, or --format mjpeg"),
    (["--format", "nv21", "--size", "64x48"], 2, "nv12"),
    (["--format", "nv12", "--size", "0x0"], 2, "WxH"),
    (["--format", "nv12", "--size", "64"], 2, "WxH"),
    (["--format", "nv12", "--size", "63x48"], 3, "even"),
    (["--format", "yuyv", "--size", "63x48"], 3, "even"),
    (["--format", "nv12", "--size", "2000000000x2000000000"], 3, "pixels"),
    (["--format", "nv12", "--size", "64x48", "--fps", "0"], 2, "fps"),
    (["--format", "nv12", "--size", "64x48", "--frames", "0"], 2, "frames"),
    (["--format", "nv12", "--size", "64x48", "--range", "wide"], 2, "full"),
    (["--format", "nv12", "--size", "64x48"], 3, "holds no frame"),
])
def test_a_wrong_description_is_one_sentence(flags, code, says, small, tmp_path):
    (tmp_path / "empty").touch()
    assert says in sentence(run("stream", tmp_path / "empty", small.plan, *flags, "-q"), code)


# ---- Motion JPEG in files and pipes

def tops_of_jpegs(plan, frames, folder):
    tops = []
    for frame in frames:
        (folder / "one.jpg").write_bytes(frame)
        tops.append(top_of(plan, folder / "one.jpg"))
    return tops


def with_thumbnail(data):
    """With an EXIF segment that holds a JPEG of its own, as phones and action cameras write."""
    small = jpeg(99)
    segment = b"Exif\0\0" + small
    return data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:]


@pytest.mark.parametrize("extension", ["mjpeg", "mjpg"])
@pytest.mark.parametrize("between", [b"", b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n", b"\0" * 4096 + b"\xff\xd8\xff"],
                         ids=["nothing", "multipart", "padding"])
def test_each_jpeg_of_a_file_is_answered_as_classify_answers_it_alone(between, extension, small, tmp_path):
    pytest.importorskip("PIL.Image")
    frames = [jpeg(1), jpeg(2, progressive=True), with_thumbnail(jpeg(3)), without_tables(jpeg(4)), jpeg(5, optimize=True),
              jpeg(6, restart_marker_blocks=2)]
    (tmp_path / f"clip.{extension}").write_bytes(between + between.join(frames) + between)
    answers, summary = stream(tmp_path / f"clip.{extension}", small.plan, "--top", 5)
    assert counts(summary)["classified"] == len(frames)
    assert [a["top"] for a in answers] == tops_of_jpegs(small.plan, frames, tmp_path)


def test_a_pipe_of_jpegs_gives_what_the_file_gives(small, tmp_path):
    pytest.importorskip("PIL.Image")
    frames = [jpeg(i) for i in range(5)]
    for index, frame in enumerate(frames):
        (tmp_path / str(index)).write_bytes(frame)
    writer = subprocess.Popen(["sh", "-c", "for i in 0 1 2 3 4; do cat $i; sleep 0.05; done"], cwd=tmp_path,
                              stdout=subprocess.PIPE)
    answers, _ = stream("-", small.plan, "--format", "mjpeg", "--top", 5, stdin=writer.stdout)
    writer.wait()
    assert [a["top"] for a in answers] == tops_of_jpegs(small.plan, frames, tmp_path)


def test_jpegs_that_are_cut_off_are_left_out_and_their_neighbours_answered(small, tmp_path):
    pytest.importorskip("PIL.Image")
    whole = [jpeg(i) for i in range(4)]
    data = whole[0] + whole[1][:len(whole[1]) // 2] + whole[2] + whole[3][:-200]
    (tmp_path / "clip.mjpeg").write_bytes(data)
    done = run("stream", tmp_path / "clip.mjpeg", small.plan, "--json", "--rate", 0, "--top", 5)
    answers, summary = parsed(done)
    assert counts(summary) == {"frames": 4, "classified": 2, "dropped": 0, "damaged": 2}
    assert [a["frame"] for a in answers] == [0, 2]
    assert [a["top"] for a in answers] == tops_of_jpegs(small.plan, [whole[0], whole[2]], tmp_path)
    assert "2 of 4 frames were damaged" in done.stderr and "JPEG" in done.stderr


def test_a_jpeg_without_end_is_given_up_and_the_next_one_answered(small, tmp_path):
    pytest.importorskip("PIL.Image")
    frame = jpeg(1)
    with open(tmp_path / "clip.mjpeg", "wb") as file:
        file.write(frame[:-2])
        file.write(b"x" * (65 << 20))
        file.write(frame)
    done = run("stream", tmp_path / "clip.mjpeg", small.plan, "--json", "--rate", 0)
    answers, summary = parsed(done)
    assert counts(summary) == {"frames": 2, "classified": 1, "dropped": 0, "damaged": 1} and answers[0]["frame"] == 1
    assert "more than 64 MiB" in done.stderr


@pytest.mark.parametrize("content,says", [(b"", "holds no JPEG"), (b"RIFF....AVI nothing\xff\xd8", "holds no JPEG"),
                                          (b"\xff\xd8\xff\xd9", "no frame could be classified: JPEG")])
def test_a_file_without_a_jpeg_is_rejected(content, says, small, tmp_path):
    (tmp_path / "clip.mjpeg").write_bytes(content)
    assert says in sentence(run("stream", tmp_path / "clip.mjpeg", small.plan), 3)


def test_jpegs_with_a_rate_come_as_from_a_camera(small, tmp_path):
    pytest.importorskip("PIL.Image")
    (tmp_path / "clip.mjpeg").write_bytes(jpeg(1) * 11)
    answers, summary = stream(tmp_path / "clip.mjpeg", small.plan, "--fps", 50)
    assert summary["frames"] == 11 and summary["seconds"] >= 10 / 50


def test_a_source_that_is_not_there_or_a_folder_is_one_sentence(small, tmp_path):
    how = ["--format", "nv12", "--size", "64x48"]
    assert "No such file" in sentence(run("stream", tmp_path / "none", small.plan, *how), 3)
    assert "directory" in sentence(run("stream", tmp_path, small.plan, *how), 3)
    assert "--format" in sentence(run("stream", "/dev/null", small.plan), 2)


def test_a_network_that_is_not_fed_pictures_takes_no_frames(tmp_path):
    onnx = pytest.importorskip("onnx")
    weight = onnx.numpy_helper.from_array(numpy.ones((3, 7), numpy.float32), "w")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "table",
        [onnx.helper.make_tensor_value_info("x", 1, [1, 3])], [onnx.helper.make_tensor_value_info("y", 1, [1, 7])],
        [weight])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8),
              str(tmp_path / "m.onnx"))
    said = sentence(run("stream", "/dev/zero", tmp_path / "m.onnx", "--format", "nv12", "--size", "64x48"), 3)
    assert "not fed pictures" in said


def interrupted(process, after):
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    out, err = process.communicate(timeout=10)
    assert time.monotonic() - sent < 1
    assert process.returncode == 130 and "octavo: interrupted" in err
    return json.loads(out.splitlines()[-1])["summary"]


@pytest.mark.parametrize("source", ["busy", "silent", "paced"])
def test_an_interrupt_ends_with_the_summary_within_a_second(source, small):
    read, write = os.pipe()
    flags = {"busy": ["/dev/zero"], "silent": ["-"], "paced": ["/dev/zero", "--fps", "0.2"]}[source]
    process = subprocess.Popen([BINARY, "stream", flags[0], small.plan, "--format", "nv12", "--size", "64x48", "--json",
                                *flags[1:]], stdin=read, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    summary = interrupted(process, 0.7)
    os.close(read)
    os.close(write)
    assert summary["frames"] == 0 if source == "silent" else summary["classified"] > 0


def test_a_reader_that_goes_away_ends_the_stream(small):
    command = f"{BINARY} stream /dev/zero {small.plan} --format nv12 --size 64x48 --rate 0; echo $? >&2"
    done = subprocess.run(["sh", "-c", f"({command}) | head -n 1"], capture_output=True, text=True, timeout=20)
    assert done.stderr.splitlines()[-1] == "1" and "standard output" in done.stderr


# ---- a camera

@pytest.fixture(scope="session")
def camera(tmp_path_factory):
    """camera(formats, frames, ...) gives the path and the environment of one that gives these frames."""
    folder = tmp_path_factory.mktemp("camera")
    library = folder / "fake_camera.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library,
                    HERE / "fake_camera.c", "-ldl"], check=True)
    device = folder / "video0"
    device.symlink_to("/dev/null")

    def make(formats, frames, size="64x48", fps=100, fault="", colors="", api=""):
        files = []
        for index, frame in enumerate(frames):
            files.append(folder / f"{len(list(folder.iterdir()))}.{index}")
            files[-1].write_bytes(frame)
        environment = dict(os.environ, LD_PRELOAD=str(library), FAKE_CAMERA_PATH=str(device),
                           FAKE_CAMERA_FRAMES=":".join(map(str, files)), FAKE_CAMERA_FORMATS=formats,
                           FAKE_CAMERA_SIZE=size, FAKE_CAMERA_FPS=str(fps), FAKE_CAMERA_FAULT=fault,
                           FAKE_CAMERA_COLORS=colors, FAKE_CAMERA_API=api)
        return types.SimpleNamespace(path=device, env=environment)
    return make


@pytest.mark.parametrize("api,code,name", [
    ("", "NV12", "nv12"), ("", "YUYV", "yuyv"), ("", "YU12", "i420"), ("", "RGB3", "rgb24"), ("", "BGR3", "bgr24"),
    ("", "GREY", "gray8"), ("parts", "NV12", "nv12"), ("parts", "NM12", "nv12"), ("parts", "YU12", "i420"),
    ("parts", "YM12", "i420"), ("parts", "YUYV", "yuyv")])
def test_frames_of_a_camera_are_answered_as_files_of_the_same_bytes(api, code, name, small, camera, tmp_path):
    frames = frames_of(name, 3)
    made = camera(code, frames, fps=30, api=api)
    answers, summary = stream(made.path, small.plan, "--frames", 10, "--top", 5, env=made.env)
    assert summary["frames"] >= 10 and summary["damaged"] == 0 and summary["classified"] == len(answers) >= 1
    assert summary["classified"] + summary["dropped"] == summary["frames"] and 9 / 30 <= summary["seconds"]
    for answer in answers:
        (tmp_path / f"one.{name}").write_bytes(frames[answer["frame"] % 3])
        # what V4L2 says of a camera of the colour space sRGB
        assert answer["top"] == top_of(small.plan, f"{tmp_path}/one.{name}:64x48", "--range", "video")


@pytest.mark.parametrize("api,code,fault", [("", "NV12", ""), ("parts", "NV12", ""), ("parts", "NM12", ""),
                                            ("parts", "NM12", "offset:40")])
def test_rows_of_a_camera_may_be_longer_than_their_pixels(api, code, fault, small, camera, tmp_path):
    (frame,) = frames_of("nv12", 1)
    rows = numpy.frombuffer(frame, numpy.uint8).reshape(-1, WIDTH)
    padded = numpy.full((len(rows), WIDTH + 32), 77, numpy.uint8)
    padded[:, :WIDTH] = rows
    made = camera(code, [padded.tobytes()], size="64x48 96", api=api, fault=fault)
    answers, _ = stream(made.path, small.plan, "--frames", 1, "--top", 5, env=made.env)
    (tmp_path / "one.nv12").write_bytes(frame)
    assert answers[0]["top"] == top_of(small.plan, f"{tmp_path}/one.nv12:64x48", "--range", "video")


def test_colours_are_as_the_driver_or_else_the_flags_say(small, camera, tmp_path):
    frames = frames_of("nv12", 1)
    (tmp_path / "one.nv12").write_bytes(frames[0])
    made = camera("NV12", frames, colors="bt709")
    for flags, same in (([], ["--range", "video", "--matrix", "bt709"]),
                        (["--range", "full", "--matrix", "bt601"], [])):
        answers, _ = stream(made.path, small.plan, "--frames", 1, "--top", 5, *flags, env=made.env)
        assert answers[0]["top"] == top_of(small.plan, f"{tmp_path}/one.nv12:64x48", *same)


def test_jpegs_of_a_camera_are_answered_as_files_even_without_tables(small, camera, tmp_path):
    pytest.importorskip("PIL.Image")
    frames = [jpeg(1), without_tables(jpeg(2)) + b"\0" * 100]
    made = camera("MJPG", frames, fps=20)
    answers, summary = stream(made.path, small.plan, "--frames", 8, "--top", 5, env=made.env)
    assert summary["damaged"] == 0 and {a["frame"] % 2 for a in answers} == {0, 1}
    for answer in answers:
        (tmp_path / "one.jpg").write_bytes(jpeg(1 + answer["frame"] % 2))
        assert answer["top"] == top_of(small.plan, tmp_path / "one.jpg")


@pytest.mark.parametrize("fault", ["error:3", "short:3"])
@pytest.mark.parametrize("code,name,api", [("YUYV", "yuyv", ""), ("MJPG", None, ""), ("NM12", "nv12", "parts"),
                                           ("MJPG", None, "parts")])
def test_damaged_frames_are_left_out_counted_and_told(fault, code, name, api, small, camera):
    made = camera(code, frames_of(name, 2) if name else [jpeg(3)], fps=25, fault=fault, api=api)
    done = run("stream", made.path, small.plan, "--frames", 12, "--json", "--rate", 0, env=made.env)
    answers, summary = parsed(done)
    assert 1 <= summary["damaged"] <= 4 and summary["classified"] == len(answers)
    assert all(a["frame"] % 3 != 2 for a in answers)
    assert "frames were damaged" in done.stderr


def test_a_camera_of_which_no_frame_can_be_read_is_rejected(small, camera):
    made = camera("MJPG", [b"\xff\xd8\xffno jpeg", b""])
    done = run("stream", made.path, small.plan, "--frames", 4, "--json", env=made.env)
    assert parsed(done, 3)[1]["classified"] == 0 and "no frame could be classified" in sentence(done, 3)


def test_late_frames_and_those_that_found_no_buffer_are_dropped_and_counted(small, camera):
    # preprocessing takes longer than a frame is due for
    made = camera("NV12", frames_of("nv12", 1, width=1600, height=1200), size="1600x1200", fps=400)
    answers, summary = stream(made.path, small.plan, "--frames", 100, env=made.env)
    assert summary["dropped"] > 10 and summary["damaged"] == 0 and summary["frames"] >= 100
    assert summary["classified"] == len(answers) == summary["frames"] - summary["dropped"]
    assert summary["latency_ms"]["p50"] > 0


def test_a_driver_that_does_not_count_frames_is_counted_for(small, camera):
    made = camera("NV12", frames_of("nv12", 1), fault="still")
    answers, summary = stream(made.path, small.plan, "--frames", 10, env=made.env)
    assert summary["frames"] == 10 and answers[-1]["frame"] == 9


@pytest.mark.parametrize("fault,says", [("gone:20", "is gone"), ("broken:20", "was it unplugged?")])
def test_a_camera_that_vanishes_ends_with_the_summary_and_a_sentence(fault, says, small, camera):
    made = camera("NV12", frames_of("nv12", 1), fault=fault)
    done = run("stream", made.path, small.plan, "--json", env=made.env)
    assert 1 <= parsed(done, 1)[1]["frames"] <= 21
    assert says in sentence(done, 1) and str(made.path) in sentence(done, 1)


def test_a_camera_that_falls_silent_is_told(small, camera):
    made = camera("NV12", frames_of("nv12", 1), fault="silent:5")
    done = run("stream", made.path, small.plan, "--json", env=made.env)
    assert 1 <= parsed(done, 1)[1]["frames"] <= 5 and "gave no frame for 5 s" in sentence(done, 1)


@pytest.mark.parametrize("flags", [["--format", "nv12"], ["--size", "640x480"], ["--format", "mjpeg", "--size", "32x32"]])
def test_a_camera_that_gives_another_format_than_asked_is_rejected_by_name(flags, small, camera):
    made = camera("YUYV GREY", frames_of("yuyv", 1), fault="stubborn")
    said = sentence(run("stream", made.path, small.plan, *flags, env=made.env), 3)
    assert "64x48 yuyv" in said and flags[1] in said and "its formats are yuyv, gray8" in said


def test_of_a_camera_that_has_an_unknown_format_the_first_known_is_taken(small, camera):
    made = camera("PAL8 GREY", frames_of("gray8", 1))
    done = run("stream", made.path, small.plan, "--frames", 2, env=made.env)
    assert done.returncode == 0 and "gray8" in done.stderr
    made = camera("PAL8 H264", frames_of("gray8", 1))
    said = sentence(run("stream", made.path, small.plan, env=made.env), 3)
    assert "PAL8, H264" in said and "nv12" in said


def test_a_format_is_asked_for_by_the_code_that_the_camera_calls_it_by(small, camera):
    made = camera("YUYV NM12", frames_of("nv12", 1), api="parts")
    done = run("stream", made.path, small.plan, "--frames", 2, "--format", "nv12", "--size", "32x16", env=made.env)
    assert done.returncode == 0 and "32x16 nv12" in done.stderr


@pytest.mark.parametrize("count", [1, 3, 255])
def test_a_camera_whose_frames_have_other_parts_than_their_format_is_rejected(count, small, camera):
    made = camera("NM12", frames_of("nv12", 1), api="parts", fault=f"parts:{count}")
    said = sentence(run("stream", made.path, small.plan, env=made.env), 3)
    assert f"NM12 in {count} parts; 2 would be right" in said


def test_a_camera_that_says_more_than_its_buffers_hold_gives_damaged_frames(small, camera):
    made = camera("NM12", frames_of("nv12", 1), api="parts", fault="beyond")
    said = sentence(run("stream", made.path, small.plan, "--frames", 4, "--rate", 0, env=made.env), 3)
    assert "no frame could be classified: plane 0: 0 bytes" in said


def test_a_camera_is_asked_for_a_rate_and_says_it(small, camera):
    made = camera("NV12", frames_of("nv12", 1))
    done = run("stream", made.path, small.plan, "--frames", 10, "--fps", 25, "--json", env=made.env)
    assert parsed(done)[1]["seconds"] >= 9 / 25 and "25 frames/s" in done.stderr


def test_a_camera_of_odd_frames_is_rejected(small, camera):
    made = camera("NV12", [b"x" * 6000], size="63x47")
    done = run("stream", made.path, small.plan, "--frames", 2, env=made.env)
    assert "even" in sentence(done, 3) and done.stdout == ""


@pytest.mark.parametrize("fault,code,says", [("busy", 1, "another program"), ("output", 3, "video device"),
                                             ("pipeline", 1, "media-ctl")])
@pytest.mark.parametrize("api", ["", "parts"])
def test_a_camera_that_cannot_be_used_is_one_sentence(fault, code, says, api, small, camera):
    made = camera("NV12", frames_of("nv12", 1), fault=fault, api=api)
    assert says in sentence(run("stream", made.path, small.plan, env=made.env), code)


def test_an_interrupt_ends_a_camera_with_the_summary(small, camera):
    made = camera("NV12", frames_of("nv12", 1), fps=30)
    process = subprocess.Popen([BINARY, "stream", made.path, small.plan, "--json"], env=made.env,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert interrupted(process, 0.7)["classified"] > 5

"""octavo.load(): the program's answers to the bit, for every kind of input; what a model says of itself."""

import concurrent.futures
import copy
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import threading

import numpy
import octavo
import PIL.Image
import pytest

import program


def random_pixels(model, n, seed=5):
    return numpy.random.default_rng(seed).integers(0, 256, (n, *model.info.input), numpy.uint8)


def test_logits_are_the_programs(model, small, logits):
    assert numpy.array_equal(numpy.stack([model.logits(path) for path in small.pictures]), logits)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_batch_gives_the_same(model, small, logits, threads):
    assert numpy.array_equal(model.logits(small.pictures, threads=threads), logits)


def test_answers_are_the_programs(model, small):
    said = json.loads(program.run("classify", small.plan, small.pictures[0], "--json").stdout)["results"][0]["top"]
    answers = model(small.pictures[0], top_k=3)
    assert [(a["index"], a["label"]) for a in answers] == [(t["index"], t["label"]) for t in said[:3]]
    assert answers[0]["score"] == pytest.approx(said[0]["score"], abs=1e-6)
    assert len(model(small.pictures[0], top_k=100)) == program.CLASSES
    assert model(small.pictures[:3], top_k=2) == [model(path, top_k=2) for path in small.pictures[:3]]
    assert model([]) == []


def test_bytes_images_and_pixels_are_the_same_picture(model, small, logits):
    for index in (0, 1):  # a JPEG and a PNG
        path = small.pictures[index]
        image = PIL.Image.open(path)
        pixels = numpy.asarray(image.convert("RGB"))
        padded = numpy.zeros((pixels.shape[0], pixels.shape[1] + 7, 3), numpy.uint8)
        padded[:, :-7] = pixels
        with open(path, "rb") as file:
            encoded = file.read()
        for given in (encoded, bytearray(encoded), image, image.convert("RGBA"), pixels, padded[:, :-7],
                      numpy.asfortranarray(pixels), pixels[::-1][::-1]):
            assert numpy.array_equal(model.logits(given), logits[index]), type(given)
    gray = PIL.Image.open(small.pictures[0]).convert("L")
    assert numpy.array_equal(model.logits(numpy.asarray(gray)), model.logits(gray))


def test_frames_are_the_programs(model, small, tmp_path):
    random = numpy.random.default_rng(3)
    y, uv = random.integers(0, 256, (48, 64), numpy.uint8), random.integers(0, 256, (24, 64), numpy.uint8)
    (tmp_path / "frame.nv12").write_bytes(y.tobytes() + uv.tobytes())
    done = program.run("classify", small.plan, f"{tmp_path}/frame.nv12:64x48", "--range", "video", "--matrix", "bt709",
                       "--json")
    said = [top["index"] for top in json.loads(done.stdout)["results"][0]["top"]]
    padded_y, padded_uv = numpy.zeros((48, 80), numpy.uint8), numpy.zeros((24, 80), numpy.uint8)
    padded_y[:, :64], padded_uv[:, :64] = y, uv
    answers = [model.classify_nv12(*planes, 64, 48, stride=stride, video_range=True, bt709=True) for planes, stride in [
        ((y, uv), None), ((y.tobytes(), uv.tobytes()), 64), ((padded_y[:, :64], padded_uv[:, :64]), None),
        ((padded_y.tobytes(), padded_uv.tobytes()), 80), ((y, uv.reshape(24, 32, 2)), None)]]
    assert [answer["index"] for answer in answers[0]] == said
    assert all(answer == answers[0] for answer in answers)


def test_tensors_in_every_layout_are_one(model):
    pixels = random_pixels(model, 5)
    expected = model.run(pixels)
    assert expected.shape == (5, program.CLASSES) and expected.dtype == numpy.float32
    assert numpy.array_equal(numpy.concatenate([model.run(one) for one in pixels]), expected)
    assert numpy.array_equal(model.run(pixels.transpose(0, 3, 1, 2), threads=2), expected)
    values = ((pixels - numpy.array(model.info.mean)) / numpy.array(model.info.std)).astype(numpy.float32)
    for given in (values, values.transpose(0, 3, 1, 2), values.astype(numpy.float64), values[::-1][::-1]):
        assert numpy.array_equal(model.run(given), expected)

    class Tensor:  # what speaks DLPack and nothing else
        def __dlpack__(self, **how):
            return values.__dlpack__(**how)

        def __dlpack_device__(self):
            return values.__dlpack_device__()

    assert numpy.array_equal(model.run(Tensor()), expected)
    session = octavo.InferenceSession(model.to_bytes())
    name = session.get_inputs()[0].name
    assert numpy.array_equal(session.run(None, {name: values.transpose(0, 3, 1, 2)})[0], expected)


def test_a_model_says_what_it_is(model, small):
    said = json.loads(program.run("inspect", small.plan, "--json").stdout)
    info = model.info
    assert list(info.input) == said["input"] and info.classes == said["classes"] and info.macs == said["macs"]
    assert info.parameters == said["parameters"] and info.isa == said["isa"]
    assert info.model_sha256 == said["provenance"]["model_sha256"]
    assert [(s.name, s.op, s.macs, list(s.output)) for s in model.steps] == \
        [(s["name"], s["op"], s["macs"], s["output"]) for s in said["steps"]]
    assert model.labels == ["red", "green", "blue", "yellow"]
    assert json.loads(info.to_json())["classes"] == 4 and "<table>" in model._repr_html_()
    assert model.to_bytes() == small.plan.read_bytes()


def test_pickle_and_copy_keep_the_bits(model):
    pixels = random_pixels(model, 2)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), octavo.load(memoryview(model.to_bytes()))):
        assert numpy.array_equal(other.run(pixels), model.run(pixels))


def test_threads_that_wait_asleep_give_the_same_bits(small, model):
    pixels = random_pixels(model, 2)
    asleep = octavo.load(small.plan, threads=2, wait="passive")
    assert (asleep.run(pixels) == model.run(pixels)).all()
    assert (pickle.loads(pickle.dumps(asleep)).run(pixels) == model.run(pixels)).all()
    with pytest.raises(octavo.UsageError, match="spin and passive"):
        octavo.load(small.plan, wait="never")


def test_threads_share_a_model(model):
    pixels = random_pixels(model, 40)
    expected = model.run(pixels)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        several = list(pool.map(lambda one: model.run(one)[0], list(pixels) * 5))
    assert numpy.array_equal(numpy.stack(several), numpy.concatenate([expected] * 5))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_fork_goes_on(small, threads):
    model = octavo.load(small.plan, threads=threads)
    pixels = random_pixels(model, 1)
    expected = model.run(pixels)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if numpy.array_equal(model.run(pixels), expected) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert numpy.array_equal(model.run(pixels), expected)


def test_a_fork_while_other_threads_classify_goes_on(small):
    model = octavo.load(small.plan)
    pixels = random_pixels(model, 1)
    expected = model.run(pixels)
    ended = threading.Event()

    def busy():
        while not ended.is_set():
            model.run(pixels)

    others = [threading.Thread(target=busy) for _ in range(2)]
    for thread in others:
        thread.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    signal.alarm(60)
                    code = 0 if numpy.array_equal(model.run(pixels), expected) else 2
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        ended.set()
        for thread in others:
            thread.join()


def modules_after(code):
    """The top-level modules that a fresh interpreter has loaded after the code."""
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True,
                          text=True, env=dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(octavo.__file__))))
    assert done.returncode == 0 and done.stderr == ""
    return {name.split(".")[0] for name in done.stdout.split()}


def test_the_package_brings_numpy_alone():
    """PIL and tqdm are used where the caller has them."""
    loaded = modules_after("import octavo; octavo.load, octavo.build, octavo.zoo, octavo.InferenceSession")
    assert {"octavo", "numpy"} <= loaded
    assert not loaded & {"PIL", "tqdm", "onnx", "onnxruntime", "torch", "asyncio", "unittest"}


def test_importing_it_waits_for_nothing():
    added = modules_after("import octavo") - modules_after("pass")
    assert added == {"octavo", "__future__"}


def test_every_public_name_is_there():
    assert set(octavo.__all__) <= set(dir(octavo))
    assert all(getattr(octavo, name) is not None for name in octavo.__all__)
    assert octavo.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        octavo.lod


def test_of_a_plan_without_labels_classes_have_the_programs_names(small, tmp_path):
    octavo.build(small.folder / "model.onnx", tmp_path / "unnamed.octavo", small.folder / "pictures")
    unnamed = octavo.load(tmp_path / "unnamed.octavo")
    assert unnamed.labels == []
    assert [a["label"] for a in unnamed(small.pictures[0])] == [f"class {a['index']}" for a in unnamed(small.pictures[0])]
    assert unnamed(small.pictures[0], top_k=1)[0]["label"] in program.run("classify", tmp_path / "unnamed.octavo",
                                                                        small.pictures[0]).stdout


def test_a_picture_that_cannot_be_read_is_called_by_its_name(model, small, tmp_path):
    (tmp_path / "no.jpg").write_text("no picture")
    for given in (tmp_path / "no.jpg", [small.pictures[0], str(tmp_path / "no.jpg")]):
        with pytest.raises(octavo.RejectedError, match=r"no\.jpg': the first bytes are not those"):
            model(given)
    with pytest.raises(octavo.RejectedError, match="^input 1: the first bytes"):
        model([small.pictures[0], b"no picture"])


@pytest.mark.parametrize("given", [None, 3, iter([]), {}, io.BytesIO(b"")])
def test_what_is_no_picture_is_told_what_one_is(model, given):
    with pytest.raises(octavo.UsageError, match="a picture is a path, .* not " + type(given).__name__):
        model(given)
    with pytest.raises(octavo.UsageError, match="planes"):
        model.classify_frame("nv12", given, 64, 48)


@pytest.mark.parametrize("load", [octavo.load, octavo.InferenceSession])
def test_a_float_model_where_a_plan_belongs_is_told_how_one_is_made(load, small):
    with pytest.raises(octavo.RejectedError, match=r"model\.onnx.*not an Octavo plan.*octavo\.build\("):
        load(small.folder / "model.onnx")
    with pytest.raises(octavo.RejectedError, match="is a folder, not a file"):
        load(small.folder)

"""`build --config` reads hb_mapper's YAML as it is, and gives what the same flags give."""

import json
import re
import shutil

import numpy
import pytest

from program import SEED, run
from test_edges import make_network_with_a_power
from test_program import answer, fails

YAML = {
    "model_parameters": {
        "onnx_model": "./model.onnx", "march": "bayes-e", "layer_out_dump": False,
        "working_dir": "model_output", "output_model_file_prefix": "small_224x224_nv12"},
    "input_parameters": {
        "input_name": "", "input_type_rt": "nv12", "input_type_train": "rgb",
        "input_layout_train": "NCHW", "input_shape": "", "norm_type": "data_mean_and_scale",
        "mean_value": "123.675 116.28 103.53", "scale_value": "0.015625 0.03125 0.0078125"},
    "calibration_parameters": {
        "cal_data_dir": "./dumps", "cal_data_type": "float32", "calibration_type": "default"},
    "compiler_parameters": {
        "compile_mode": "latency", "debug": False, "optimize_level": "O3"},
}
# The same for the flags: std is 1 / scale.
FLAGS = ["--mean", "123.675,116.28,103.53", "--std", "64,32,128", "--color", "rgb"]
REMOVED = "(removed)"


def write_yaml(path, **changes):
    """YAML with some keys changed, added or REMOVED; hb_mapper's own style, with quotes."""
    sections = {section: dict(keys) for section, keys in YAML.items()}
    for name, value in changes.items():
        section = next((s for s, keys in sections.items() if name in keys), None) or {
            "cal": "calibration_parameters", "max": "calibration_parameters",
            "per": "calibration_parameters", "pre": "calibration_parameters",
            "opt": "calibration_parameters", "inp": "input_parameters", "run": "calibration_parameters",
            "cor": "compiler_parameters", "job": "compiler_parameters"}.get(name[:3], "model_parameters")
        if value == REMOVED:
            del sections[section][name]
        else:
            sections[section][name] = value
    text = "# made by a test\n"
    for section, keys in sections.items():
        text += f"{section}:\n"
        for name, value in keys.items():
            text += f"  {name}: {value if isinstance(value, bool) else json.dumps(value)}\n"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def place(small, tmp_path_factory):
    """model.onnx, pictures, and the same pictures as dumps: what the board's flow has."""
    folder = tmp_path_factory.mktemp("config")
    shutil.copy(small.model, folder / "model.onnx")
    from PIL import Image
    random = numpy.random.default_rng(SEED)
    for name in ("pictures", "dumps", "dumps_bgr", "dumps_u8", "dumps_nhwc"):
        (folder / name).mkdir()
    for index in range(40):
        pixels = random.integers(0, 256, (32, 32, 3), numpy.uint8) // (1 + index % 3)
        Image.fromarray(pixels).save(folder / "pictures" / f"{index:02}.png")
        chw = pixels.transpose(2, 0, 1)
        chw.astype(numpy.float32).tofile(folder / "dumps" / f"{index:02}.rgbchw")
        chw[::-1].astype(numpy.float32).tofile(folder / "dumps_bgr" / f"{index:02}.bgr")
        numpy.ascontiguousarray(chw).tofile(folder / "dumps_u8" / f"{index:02}.dat")
        pixels.astype(numpy.float32).tofile(folder / "dumps_nhwc" / f"{index:02}.f32")
    return folder


def built(place, out, *arguments, **options):
    done = run("build", *arguments, "-o", out, "-q", cwd=place, **options)
    assert done.returncode == 0, done.stderr
    return out.read_bytes()


PLANS = {}


def by_flags(place, out, *more):
    """Pictures of the network's size are taken as they are, as dumps are. Made once a call."""
    if more not in PLANS:
        PLANS[more] = built(place, out, "model.onnx", "--calib", "pictures", "--resize", 32, *more)
    return PLANS[more]


def test_dumps_give_the_plan_of_the_pictures_that_they_are_of(place, tmp_path):
    # NV12 is the way at run time only: dumps are calibrated as they lie there.
    shared = ["--resize", 32, "--via", "none"]
    expected = by_flags(place, tmp_path / "flags.octavo", *FLAGS)
    for name, changes in {
            "float32": {}, "no type": {"cal_data_type": REMOVED},
            "uint8": {"cal_data_dir": "dumps_u8", "cal_data_type": "uint8"}}.items():
        config = write_yaml(tmp_path / f"{name}.yaml", **changes)
        assert built(place, tmp_path / f"{name}.octavo", "--config", config, *shared) == expected, name


def test_dumps_of_a_network_in_nhwc_are_read_in_its_layout(place, tmp_path):
    import onnx
    model = onnx.load(place / "model.onnx")
    model.graph.node.insert(0, onnx.helper.make_node("Transpose", ["nhwc"], ["input"], "to_nchw", perm=[0, 3, 1, 2]))
    del model.graph.input[:]
    model.graph.input.append(onnx.helper.make_tensor_value_info("nhwc", onnx.TensorProto.FLOAT, [1, 32, 32, 3]))
    onnx.save(model, tmp_path / "nhwc.onnx")
    config = write_yaml(tmp_path / "nhwc.yaml", onnx_model=str(tmp_path / "nhwc.onnx"),
                        input_layout_train="NHWC", cal_data_dir="dumps_nhwc", input_shape="1x32x32x3")
    with_yaml = built(place, tmp_path / "a.octavo", "--config", config, "--resize", 32, "--via", "none")
    with_flags = built(place, tmp_path / "b.octavo", tmp_path / "nhwc.onnx", "--calib", "pictures",
                       *FLAGS, "--resize", 32)
    assert with_yaml == with_flags


def test_pictures_are_preprocessed_as_the_flags_say(place, tmp_path):
    expected = by_flags(place, tmp_path / "flags.octavo", *FLAGS, "--via", "nv12")
    config = write_yaml(tmp_path / "on.yaml", cal_data_dir="pictures", preprocess_on=True)
    assert built(place, tmp_path / "yaml.octavo", "--config", config, "--resize", 32) == expected
    config = write_yaml(tmp_path / "off.yaml", cal_data_dir="pictures")
    done = run("build", "--config", config, "--dry-run", cwd=place)
    assert done.returncode == 0 and "as if preprocess_on were True" in done.stderr


@pytest.mark.parametrize("changes, flags", [
    ({"calibration_type": "mix"}, []),
    ({"calibration_type": "kl"}, [("--method", "kl")]),
    ({"calibration_type": "max"}, [("--method", "max")]),
    ({"calibration_type": "max", "max_percentile": 0.9999}, [("--method", "percentile"), ("--percentile", 99.99)]),
    ({"per_channel": True}, []),
    ({"input_type_train": "bgr", "cal_data_dir": "dumps_bgr"}, [("--color", "bgr")]),
    ({"input_type_rt": "bgr"}, []),
    ({"norm_type": "data_mean", "scale_value": ""}, [("--std", 1)]),
    ({"norm_type": "data_scale", "mean_value": "None", "scale_value": 0.03125}, [("--mean", 0), ("--std", 32)]),
    ({"norm_type": "no_preprocess", "mean_value": REMOVED, "scale_value": REMOVED}, [("--mean", 0), ("--std", 1)]),
    ({"node_info": "residual:int16; project:int16"}, [("--int16", "residual,project")]),
    ({"set_node_data_type": "project:int16"}, [("--int16", "project")]),
    ({"node_info": {"project": {"ON": "BPU", "InputType": "int8", "OutputType": "int16"}}}, [("--int16", "project")]),
    ({"optimization": "set_all_nodes_int16"}, [("--all-int16", None)]),
    ({"optimization": "set_model_output_int16;set_Softmax_input_int8"}, []),
    ({"remove_node_type": "Quantize; Dequantize", "remove_node_name": "head"}, []),
], ids=lambda value: json.dumps(value) if isinstance(value, dict) else None)
def test_a_key_means_what_the_flag_means(place, tmp_path, changes, flags):
    config = write_yaml(tmp_path / "a.yaml", **changes)
    with_yaml = built(place, tmp_path / "yaml.octavo", "--config", config, "--resize", 32, "--via", "none")
    arguments = list(FLAGS)
    for flag, value in flags:
        if flag in arguments:
            arguments[arguments.index(flag) + 1] = value
        else:
            arguments += [flag, value] if value is not None else [flag]
    assert with_yaml == by_flags(place, tmp_path / "flags.octavo", *arguments)


def step_types(plan):
    return {step["name"]: step["precision"] for step in answer("inspect", plan)["steps"]}


def test_an_input_in_int16_is_the_output_of_what_makes_it(place, tmp_path):
    for info, same in [({"project": {"InputType": "int16"}}, "excite"),
                       ({"residual": {"InputType0": "int16"}}, "project"),
                       ({"stem": {"InputType": "int16", "OutputType": "int16"}}, "stem")]:
        config = write_yaml(tmp_path / "a.yaml", node_info=info)
        given = built(place, tmp_path / "a.octavo", "--config", config, "--overwrite")
        built(place, tmp_path / "b.octavo", "--config", config, "--int16", same, "--overwrite")
        assert step_types(tmp_path / "a.octavo") == step_types(tmp_path / "b.octavo")
        assert given != built(place, tmp_path / "c.octavo", "--config", write_yaml(tmp_path / "c.yaml"), "--overwrite")


def test_operators_are_named_by_their_type(place, tmp_path):
    config = write_yaml(tmp_path / "a.yaml", optimization="set_HardSwish_output_int16")
    typed = built(place, tmp_path / "a.octavo", "--config", config, "--resize", 32, "--via", "none")
    assert typed == built(place, tmp_path / "b.octavo", "model.onnx", "--calib", "pictures", *FLAGS,
                          "--resize", 32, "--int16", "deep_hard_swish")
    wrong = write_yaml(tmp_path / "b.yaml", optimization="set_HardSwiss_output_int16")
    refused(place, wrong, "'HardSwiss'", "the nearest is 'HardSwish'")


def test_names_match_without_the_suffixes_of_the_boards_tool(place, tmp_path):
    plain = write_yaml(tmp_path / "a.yaml", node_info="project:int16")
    longer = write_yaml(tmp_path / "b.yaml", node_info="project_mul_reshape_0:int16")
    first = built(place, tmp_path / "a.octavo", "--config", plain)
    assert built(place, tmp_path / "b.octavo", "--config", longer) == first
    done = run("build", "--config", longer, "--dry-run", cwd=place)
    assert "'project_mul_reshape_0' is taken to be 'project'" in done.stderr


def test_the_plan_goes_to_working_dir_under_the_prefix(place, tmp_path):
    config = write_yaml(tmp_path / "a.yaml", working_dir=str(tmp_path / "deep" / "er"))
    done = run("build", "--config", config, "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    plan = tmp_path / "deep" / "er" / "small_224x224_nv12.octavo"
    assert json.loads(done.stdout)["plan"] == str(plan)
    before = plan.read_bytes()
    again = run("build", "--config", config, cwd=place)
    assert again.returncode == 2 and "--overwrite" in again.stderr
    assert plan.read_bytes() == before
    assert run("build", "--config", config, "--overwrite", "-q", cwd=place).returncode == 0


def test_a_build_that_fails_leaves_no_folder(place, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "a.rgb").write_bytes(b"1234")
    config = write_yaml(tmp_path / "a.yaml", working_dir=str(tmp_path / "new"), cal_data_dir=str(empty))
    assert run("build", "--config", config, cwd=place).returncode == 3
    assert not (tmp_path / "new").exists()


def test_paths_are_looked_for_beside_the_yaml_too_and_that_is_said(place, tmp_path):
    shutil.copytree(place / "dumps", tmp_path / "inner" / "dumps")
    shutil.copy(place / "model.onnx", tmp_path / "inner")
    write_yaml(tmp_path / "inner" / "a.yaml")
    done = run("build", "--config", "inner/a.yaml", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "'./dumps' is found beside the YAML: 'inner/dumps'" in done.stderr
    assert "'./model.onnx' is found beside the YAML" in done.stderr
    write_yaml(tmp_path / "inner" / "b.yaml", cal_data_dir="elsewhere")
    refused(tmp_path, tmp_path / "inner" / "b.yaml", "cal_data_dir", "'elsewhere'", "beside")


def test_keys_of_the_board_are_named_and_passed_over(place, tmp_path):
    config = write_yaml(tmp_path / "a.yaml", jobs=16, core_num=2, run_on_cpu="head",
                        debug_mode="dump_calibration_data")
    done = run("build", "--config", config, "--dry-run", cwd=place)
    assert done.returncode == 0, done.stderr
    line, = [line for line in done.stderr.splitlines() if "passed over" in line]
    for key in ("march", "compile_mode", "jobs", "core_num", "run_on_cpu", "debug_mode", "optimize_level"):
        assert key in line
    assert "onnx_model" not in line


def test_flags_go_before_the_file(place, tmp_path):
    config = write_yaml(tmp_path / "a.yaml", onnx_model="nothing.onnx", cal_data_dir="nowhere",
                        calibration_type="kl", node_info="project:int16")
    with_both = built(place, tmp_path / "a.octavo", "model.onnx", "--config", config, "--calib", "dumps",
                      "--method", "max", "--mean", "1,2,3", "--int16", "residual", "--resize", 32,
                      "--via", "none", "--seed", 3)
    assert with_both == built(place, tmp_path / "b.octavo", "model.onnx", "--calib", "pictures",
                              "--method", "max", "--mean", "1,2,3", "--std", "64,32,128", "--int16",
                              "residual", "--resize", 32, "--seed", 3)


def test_the_network_ends_where_output_nodes_says(place, tmp_path):
    import onnx
    whole = onnx.load(place / "model.onnx")
    whole.graph.node.append(onnx.helper.make_node("Mul", ["logits", "two"], ["doubled"], "doubled"))
    whole.graph.initializer.append(onnx.numpy_helper.from_array(numpy.float32(2), "two"))
    del whole.graph.output[:]
    whole.graph.output.append(onnx.helper.make_tensor_value_info("doubled", onnx.TensorProto.FLOAT, [1, 4]))
    onnx.save(whole, tmp_path / "whole.onnx")
    config = write_yaml(tmp_path / "a.yaml", onnx_model=str(tmp_path / "whole.onnx"), output_nodes="head")
    built(place, tmp_path / "cut.octavo", "--config", config)
    built(place, tmp_path / "short.octavo", "--config", write_yaml(tmp_path / "b.yaml"))
    picture = place / "pictures" / "00.png"
    for name in ("cut", "short"):
        done = run("classify", tmp_path / f"{name}.octavo", picture, "--logits", tmp_path / f"{name}.npy")
        assert done.returncode == 0, done.stderr
    assert numpy.array_equal(numpy.load(tmp_path / "cut.npy"), numpy.load(tmp_path / "short.npy"))
    wrong = write_yaml(tmp_path / "c.yaml", output_nodes="heat")
    refused(place, wrong, "'heat'", "the nearest is 'head'")


def test_a_featuremap_is_fed_as_it_lies_in_the_dumps(place, tmp_path):
    folder = tmp_path / "features"
    folder.mkdir()
    random = numpy.random.default_rng(SEED)
    for index in range(16):
        random.normal(0, 1, (3, 32, 32)).astype(numpy.float32).tofile(folder / f"{index}.bin")
    config = write_yaml(tmp_path / "a.yaml", input_type_rt="featuremap", input_type_train="featuremap",
                        norm_type="no_preprocess", mean_value=REMOVED, scale_value=REMOVED,
                        cal_data_dir=str(folder))
    built(place, tmp_path / "a.octavo", "--config", config)
    numpy.save(tmp_path / "x.npy", random.normal(0, 1, (1, 3, 32, 32)).astype(numpy.float32))
    done = run("classify", tmp_path / "a.octavo", tmp_path / "x.npy", "--logits", tmp_path / "y.npy")
    assert done.returncode == 0, done.stderr
    import onnxruntime
    session = onnxruntime.InferenceSession(place / "model.onnx")
    expected, = session.run(None, {"input": numpy.load(tmp_path / "x.npy")})
    found = numpy.load(tmp_path / "y.npy")
    assert numpy.abs(found - expected).max() < 0.1 * expected.std()


# ---- what is refused

def refused(place, config, *says):
    done = run("build", "--config", config, "--dry-run", cwd=place)
    assert done.returncode == 3, (done.returncode, done.stderr)
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("octavo: ")
    for text in says:
        assert text in last, last


@pytest.mark.parametrize("changes, says", [
    ({"calibration_typ": "kl"}, ["line", "calibration_typ", "did you mean calibration_type?"]),
    ({"input_type_rt": "nv21"}, ["input_type_rt", "'nv21'", "did you mean nv12?"]),
    ({"calibration_type": "maxx"}, ["calibration_type", "did you mean max?"]),
    ({"calibration_type": "skip"}, ["'skip'", "needs pictures"]),
    ({"calibration_type": "load"}, ["'load'"]),
    ({"calibration_type": "max", "max_percentile": 1.5}, ["max_percentile", "'1.5'"]),
    ({"norm_type": "data_mean", "mean_value": ""}, ["norm_type", "needs input_parameters.mean_value"]),
    ({"norm_type": "data_mean"}, ["scale_value", "contradicts norm_type 'data_mean'"]),
    ({"norm_type": REMOVED}, ["norm_type is needed"]),
    ({"mean_value": "1 2"}, ["mean_value has 2 numbers"]),
    ({"mean_value": "1 2 x"}, ["mean_value has 'x'"]),
    ({"scale_value": "0 1 1"}, ["scale_value has '0'"]),
    ({"scale_value": [1, 2]}, ["scale_value", "2 inputs"]),
    ({"input_type_rt": "rgb", "input_type_train": "gray"}, ["'rgb' cannot become", "'gray'"]),
    ({"input_type_rt": "yuv444"}, ["'yuv444' cannot become"]),
    ({"input_type_rt": "yuv444", "input_type_train": "yuv444"}, ["yuv444"]),
    ({"input_shape": "1x3x31x32"}, ["input_shape", "even"]),
    ({"input_shape": "1x3x64x64"}, ["input_shape is 1x3x64x64", "1x3x32x32"]),
    ({"input_shape": "1x32x32x3"}, ["contradicts input_type_train and input_layout_train"]),
    ({"input_layout_train": "NHWC"}, ["3 channels, NHWC", "1x3x32x32"]),
    ({"input_type_train": "gray", "input_type_rt": "gray", "mean_value": 1, "scale_value": 1}, ["1 channels"]),
    ({"input_name": "data"}, ["input_name is 'data'", "'input'"]),
    ({"input_name": "input;other"}, ["input_name", "2 inputs"]),
    ({"input_batch": 200}, ["input_batch is '200'"]),
    ({"input_space_and_range": "bt601_video", "input_type_rt": "rgb"}, ["bt601_video", "nv12"]),
    ({"preprocess_on": True}, ["preprocess_on", "00.rgbchw"]),
    ({"preprocess_on": "perhaps"}, ["preprocess_on is 'perhaps'"]),
    ({"cal_data_type": "uint8"}, [".rgbchw' has 12288 bytes", "uint8", "3072", "float32"]),
    ({"cal_data_type": "float16"}, ["cal_data_type", "float32"]),
    ({"cal_data_dir": REMOVED}, ["cal_data_dir is needed"]),
    ({"onnx_model": REMOVED}, ["onnx_model is needed"]),
    ({"caffe_model": "x.caffemodel"}, ["Caffe"]),
    ({"node_info": "projekt:int16"}, ["node_info", "'projekt'", "the nearest is 'project'"]),
    ({"node_info": "project"}, ["node_info", "NODE:int16"]),
    ({"node_info": {"project": {"OutputTyp": "int16"}}}, ["OutputTyp"]),
    ({"node_info": {"project": {"OutputType": "float32"}}}, ["'float32'", "int16"]),
    ({"node_info": {"project": "int16"}}, ["node_info.project"]),
    ({"output_nodes": "a;b"}, ["output_nodes names 2 nodes"]),
    ({"remove_node_type": "Quantise"}, ["remove_node_type", "did you mean Quantize?"]),
    ({"optimization": "set_all_nodes_int61"}, ["optimization", "did you mean set_all_nodes_int16?"]),
    ({"output_model_file_prefix": "a/b"}, ["output_model_file_prefix", "working_dir"]),
], ids=lambda value: json.dumps(value) if isinstance(value, dict) else None)
def test_what_cannot_be_is_refused_in_a_line_that_names_the_key(place, tmp_path, changes, says):
    refused(place, write_yaml(tmp_path / "a.yaml", **changes), *says)


@pytest.mark.parametrize("text, says", [
    ("model_parameter:\n  a: 1\n", ["line 1", "did you mean model_parameters?"]),
    ("compiler_parameters:\n  march: x\n", ["line 2", "march", "belongs in model_parameters"]),
    ("model_parameters: 3\n", ["line 1", "model_parameters"]),
    ("- 1\n- 2\n", ["line 1", "sections"]),
    ("a: [\n", ["not YAML"]),
    ("compiler_parameters:\n  debug: 1\n  debug: 2\n", ["line 3", "'debug'", "line 2"]),
    ("a: &x 1\nb: *x\n", ["line 1", "anchor"]),
    ("a: !!python/object:os.system x\n", ["line 1", "tag"]),
    ("[" * 1000, []),
    ("a: " + "[" * 20 + "]" * 20 + "\n", ["levels"]),
    ("---\na: 1\n---\nb: 2\n", ["one"]),
    ("#" * 300000, ["bytes"]),
    ("", ["input_type_train"]),
    ("\0\1", []),
])
def test_text_that_is_no_configuration_is_refused_in_one_line(place, tmp_path, text, says):
    path = tmp_path / "a.yaml"
    path.write_bytes(text.encode())
    refused(place, path, "a.yaml", *says)


def test_what_is_missing_without_a_configuration_is_a_usage_error(place):
    fails(2, "build", says=["MODEL is required", "--config"])
    fails(2, "build", place / "model.onnx", "--dry-run", says=["--calib DATA is required", "--config"])
    fails(1, "build", "--config", place / "none.yaml", says=["none.yaml"])


def test_dumps_lie_in_a_folder(place, tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text(f"{place / 'pictures' / '00.png'}\n{place / 'dumps_u8' / '00.dat'}\n")
    config = write_yaml(tmp_path / "a.yaml", cal_data_dir=str(listed))
    assert run("build", "--config", config, "--dry-run", cwd=place).returncode == 3  # .dat is no picture
    listed.write_text(f"{place / 'dumps' / '00.rgbchw'}\n")
    refused(place, config, "00.rgbchw", "folder")
    listed.write_text(f"{place / 'pictures' / '00.png'}\n")
    assert run("build", "--config", config, "--dry-run", cwd=place).returncode == 0


def test_dumps_that_were_normalized_already_are_warned_of(place, tmp_path):
    folder = tmp_path / "normalized"
    folder.mkdir()
    random = numpy.random.default_rng(SEED)
    for index in range(4):
        random.normal(0, 1, (3, 32, 32)).astype(numpy.float32).tofile(folder / f"{index}.rgb")
    done = run("build", "--config", write_yaml(tmp_path / "a.yaml", cal_data_dir=str(folder)), "--dry-run", cwd=place)
    assert "before mean and scale" in done.stderr
    done = run("build", "--config", write_yaml(tmp_path / "b.yaml"), "--dry-run", cwd=place)
    assert "before mean and scale" not in done.stderr


# ---- --style hb

def table(text, title):
    """The rows of a table by their column names, from the widths of its header."""
    lines = text.splitlines()
    at = lines.index(title)
    assert set(lines[at + 1]) == {"="} and set(lines[at + 3]) == {"-"}
    names = re.split(r"\s{2,}", lines[at + 2].strip())
    rows = []
    for line in lines[at + 4:]:
        cells = re.split(r"\s{2,}", line.strip())
        if len(cells) != len(names):
            break
        rows.append(dict(zip(names, cells)))
    return names, rows


def test_build_prints_the_tables_of_hb_mapper(place, tmp_path):
    config = write_yaml(tmp_path / "a.yaml", node_info="project:int16")
    plan = tmp_path / "a.octavo"
    done = run("build", "--config", config, "-o", plan, "--style", "hb", cwd=place)
    assert done.returncode == 0, done.stderr
    names, rows = table(done.stdout, "The converted model node information:")
    assert names == ["Node", "ON", "Subgraph", "Type", "Cosine Similarity", "Threshold", "In/Out DataType"]
    steps = answer("inspect", plan)["steps"]
    assert [row["Node"] for row in rows] == [step["name"] for step in steps]
    assert rows[0]["Type"] == "Conv" and rows[0]["In/Out DataType"] == "int8/int8"
    assert rows[-1]["In/Out DataType"].endswith("/float") and rows[-1]["Threshold"] == "--"
    assert any(row["In/Out DataType"].endswith("/int16") for row in rows)
    assert all(0.9 < float(row["Cosine Similarity"]) <= 1 for row in rows)
    names, rows = table(done.stdout, "The quantify model output:")
    assert names == ["Node", "Cosine Similarity", "L1 Distance", "L2 Distance", "Chebyshev Distance"]
    assert len(rows) == 1 and float(rows[0]["Cosine Similarity"]) > 0.99
    # Over n = 4 logits: |d| / n is at most the mean, which is at most the largest.
    l1, l2, most = (float(rows[0][name]) for name in names[2:])
    assert 0 < l2 <= l1 <= most and l1 <= 2 * l2 + 1e-6


def test_check_prints_the_table_of_the_checker(small, tmp_path):
    done = run("check", small.model, "--style", "hb")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert set(lines[0]) == {"="} and set(lines[2]) == {"-"}
    names, rows = table("title\n" + done.stdout, "title")
    assert names == ["Node", "ON", "Subgraph", "Type", "In/Out DataType"]
    steps = [step["name"] for step in answer("inspect", small.plan)["steps"]]
    assert [row["Node"] for row in rows] == steps
    assert rows[-1]["In/Out DataType"].endswith("/float")
    assert [row["Type"] for row in rows[:3]] == ["Conv", "Conv", "AveragePool"]
    assert {"ON": "CPU", "Subgraph": "id(0)", "In/Out DataType": "int8/int8"}.items() <= rows[0].items()
    make_network_with_a_power(tmp_path / "power.onnx")
    done = run("check", tmp_path / "power.onnx", "--style", "hb")
    assert done.returncode == 3
    rows = {row["Node"]: row for row in table("title\n" + done.stdout, "title")[1]}
    assert (rows["power"]["ON"], rows["power"]["In/Out DataType"]) == ("--", "float/float")
    assert rows["sigmoid"]["ON"] == "CPU"
    import onnx
    model = onnx.load(small.model)
    model.graph.node[3].op_type = "Bernoulli"
    onnx.save(model, tmp_path / "unknown.onnx")
    done = run("check", tmp_path / "unknown.onnx", "--style", "hb")
    assert done.returncode == 3
    rows = table("title\n" + done.stdout, "title")[1]
    assert [row["Node"] for row in rows if row["ON"] == "--"] == ["deep_hard_swish"]
    assert len(rows) == 15


def test_the_style_is_known_and_has_no_json(small):
    fails(2, "check", small.model, "--style", "hbm", says=["'hbm'", "hb"])
    fails(2, "check", small.model, "--style", "hb", "--json", says=["--json"])
    fails(2, "build", small.model, "--calib", small.calibration, "--dry-run", "--style", "hbm", says=["'hbm'", "hb"])
    fails(2, "build", small.model, "--calib", small.calibration, "--dry-run", "--style", "hb", "--json", says=["--json"])

"""Three small networks of made-up weights, quantized by every tool of bench/quantizers.py; runs in that
script's environment, one process a tool. usage: quantized_files.py FOLDER TOOL

FOLDER/NETWORK-TOOL-PRESET.onnx is the file; beside it .npz: `pixels` [n, 3, 64, 64], what the network is fed for them
(`input`), and what ONNX Runtime without optimizations answers (`output`; `optimized`: with them).
FOLDER/TOOL.json says what the tool itself could not do."""

import contextlib
import copy
import io
import json
import os
import pathlib
import signal
import sys

import numpy
import onnx
import onnxruntime
import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "zoo"))
from weights import make_up, natural_noise

SIZE, CLASSES, SEED, OPSET = 64, 10, 11, 17
CALIBRATION, PICTURES = 32, 64
SECONDS = 100  # of one file
# As torchvision's and as Keras's networks are fed. The second puts every pixel between two levels.
TORCHVISION = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
SIGNED_UNIT = ([127.5] * 3, [127.5] * 3)


def convolved(inputs, outputs, size, stride=1, groups=1, activation=None):
    layers = [nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([activation()] if activation else []))


class Basic(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = convolved(inputs, outputs, 3, stride, activation=nn.ReLU)
        self.second = convolved(outputs, outputs, 3)
        self.shortcut = nn.Identity() if stride == 1 else convolved(inputs, outputs, 1, stride)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.second(self.first(x)) + self.shortcut(x))


class Residual(nn.Module):
    """As ResNet: basic blocks, a maximum behind the stem, one mean."""

    def __init__(self):
        super().__init__()
        self.stem = convolved(3, 16, 7, 2, activation=nn.ReLU)
        self.largest = nn.MaxPool2d(3, 2, 1)
        self.blocks = nn.Sequential(Basic(16, 16, 1), Basic(16, 32, 2), Basic(32, 64, 2))
        self.mean, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(64, CLASSES)

    def forward(self, x):
        return self.head(torch.flatten(self.mean(self.blocks(self.largest(self.stem(x)))), 1))


class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.reduce, self.expand = nn.Conv2d(channels, 8, 1), nn.Conv2d(8, channels, 1)
        self.relu, self.gate = nn.ReLU(), nn.Hardsigmoid()

    def forward(self, x):
        return x * self.gate(self.expand(self.relu(self.reduce(self.mean(x)))))


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, size, stride, activation, gated):
        super().__init__()
        wide = 3 * inputs
        self.expand = convolved(inputs, wide, 1, activation=activation)
        self.deep = convolved(wide, wide, size, stride, wide, activation)
        self.gate = Gate(wide) if gated else nn.Identity()
        self.project = convolved(wide, outputs, 1)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        y = self.project(self.gate(self.deep(self.expand(x))))
        return x + y if self.adds else y


class Mobile(nn.Module):
    """As MobileNetV2 and V3: depthwise convolutions, ReLU6 and HardSwish, squeeze-and-excite."""

    def __init__(self):
        super().__init__()
        self.stem = convolved(3, 16, 3, 2, activation=nn.Hardswish)
        self.blocks = nn.Sequential(Inverted(16, 24, 3, 2, nn.ReLU6, False), Inverted(24, 24, 3, 1, nn.ReLU6, False),
                                    Inverted(24, 40, 5, 2, nn.Hardswish, True),
                                    Inverted(40, 40, 5, 1, nn.Hardswish, True))
        self.last = convolved(40, 96, 1, activation=nn.Hardswish)
        self.mean, self.swish = nn.AdaptiveAvgPool2d(1), nn.Hardswish()
        self.wide, self.head = nn.Linear(96, 64), nn.Linear(64, CLASSES)

    def forward(self, x):
        x = torch.flatten(self.mean(self.last(self.blocks(self.stem(x)))), 1)
        return self.head(self.swish(self.wide(x)))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.project = nn.Linear(width, width)

    def forward(self, x):
        split = [f(x).reshape(-1, SIZE // 8 * SIZE // 8, self.heads, x.shape[2] // self.heads).transpose(1, 2)
                 for f in (self.query, self.key, self.value)]
        weights = torch.softmax(torch.matmul(split[0] * 0.25, split[1].transpose(2, 3)), -1)
        joined = torch.matmul(weights, split[2]).transpose(1, 2)
        return self.project(joined.reshape(-1, SIZE // 8 * SIZE // 8, x.shape[2]))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, 3)
        self.norm2, self.wide = nn.LayerNorm(width), nn.Linear(width, 2 * width)
        self.gelu, self.narrow = nn.GELU(), nn.Linear(2 * width, width)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.narrow(self.gelu(self.wide(self.norm2(x))))


class Tokens(nn.Module):
    """As a small ViT: patches, LayerNorm, attention, GELU, the mean of all tokens."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 48, 8, 8)
        self.position = nn.Parameter(torch.zeros(1, SIZE // 8 * SIZE // 8, 48))
        self.blocks = nn.Sequential(Block(48), Block(48))
        self.norm, self.head = nn.LayerNorm(48), nn.Linear(48, CLASSES)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2) + self.position
        return self.head(self.norm(self.blocks(x)).mean(1))


NETWORKS = {"residual": (Residual, TORCHVISION), "mobile": (Mobile, SIGNED_UNIT), "tokens": (Tokens, TORCHVISION)}


def network(name):
    torch.manual_seed(SEED)
    return make_up(NETWORKS[name][0](), SEED, SIZE, 16)


def pixels(count, seed):
    noise = natural_noise(count, SIZE, torch.Generator().manual_seed(seed)).numpy()
    return numpy.clip(numpy.rint(noise * 55 + 118), 0, 255).astype(numpy.uint8)


def fed(name, pictures):
    mean, std = (numpy.float32(values)[:, None, None] for values in NETWORKS[name][1])
    return (pictures.astype(numpy.float32) - mean) / std


def calibration(name):
    return fed(name, pixels(CALIBRATION, SEED + 1))


class Reader:
    """What ONNX Runtime's and Quark's calibration read."""

    def __init__(self, name):
        self.rest = iter([{"input": x[None]} for x in calibration(name)])

    def get_next(self):
        return next(self.rest, None)


def exported(name, folder):
    path = folder / f"{name}-float.onnx"
    if not path.exists():
        torch.onnx.export(network(name), torch.zeros(1, 3, SIZE, SIZE), str(path), opset_version=OPSET, dynamo=False,
                          input_names=["input"], output_names=["logits"])
    return path


# One function a tool: (preset, function of the network's name, the float file and the file to write).

def onnx_runtime():
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process
    u8, s8, u16, s16 = QuantType.QUInt8, QuantType.QInt8, QuantType.QUInt16, QuantType.QInt16

    def static(activations=u8, weights=s8, method=CalibrationMethod.MinMax, form=QuantFormat.QDQ, per_channel=True,
               **options):
        def make(name, source, target):
            ready = target.with_suffix(".ready")
            quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
            quantize_static(str(ready), str(target), Reader(name), quant_format=form, per_channel=per_channel,
                            activation_type=activations, weight_type=weights, calibrate_method=method,
                            extra_options=options)
            ready.unlink()
        return make

    return {
        "u8s8": static(), "s8s8": static(s8), "u8u8": static(u8, u8), "u8s8-tensor": static(per_channel=False),
        "s8s8-symmetric": static(s8, ActivationSymmetric=True),
        "u8s8-entropy": static(method=CalibrationMethod.Entropy),
        "u8s8-percentile": static(method=CalibrationMethod.Percentile),
        "qoperator-u8s8": static(form=QuantFormat.QOperator), "qoperator-u8u8": static(u8, u8, form=QuantFormat.QOperator),
        "qoperator-s8s8": static(s8, form=QuantFormat.QOperator, ActivationSymmetric=True),
        "u16s8": static(u16), "s16s8": static(s16, ActivationSymmetric=True), "u16u8": static(u16, u8),
        "u8s8-dedicated": static(DedicatedQDQPair=True),
        "dynamic": lambda name, source, target: quantize_dynamic(str(source), str(target)),
        "weights-4bit": static(u8, QuantType.QInt4),
    }


def nncf():
    import nncf as tool

    def preset(**options):
        def make(name, source, target):
            data = tool.Dataset([{"input": x[None]} for x in calibration(name)])
            onnx.save(tool.quantize(onnx.load(source), data, subset_size=CALIBRATION, **options), target)
        return make

    mixed, performance = tool.QuantizationPreset.MIXED, tool.QuantizationPreset.PERFORMANCE

    def weights(mode):
        def make(name, source, target):
            onnx.save(tool.compress_weights(onnx.load(source), mode=mode), target)
        return make

    return {"performance": preset(preset=performance), "mixed": preset(preset=mixed),
            "transformer": preset(model_type=tool.ModelType.TRANSFORMER),
            "accurate-bias": preset(preset=mixed, fast_bias_correction=False),
            "weights-8bit": weights(tool.CompressWeightsMode.INT8_SYM),
            "weights-4bit": weights(tool.CompressWeightsMode.INT4_SYM)}


def quark():
    from quark.onnx import ModelQuantizer
    from quark.onnx.quantization.config.config import Config
    from quark.onnx.quantization.config import custom_config

    def preset(key):
        def make(name, source, target):
            config = copy.deepcopy(getattr(custom_config, key))  # a run changes it
            if key.endswith("_QCONFIG"):
                quantizer = ModelQuantizer(config)
            else:
                quantizer = ModelQuantizer(Config(global_quant_config=config))
            quantizer.quantize_model(str(source), str(target), Reader(name))
        return make

    return {"xint8": preset("XINT8_QCONFIG"), "vint8": preset("VINT8_QCONFIG"), "a8w8": preset("A8W8_QCONFIG"),
            "a16w8": preset("A16W8_QCONFIG"), "s8s8": preset("S8S8_AAWS_CONFIG"), "u8s8": preset("U8S8_AAWS_CONFIG"),
            "u8u8": preset("U8U8_AAWA_CONFIG"), "int8-cnn": preset("INT8_CNN_DEFAULT_CONFIG"),
            "int8-transformer": preset("INT8_TRANSFORMER_DEFAULT_CONFIG"),
            "s16s8": preset("S16S8_ASWS_CONFIG"), "u16s8": preset("U16S8_AAWS_CONFIG"),
            "int16-cnn": preset("INT16_CNN_DEFAULT_CONFIG"), "bf16": preset("BF16_QCONFIG")}


def modelopt():
    from modelopt.onnx.quantization import quantize

    def preset(mode, method, **options):
        def make(name, source, target):
            quantize(str(source), quantize_mode=mode, calibration_method=method, output_path=str(target),
                     calibration_data={"input": calibration(name)}, calibration_eps=["cpu"],
                     high_precision_dtype="fp32", **options)
        return make

    return {"int8-max": preset("int8", "max"), "int8-entropy": preset("int8", "entropy"),
            "fp8": preset("fp8", "max"), "int4": preset("int4", "rtn_dq")}


def brevitas():
    from brevitas.export import export_onnx_qcdq
    from brevitas.graph.calibrate import bias_correction_mode, calibration_mode
    from brevitas.graph.quantize import layerwise_quantize, preprocess_for_quantize, quantize
    from brevitas.graph.target.flexml import preprocess_for_flexml_quantize, quantize_flexml

    def preset(transform):
        def make(name, source, target):
            if name == "tokens" and transform in (graph, flexml):
                raise NotImplementedError("aligning scales does not come to an end on attention")
            pictures = torch.tensor(calibration(name))
            model = transform(network(name), pictures[:1])
            model.eval()
            with torch.no_grad():
                with calibration_mode(model):
                    model(pictures)
                with bias_correction_mode(model):
                    model(pictures)
                export_onnx_qcdq(model, args=pictures[:1], export_path=str(target), input_names=["input"],
                                 output_names=["logits"], dynamo=False, opset_version=OPSET)
        return make

    def graph(model, x):
        return quantize(preprocess_for_quantize(model, equalize_iters=5, equalize_merge_bias=True))

    def flexml(model, x):
        return quantize_flexml(preprocess_for_flexml_quantize(model, x))

    def bits(count):
        import brevitas.nn as qnn
        from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerTensorFloat, Int32Bias

        def transform(model, x):
            def options():
                return {"input_quant": Int8ActPerTensorFloat, "weight_quant": Int8WeightPerTensorFloat,
                        "weight_bit_width": count, "input_bit_width": 8, "bias_quant": None, "return_quant_tensor": False}
            return layerwise_quantize(preprocess_for_quantize(model), {
                nn.Conv2d: (qnn.QuantConv2d, options()), nn.Linear: (qnn.QuantLinear, options())})
        return transform

    return {"graph": preset(graph), "flexml": preset(flexml),
            "layerwise": preset(lambda model, x: layerwise_quantize(preprocess_for_quantize(model))),
            "weights-4bit": preset(bits(4))}


TOOLS = {"onnxruntime": onnx_runtime, "nncf": nncf, "quark": quark, "modelopt": modelopt, "brevitas": brevitas}


def answers(path, inputs, optimized):
    """Quark's own operators are looked for where its package has them."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return numpy.concatenate([session.run(None, {name: x[None]})[0].reshape(1, -1) for x in inputs])


def stop(*_):
    raise TimeoutError(f"more than {SECONDS} s")


def make(name, source, target, quantizer):
    """None or why it could not."""
    said = io.StringIO()
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            quantizer(name, source, target)
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0][:200]
    finally:
        signal.alarm(0)
    pictures = pixels(PICTURES, SEED + 2)
    inputs = fed(name, pictures)
    values = {"pixels": pictures, "input": inputs, "mean": NETWORKS[name][1][0], "std": NETWORKS[name][1][1]}
    for key in ("output", "optimized"):
        try:
            values[key] = answers(target, inputs, key == "optimized")
        except Exception as error:
            print(f"  {target.stem}: ONNX Runtime: {str(error).splitlines()[0][:200]}", flush=True)
    values["float"] = answers(source, inputs, False)
    numpy.savez(target.with_suffix(".npz"), **values)
    return None


def main():
    folder, tool = pathlib.Path(sys.argv[1]).absolute(), sys.argv[2]
    wanted = sys.argv[3:]
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    sources = {name: exported(name, folder) for name in NETWORKS}
    scratch = folder / f"scratch-{tool}"  # some tools leave files where they run
    scratch.mkdir(exist_ok=True)
    os.chdir(scratch)
    failed = {}
    for preset, quantizer in TOOLS[tool]().items():
        for name, source in sources.items():
            target = folder / f"{name}-{tool}-{preset}.onnx"
            if target.with_suffix(".npz").exists() or (wanted and preset not in wanted):
                continue
            why = make(name, source, target, quantizer)
            print(f"{target.stem}: {why or 'made'}", flush=True)
            if why:
                failed[target.stem] = why
    (folder / f"{tool}.json").write_text(json.dumps(failed, indent=1))


if __name__ == "__main__":
    main()

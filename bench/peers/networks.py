"""The networks that are timed and the files that each engine runs. Runs in the peers' environment.

usage: networks.py FOLDER NAME...     FOLDER/NAME/{float,qdq,operators}.onnx, {performance,mixed}.xml"""

import pathlib
import subprocess
import sys
import warnings

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
CALIBRATION = 16
# One or more of each family that the zoo has, as exported by zoo/export.py with made-up weights.
NAMES = ["ConvNeXt_atto", "EdgeNeXt_xx_small", "EfficientFormer_l1", "EfficientFormerv2_s0", "Efficientnet_B2",
         "EfficientViT_MSRA_m5", "FasterNet_T0", "FastViT_T8", "GoogLeNet", "MobileNetv1", "Mobilenetv2",
         "Mobilenetv3_large_100", "Mobilenetv4_conv_medium", "Mobilenetv4_conv_small", "MobileOne_S0", "RepGhostNet_100",
         "RepVGG_A0", "RepViT_m1_0", "ResNet18", "ResNeXt50_32x4d"]
ATTENTION = ("EdgeNeXt", "EfficientViT", "FastViT", "EfficientFormer")
MEAN, DEVIATION = numpy.array([123.675, 116.28, 103.53]), numpy.array([58.395, 57.12, 57.375])


def pixels(index, size=224):
    """uint8 [size, size, 3] with the spectrum of a photograph: noise of all sizes."""
    random = numpy.random.default_rng(1000 + index)
    picture = numpy.zeros((size, size, 3))
    for cells in (2, 4, 8, 16, 32, size):
        coarse = random.normal(0, 1 / cells**0.5, (cells, cells, 3))
        picture += numpy.repeat(numpy.repeat(coarse, -(-size // cells), 0), -(-size // cells), 1)[:size, :size]
    return numpy.clip(120 + 60 * picture, 0, 255).astype(numpy.uint8)


def values(index, size=224):
    """What a float network is fed for it: float32 [1, 3, size, size]."""
    return numpy.ascontiguousarray(((pixels(index, size) - MEAN) / DEVIATION).transpose(2, 0, 1)[None], numpy.float32)


def export(name, folder, size=224):
    path = folder / "float.onnx"
    if not path.exists():
        subprocess.run([sys.executable, ROOT / "zoo/export.py", name, "--out", path, "--size", str(size)], check=True,
                       capture_output=True)
    return path


def by_onnxruntime(path, folder):
    """Pairs around everything, and integer operators."""
    import onnx
    from onnxruntime import quantization as q
    from onnxruntime.quantization.shape_inference import quant_pre_process
    prepared = folder / "prepared.onnx"
    name = onnx.load(path, load_external_data=False).graph.input[0].name

    class Reader(q.CalibrationDataReader):
        def __init__(self):
            self.inputs = ({name: values(i)} for i in range(CALIBRATION))

        def get_next(self):
            return next(self.inputs, None)

    quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    for form, file in ((q.QuantFormat.QDQ, "qdq.onnx"), (q.QuantFormat.QOperator, "operators.onnx")):
        if not (folder / file).exists():
            q.quantize_static(str(prepared), str(folder / file), Reader(), quant_format=form, per_channel=True,
                              activation_type=q.QuantType.QUInt8, weight_type=q.QuantType.QInt8)


def by_nncf(path, folder, name):
    import logging

    import nncf
    import openvino
    nncf.set_log_level(logging.ERROR)
    network = openvino.convert_model(str(path))
    kind = nncf.ModelType.TRANSFORMER if name.startswith(ATTENTION) else None
    for preset in (nncf.QuantizationPreset.PERFORMANCE, nncf.QuantizationPreset.MIXED):
        file = folder / f"{preset.value}.xml"
        if not file.exists():
            data = nncf.Dataset([values(i) for i in range(CALIBRATION)])
            quantized = nncf.quantize(network, data, preset=preset, model_type=kind, subset_size=CALIBRATION,
                                      target_device=nncf.TargetDevice.CPU)
            openvino.save_model(quantized, str(file), compress_to_fp16=False)


def main():
    warnings.filterwarnings("ignore")
    folder = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:]:
        here = folder / name
        here.mkdir(parents=True, exist_ok=True)
        path = export(name, here)
        for engine, make in (("onnxruntime", lambda: by_onnxruntime(path, here)),
                             ("openvino", lambda: by_nncf(path, here, name))):
            try:
                make()
            except Exception as error:  # an engine that cannot is left out of this row, and named
                print(f"{name}: {engine}: {type(error).__name__}: {str(error).splitlines()[0][:200]}", flush=True)


if __name__ == "__main__":
    main()

"""What a quantized ONNX file says in exact arithmetic: ONNX's own reference run in binary64, where no sum is rounded before
a pair rounds it. Pairs are those of ONNX, of com.microsoft and of Quark."""

import numpy
from onnx import TensorProto, helper, load, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun


def broadcast(values, x, axis):
    """A scale or zero point: one for all, or one an entry of the axis."""
    if values.size == 1:
        return values.reshape(())
    shape = [1] * x.ndim
    shape[axis] = -1
    return values.reshape(shape)


def codes(x, scale, zero, axis=1):
    scale, point = broadcast(scale, x, axis), broadcast(zero, x, axis).astype(x.dtype)
    bounds = numpy.iinfo(zero.dtype)
    return numpy.clip(numpy.rint(x / scale) + point, bounds.min, bounds.max).astype(zero.dtype)


class QuantizeLinear(OpRun):
    op_domain = "com.microsoft"

    def _run(self, x, scale, zero=None, axis=1, **unused):
        return (codes(x, scale, numpy.zeros(scale.shape, numpy.uint8) if zero is None else zero, axis),)


class DequantizeLinear(OpRun):
    op_domain = "com.microsoft"

    def _run(self, x, scale, zero=None, axis=1, **unused):
        point = 0 if zero is None else broadcast(zero, x, axis).astype(numpy.int64)
        return ((x.astype(numpy.int64) - point).astype(scale.dtype) * broadcast(scale, x, axis),)


class ExtendedQuantizeLinear(QuantizeLinear):
    op_domain = "com.amd.quark"


class ExtendedDequantizeLinear(DequantizeLinear):
    op_domain = "com.amd.quark"


PAIRS = [QuantizeLinear, DequantizeLinear, ExtendedQuantizeLinear, ExtendedDequantizeLinear]


def to_double(tensor):
    if tensor.data_type == TensorProto.FLOAT:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(numpy.float64), tensor.name))


def fed(model, inputs):
    """The float inputs behind the first pair, which rounds a file's float: its codes are those of the file."""
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    readers = [node for node in model.graph.node if model.graph.input[0].name in node.input]
    if len(readers) != 1 or not readers[0].op_type.endswith("QuantizeLinear"):
        return inputs.astype(numpy.float64)
    scale, zero = (constants[name] for name in readers[0].input[1:3])
    return (codes(inputs, scale, zero).astype(numpy.float64) - zero.astype(numpy.float64)) * scale.astype(numpy.float64)


def exact_outputs(path, inputs):
    """The first output for inputs [n, c, h, w], fed one by one. NotImplementedError where ONNX's reference has no such node,
    RuntimeError where the nodes are not in order."""
    model = load(path)
    inputs = fed(model, inputs)
    name = model.graph.input[0].name
    for tensor in model.graph.initializer:
        to_double(tensor)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                to_double(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            node.domain = "com.microsoft"  # ONNX's own reference computes its pairs in float
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    if not any(opset.domain == "com.microsoft" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    evaluator = ReferenceEvaluator(model, new_ops=PAIRS)
    return numpy.concatenate([evaluator.run(None, {name: value[None]})[0] for value in inputs])

"""What a quantized ONNX file says in exact arithmetic: ONNX's own reference run in binary64, where no sum is rounded before
a pair rounds it. Pairs are those of ONNX, of com.microsoft and of Quark; operators of the QOperator form are the ordinary ones
between pairs."""

import collections

import numpy
from numpy.lib.stride_tricks import sliding_window_view
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


def levels(x, scale, zero, axis=1):
    """In units of the scale, before they are rounded."""
    return x / broadcast(scale, x, axis) + broadcast(zero, x, axis).astype(x.dtype)


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


class Conv(OpRun):
    """By windows and matrix products: ONNX's takes the groups one by one."""

    def _run(self, x, w, b=None, auto_pad="NOTSET", dilations=None, group=1, kernel_shape=None, pads=None, strides=None):
        if auto_pad not in (None, "NOTSET") or x.ndim != 4:
            raise NotImplementedError("a convolution of a map, padded as it says")
        pads, strides, dilations = pads or [0] * 4, strides or [1, 1], dilations or [1, 1]
        x = numpy.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
        reach = [(size - 1) * step + 1 for size, step in zip(w.shape[2:], dilations)]
        windows = sliding_window_view(x, reach, (2, 3))[:, :, ::strides[0], ::strides[1], ::dilations[0], ::dilations[1]]
        n, channels, height, width = windows.shape[:4]
        rows = windows.reshape(n, group, channels // group, height, width, -1).transpose(1, 0, 3, 4, 2, 5)
        filters = w.reshape(group, w.shape[0] // group, -1)
        sums = rows.reshape(group, n * height * width, -1) @ filters.transpose(0, 2, 1)
        sums = sums.reshape(group, n, height, width, -1).transpose(1, 0, 4, 2, 3).reshape(n, -1, height, width)
        return (sums if b is None else sums + b[:, None, None],)


NODES = [QuantizeLinear, DequantizeLinear, ExtendedQuantizeLinear, ExtendedDequantizeLinear, Conv]


def to_double(tensor):
    if tensor.data_type == TensorProto.FLOAT:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(numpy.float64), tensor.name))


def stated_constants(model):
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return constants


# Of the QOperator form: the ordinary operator, where its operands begin, where scale and zero point of the result are,
# and where an int32 bias is.
Form = collections.namedtuple("Form", "ordinary operands result bias", defaults=(None,))
FORMS = {
    "QLinearConv": Form("Conv", (0, 3), 6, 8), "QLinearMatMul": Form("MatMul", (0, 3), 6),
    "QGemm": Form("Gemm", (0, 3), 7, 6), "QLinearAdd": Form("Add", (0, 3), 6), "QLinearMul": Form("Mul", (0, 3), 6),
    "QLinearSigmoid": Form("Sigmoid", (0,), 3), "QLinearLeakyRelu": Form("LeakyRelu", (0,), 3),
    "QLinearAveragePool": Form("AveragePool", (0,), 3), "QLinearSoftmax": Form("Softmax", (0,), 3),
    "QLinearGlobalAveragePool": Form("GlobalAveragePool", (0,), 3), "QLinearReduceMean": Form("ReduceMean", (0,), 3),
}


def weight_axis(node, attributes):
    """Along which an operand that is a constant has a scale an entry."""
    if node.op_type == "QLinearConv" or attributes.get("transB"):
        return 0
    return -1


def written_out(model, node, constants):
    """A node of the QOperator form as ordinary ones."""
    form = FORMS[node.op_type]
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    made, inputs = [], []
    for at in form.operands:
        real = f"{node.output[0]}.real{at}"
        made.append(helper.make_node("DequantizeLinear", node.input[at:at + 3], [real],
                                     axis=1 if at == 0 else weight_axis(node, attributes)))
        inputs.append(real)
    if form.bias is not None and len(node.input) > form.bias and node.input[form.bias]:
        unit = constants[node.input[1]].astype(numpy.float64) * constants[node.input[4]] * attributes.get("alpha", 1)
        bias = numpy_helper.from_array(constants[node.input[form.bias]] * unit, node.output[0] + ".bias")
        model.graph.initializer.append(bias)
        inputs.append(bias.name)
    attributes = {name: value for name, value in attributes.items() if name not in ("channels_last", "opset")}
    rounded = len(node.input) > form.result and node.input[form.result]
    result = node.output[0] + ".result" if rounded else node.output[0]
    made.append(helper.make_node(form.ordinary, inputs, [result], **attributes))
    if rounded:
        made.append(helper.make_node("QuantizeLinear", [result, *node.input[form.result:form.result + 2]],
                                     node.output))
    return made


def in_order(nodes, known):
    """Each behind those that make its inputs."""
    rest, out, known = list(nodes), [], {"", *known}
    while rest:
        ready = [node for node in rest if all(name in known for name in node.input)]
        if not ready:
            raise RuntimeError("its nodes have no order")
        for node in ready:
            known.update(node.output)
        out, rest = out + ready, [node for node in rest if not all(name in known for name in node.output)]
    return out


def in_doubles(path):
    """The file as a model of ordinary nodes between pairs, all its floats binary64."""
    model = load(path)
    constants = stated_constants(model)
    nodes = []
    for node in model.graph.node:
        nodes += written_out(model, node, constants) if node.op_type in FORMS else [node]
    nodes = in_order(nodes, [i.name for i in [*model.graph.initializer, *model.graph.input]])
    del model.graph.node[:]
    model.graph.node.extend(nodes)
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
    del model.graph.value_info[:]
    if not any(opset.domain == "com.microsoft" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return model


def fed(model, inputs):
    """The float inputs behind the first pair, which rounds a file's float: its codes are those of the file."""
    constants = stated_constants(model)
    readers = [node for node in model.graph.node if model.graph.input[0].name in node.input]
    if len(readers) != 1 or not readers[0].op_type.endswith("QuantizeLinear"):
        return inputs.astype(numpy.float64)
    scale, zero = (constants[name] for name in readers[0].input[1:3])
    made = codes(inputs, scale.astype(numpy.float32), zero)
    return (made.astype(numpy.float64) - zero.astype(numpy.float64)) * scale.astype(numpy.float64)


def exact_outputs(path, inputs):
    """The first output for inputs [n, c, h, w], fed one by one. NotImplementedError where ONNX's reference has no such node,
    RuntimeError where the nodes have no order."""
    model = in_doubles(path)
    name = model.graph.input[0].name
    evaluator = ReferenceEvaluator(model, new_ops=NODES)
    return numpy.concatenate([evaluator.run(None, {name: value[None]})[0] for value in fed(model, inputs)])

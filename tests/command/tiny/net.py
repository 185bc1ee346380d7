"""A network that is put together node by node, and the register of those that are."""

import zlib

import numpy

CHANNELS, SIDE, CLASSES = 8, 16, 4
REGISTER = {}


class Net:
    """Nodes one after another. Constants are initializers, or Constant nodes where `inline`."""

    def __init__(self, name, opset=17, shape=(1, 3, SIDE, SIDE), inline=False, dtype=numpy.float32):
        self.random = numpy.random.default_rng(zlib.crc32(name.encode()))
        self.opset, self.inline, self.dtype = opset, inline, dtype
        self.nodes, self.constants, self.opsets, self.functions = [], {}, {}, []
        self.shape, self.outputs, self.listed, self.count = list(shape), [], False, 0
        self.named, self.input_type = True, None

    def name(self, hint):
        self.count += 1
        return f"{hint}_{self.count}"

    def c(self, values, dtype=None):
        array = numpy.asarray(values)
        if dtype is None and array.dtype == numpy.float64:
            dtype = self.dtype
        array = array.astype(dtype) if dtype is not None else array
        if self.inline:
            from onnx import numpy_helper
            return self.op("Constant", value=numpy_helper.from_array(array))
        name = self.name("c")
        self.constants[name] = array
        return name

    def w(self, *shape, scale=1.0):
        fan_in = max(1, int(numpy.prod(shape[1:])))
        return self.c(scale * self.random.normal(0, (2 / fan_in) ** 0.5, shape), self.dtype)

    def positive(self, *shape):
        return self.c(self.random.uniform(0.5, 1.5, shape), self.dtype)

    def op(self, kind, *inputs, outputs=1, domain="", **attributes):
        from onnx import helper
        names = [self.name(kind.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, names[0] if self.named else None,
                                           domain=domain, **attributes))
        if domain:
            self.opsets[domain] = 1
        return names[0] if outputs == 1 else names

    # Parts that many share, in the form of the opset.

    def conv(self, x, inputs, outputs, size=3, stride=1, groups=1, bias=True, **more):
        more.setdefault("pads", [size // 2] * 4)
        weights = [self.w(outputs, inputs // groups, size, size)] + ([self.w(outputs)] if bias else [])
        return self.op("Conv", x, *weights, kernel_shape=[size] * 2, strides=[stride] * 2, group=groups, **more)

    def stem(self, x="input", inputs=3):
        return self.op("Relu", self.conv(x, inputs, CHANNELS, stride=2))

    def axes(self, kind, x, axes, since=13, **more):
        """Axes as an attribute or, from opset `since` on, as an input."""
        if self.opset >= since:
            return self.op(kind, x, self.c(axes, numpy.int64), **more)
        return self.op(kind, x, axes=axes, **more)

    def mean(self, x, axes=(2, 3), keepdims=0):
        return self.axes("ReduceMean", x, list(axes), 18, keepdims=keepdims)

    def clip(self, x, low=None, high=None):
        if self.opset < 11:
            limits = {k: float(v) for k, v in (("min", low), ("max", high)) if v is not None}
            return self.op("Clip", x, **limits)
        inputs = ["" if v is None else self.c(float(v)) for v in (low, high)]
        return self.op("Clip", x, *(inputs if high is not None else inputs[:1]))

    def slice(self, x, starts, ends, axes, steps=None):
        if self.opset < 10:
            return self.op("Slice", x, starts=starts, ends=ends, axes=axes)
        more = [self.c(steps, numpy.int64)] if steps else []
        return self.op("Slice", x, *(self.c(v, numpy.int64) for v in (starts, ends, axes)), *more)

    def pad(self, x, pads, value=None, mode="constant"):
        if self.opset < 11:
            return self.op("Pad", x, pads=pads, mode=mode, value=float(value or 0))
        more = [self.c(float(value))] if value is not None else []
        return self.op("Pad", x, self.c(pads, numpy.int64), *more, mode=mode)

    def norm(self, x, channels=CHANNELS):
        return self.op("BatchNormalization", x, self.positive(channels), self.w(channels), self.w(channels, scale=0.3),
                       self.positive(channels), epsilon=1e-3)

    def reshape(self, x, shape):
        return self.op("Reshape", x, self.c(shape, numpy.int64))

    def head(self, x, channels=CHANNELS):
        return self.linear(self.op("Flatten", self.op("GlobalAveragePool", x), axis=1), channels)

    def linear(self, x, inputs, outputs=CLASSES):
        return self.op("Gemm", x, self.w(outputs, inputs, scale=2), self.w(outputs), transB=1)

    def model(self, output):
        from onnx import TensorProto, helper, numpy_helper
        outputs = [output] if isinstance(output, str) else list(output)
        kind = self.input_type or helper.np_dtype_to_tensor_dtype(numpy.dtype(self.dtype))
        inputs = [helper.make_tensor_value_info("input", kind, self.shape)]
        if self.listed:  # as files of IR version 3 do
            inputs += [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
                       for k, v in self.constants.items()]
        last = helper.np_dtype_to_tensor_dtype(numpy.dtype(getattr(self, "result", self.dtype)))
        graph = helper.make_graph(self.nodes, "tiny", inputs,
                                  [helper.make_tensor_value_info(name, last, None) for name in outputs],
                                  [numpy_helper.from_array(v, k) for k, v in self.constants.items()])
        opsets = [helper.make_opsetid("", self.opset)] + [helper.make_opsetid(*o) for o in self.opsets.items()]
        ir = 3 if self.listed else min(10, 4 + (self.opset >= 10) + (self.opset >= 11) + (self.opset >= 15))
        assert TensorProto.FLOAT == 1
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir, functions=self.functions)


def network(*opsets, name=None, **options):
    """The function makes a whole network: it gets the net, and gives its output."""
    def register(function):
        title = name or function.__name__
        for opset in opsets or (17,):
            key = title if len(opsets) < 2 else f"{title}_opset{opset}"

            def make(key=key, opset=opset):
                net = Net(key, opset, **options)
                return net.model(function(net))
            assert key not in REGISTER, key
            REGISTER[key] = make
        return function
    return register


def block(*opsets, channels=CHANNELS, name=None, **options):
    """The function makes what lies between the usual stem and the usual head."""
    def register(function):
        def whole(net):
            return net.head(function(net, net.stem()), channels)
        network(*opsets, name=name or function.__name__, **options)(whole)
        return function
    return register


def end(*opsets, **options):
    """The function makes the end: it gets the stem's map of 8 channels and 8 x 8 pixels."""
    def register(function):
        network(*opsets, name=function.__name__, **options)(lambda net: function(net, net.stem()))
        return function
    return register


def networks():
    return list(REGISTER.items())

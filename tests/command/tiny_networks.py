"""Tiny classifiers as exporters and converters write them, one kind each, made-up weights from a seed. `networks()` gives
(name, function that makes the model); every one is valid ONNX that ONNX Runtime runs. Names begin with what the kind is about."""

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


# ---- ends

@end(7, 9, 11, 13)
def end_flatten_softmax(n, x):
    return n.op("Softmax", n.linear(n.op("Flatten", n.op("GlobalAveragePool", x)), CHANNELS), axis=1)


@end(11, 13)
def end_log_softmax(n, x):
    return n.op("LogSoftmax", n.linear(n.op("Flatten", n.op("GlobalAveragePool", x)), CHANNELS), axis=-1)


@end()
def end_reshape_0_minus_1(n, x):
    return n.linear(n.reshape(n.op("GlobalAveragePool", x), [0, -1]), CHANNELS)


@end()
def end_reshape_minus_1_count(n, x):
    return n.linear(n.reshape(x, [-1, CHANNELS * 64]), CHANNELS * 64)


@end(9, 17)
def end_view_by_shape_gather(n, x):
    """view(x.size(0), -1) by PyTorch's older exporter."""
    first = n.op("Gather", n.op("Shape", x), n.c(0, numpy.int64), axis=0)
    sizes = [n.axes("Unsqueeze", v, [0]) for v in (first, n.c(-1, numpy.int64))]
    return n.linear(n.op("Reshape", x, n.op("Concat", *sizes, axis=0)), CHANNELS * 64)


@end(9, 13)
def end_view_by_shape_slice(n, x):
    first = n.slice(n.op("Shape", x), [0], [1], [0])
    rest = n.op("Concat", first, n.c([-1], numpy.int64), axis=0)
    return n.linear(n.op("Reshape", n.op("GlobalAveragePool", x), rest), CHANNELS)


@end()
def end_view_by_product_of_sizes(n, x):
    x = n.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    shape = n.op("Shape", x)
    sizes = [n.op("Gather", shape, n.c(i, numpy.int64), axis=0) for i in range(4)]
    whole = n.op("Mul", n.op("Mul", sizes[1], sizes[2]), sizes[3])
    shape = n.op("Concat", *(n.axes("Unsqueeze", v, [0]) for v in (sizes[0], whole)), axis=0)
    return n.linear(n.op("Reshape", x, shape), CHANNELS * 16)


@end(15)
def end_shape_with_start(n, x):
    batch = n.op("Shape", x, start=0, end=1)
    return n.linear(n.op("Reshape", x, n.op("Concat", batch, n.c([-1], numpy.int64), axis=0)), CHANNELS * 64)


@end(11, 13)
def end_squeeze_twice(n, x):
    x = n.axes("Squeeze", n.op("GlobalAveragePool", x), [3])
    return n.linear(n.axes("Squeeze", x, [2]), CHANNELS)


@end()
def end_squeeze_all(n, x):
    """The batch goes too."""
    x = n.op("Squeeze", n.op("GlobalAveragePool", x))
    return n.op("Add", n.op("MatMul", x, n.w(CHANNELS, CLASSES)), n.w(CLASSES))


@end(11, 13, 18)
def end_mean_of_map(n, x):
    return n.linear(n.mean(x), CHANNELS)


@end(11, 18)
def end_mean_kept(n, x):
    return n.linear(n.op("Flatten", n.mean(x, (-1, -2), 1)), CHANNELS)


@end()
def end_mean_twice(n, x):
    return n.linear(n.mean(n.mean(x, (3,)), (2,)), CHANNELS)


@end(9, 11, 17)
def end_classifier_is_a_convolution(n, x):
    return n.op("Flatten", n.conv(n.op("GlobalAveragePool", x), CHANNELS, CLASSES, 1))


@end()
def end_squeezenet(n, x):
    x = n.op("Relu", n.conv(n.op("Dropout", x), CHANNELS, CLASSES, 1))
    return n.op("Softmax", n.op("Flatten", n.op("GlobalAveragePool", x)), axis=1)


@end(7, 9, 12, 17)
def end_convolution_softmax_of_map(n, x):
    """Caffe: softmax over axis 1 of [1, C, 1, 1]."""
    return n.op("Softmax", n.conv(n.op("GlobalAveragePool", x), CHANNELS, CLASSES, 1), axis=1)


@end()
def end_matmul_add(n, x):
    x = n.op("MatMul", n.mean(x), n.w(CHANNELS, CLASSES))
    return n.op("Add", x, n.w(1, CLASSES))


@end()
def end_bias_first(n, x):
    return n.op("Add", n.w(CLASSES), n.op("MatMul", n.mean(x), n.w(CHANNELS, CLASSES)))


@end()
def end_gemm_not_transposed(n, x):
    return n.op("Gemm", n.mean(x), n.w(CHANNELS, CLASSES), n.w(CLASSES), alpha=0.5, beta=2.0)


@end(7, 11)
def end_gemm_bias_of_a_row(n, x):
    return n.op("Gemm", n.op("Flatten", n.op("GlobalAveragePool", x)), n.w(CHANNELS, CLASSES), n.w(1, CLASSES))


@end()
def end_gemm_without_bias(n, x):
    return n.op("Gemm", n.mean(x), n.w(CLASSES, CHANNELS), transB=1)


@end()
def end_gemm_transposed_input(n, x):
    column = n.op("Transpose", n.mean(x), perm=[1, 0])
    return n.op("Gemm", column, n.w(CHANNELS, CLASSES), n.w(CLASSES), transA=1)


@end()
def end_weights_transposed_by_a_node(n, x):
    return n.op("MatMul", n.mean(x), n.op("Transpose", n.w(CLASSES, CHANNELS), perm=[1, 0]))


@end()
def end_weights_through_identity(n, x):
    return n.op("Gemm", n.mean(x), n.op("Identity", n.w(CLASSES, CHANNELS)), n.op("Identity", n.w(CLASSES)), transB=1)


@end()
def end_two_layers_and_dropout(n, x):
    x = n.op("Relu", n.linear(n.mean(x), CHANNELS, 12))
    x, _ = n.op("Dropout", x, n.c(0.5), n.c(False), outputs=2)
    return n.linear(x, 12)


@end(7, 10)
def end_dropout_with_a_ratio(n, x):
    return n.linear(n.op("Dropout", n.op("Flatten", n.op("GlobalAveragePool", x)), ratio=0.2), CHANNELS)


@end()
def end_identity(n, x):
    return n.op("Identity", n.linear(n.mean(x), CHANNELS))


@end()
def end_cast(n, x):
    n.result = numpy.float64
    return n.op("Cast", n.linear(n.mean(x), CHANNELS), to=11)


@end()
def end_sigmoid(n, x):
    return n.op("Sigmoid", n.linear(n.mean(x), CHANNELS))


@end()
def end_one_sigmoid(n, x):
    return n.op("Sigmoid", n.linear(n.mean(x), CHANNELS, 1))


@end()
def end_one_squeezed(n, x):
    return n.op("Squeeze", n.linear(n.mean(x), CHANNELS, 1), n.c([1], numpy.int64))


@end()
def end_scalar(n, x):
    return n.op("Squeeze", n.op("Sigmoid", n.linear(n.mean(x), CHANNELS, 1)))


@end()
def end_divided_by_temperature(n, x):
    return n.op("Softmax", n.op("Div", n.linear(n.mean(x), CHANNELS), n.c(1.7)), axis=-1)


@end()
def end_softmax_written_out(n, x):
    x = n.linear(n.mean(x), CHANNELS)
    e = n.op("Exp", n.op("Sub", x, n.axes("ReduceMax", x, [1], 18, keepdims=1)))
    return n.op("Div", e, n.op("ReduceSum", e, n.c([1], numpy.int64), keepdims=1))


@end()
def end_mean_of_two_heads(n, x):
    x = n.mean(x)
    both = n.op("Add", n.linear(x, CHANNELS), n.linear(x, CHANNELS))
    return n.op("Div", both, n.c(2.0))


@end()
def end_two_heads_joined(n, x):
    x = n.mean(x)
    return n.op("Concat", n.linear(x, CHANNELS, 3), n.linear(x, CHANNELS, 2), axis=-1)


@end()
def end_stacked_heads(n, x):
    x = n.mean(x)
    heads = [n.axes("Unsqueeze", n.linear(x, CHANNELS), [0]) for _ in range(2)]
    return n.op("ReduceMean", n.op("Concat", *heads, axis=0), axes=[0], keepdims=0)


@end()
def end_unsqueezed(n, x):
    return n.axes("Unsqueeze", n.linear(n.mean(x), CHANNELS), [1])


@end()
def end_cosine_classifier(n, x):
    """ArcFace and its kin: normalized features times normalized weights."""
    x = n.linear(n.mean(x), CHANNELS, 12)
    length = n.op("ReduceL2", x, axes=[1], keepdims=1)
    length = n.op("Expand", n.clip(length, 1e-12), n.op("Shape", x))
    return n.op("Mul", n.op("MatMul", n.op("Div", x, length), n.w(12, CLASSES)), n.c(16.0))


@end()
def end_lp_normalized(n, x):
    x = n.op("LpNormalization", n.linear(n.mean(x), CHANNELS, 12), axis=1, p=2)
    return n.op("MatMul", x, n.w(12, CLASSES))


@end()
def end_batch_norm_of_features(n, x):
    x = n.norm(n.linear(n.mean(x), CHANNELS, 12), 12)
    return n.linear(n.op("Relu", x), 12)


@end()
def end_average_and_maximum(n, x):
    both = n.op("Concat", n.op("GlobalAveragePool", x), n.op("GlobalMaxPool", x), axis=1)
    return n.linear(n.op("Flatten", both), 2 * CHANNELS)


@end()
def end_average_plus_maximum(n, x):
    both = n.op("Add", n.op("GlobalAveragePool", x), n.op("GlobalMaxPool", x))
    return n.linear(n.op("Flatten", n.op("Mul", both, n.c(0.5))), CHANNELS)


@end()
def end_maximum_of_map(n, x):
    return n.linear(n.axes("ReduceMax", x, [2, 3], 18, keepdims=0), CHANNELS)


@end()
def end_logarithm_of_summed_exponentials(n, x):
    return n.linear(n.op("ReduceLogSumExp", n.conv(x, CHANNELS, CHANNELS), axes=[2, 3], keepdims=0), CHANNELS)


@end()
def end_sum_of_map(n, x):
    return n.linear(n.op("Mul", n.axes("ReduceSum", x, [2, 3], keepdims=0), n.c(1 / 64)), CHANNELS)


@end()
def end_pool_of_fixed_kernel(n, x):
    return n.linear(n.op("Flatten", n.op("AveragePool", x, kernel_shape=[8, 8])), CHANNELS)


@end()
def end_pool_to_2x2(n, x):
    x = n.op("AveragePool", x, kernel_shape=[4, 4], strides=[4, 4])
    return n.linear(n.op("Flatten", x), 4 * CHANNELS)


@end()
def end_spatial_pyramid(n, x):
    parts = [n.op("Flatten", n.op("MaxPool", x, kernel_shape=[8 // k] * 2, strides=[8 // k] * 2)) for k in (1, 2, 4)]
    return n.linear(n.op("Concat", *parts, axis=1), 21 * CHANNELS)


@end()
def end_flatten_negative_axis(n, x):
    return n.linear(n.op("Flatten", x, axis=-3), CHANNELS * 64)


@end()
def end_flatten_axis_0(n, x):
    x = n.op("Flatten", n.linear(n.mean(x), CHANNELS), axis=0)
    return x


@end()
def end_gem_pooling(n, x):
    """Generalized mean with the power 3."""
    x = n.op("Pow", n.clip(x, 1e-6), n.c(3.0))
    return n.linear(n.op("Flatten", n.op("Pow", n.op("GlobalAveragePool", x), n.c(1 / 3))), CHANNELS)


@end()
def end_stated_shape_is_stale(n, x):
    return n.reshape(n.linear(n.mean(x), CHANNELS), [-1, 2, 2])


@end()
def end_fully_connected_on_channels_last(n, x):
    x = n.op("Flatten", n.op("Transpose", x, perm=[0, 2, 3, 1]))
    return n.linear(x, CHANNELS * 64)


# ---- activations, as operators and written out

def activation(kind, *opsets, **attributes):
    block(*opsets, name=f"activation_{kind.lower()}")(lambda n, x: n.op(kind, n.conv(x, CHANNELS, CHANNELS), **attributes))


for kind, attributes in {"Elu": {"alpha": 0.7}, "Selu": {}, "Celu": {"alpha": 0.8}, "LeakyRelu": {"alpha": 0.1},
                         "ThresholdedRelu": {"alpha": 0.3}, "HardSigmoid": {"alpha": 0.25}, "Softplus": {}, "Softsign": {},
                         "Tanh": {}, "Sigmoid": {}, "Abs": {}, "Exp": {}, "Relu": {}, "HardSwish": {}}.items():
    activation(kind, **attributes)
activation("Mish", 18)
activation("Gelu", 20, approximate="tanh")
activation("Swish", 24, alpha=1.2)


@block(7, 9, 17)
def activation_prelu_of_channels(n, x):
    return n.op("PRelu", n.conv(x, CHANNELS, CHANNELS), n.c(n.random.uniform(0, 0.5, (CHANNELS, 1, 1))))


@block()
def activation_prelu_of_one(n, x):
    return n.op("PRelu", n.conv(x, CHANNELS, CHANNELS), n.c([0.25]))


@block(7, 11, 17)
def activation_relu6(n, x):
    return n.clip(n.conv(x, CHANNELS, CHANNELS), 0, 6)


@block()
def activation_clip_above_only(n, x):
    return n.clip(n.op("Relu", n.conv(x, CHANNELS, CHANNELS)), None, 1)


@block()
def activation_clip_of_nothing(n, x):
    return n.op("Clip", n.conv(x, CHANNELS, CHANNELS))


@block()
def activation_relu6_by_min(n, x):
    return n.op("Min", n.op("Relu", n.conv(x, CHANNELS, CHANNELS)), n.c(6.0))


@block()
def activation_relu6_by_max_and_min(n, x):
    return n.op("Min", n.c([6.0]), n.op("Max", n.conv(x, CHANNELS, CHANNELS), n.c([0.0])))


@block()
def activation_clip_of_constants_in_nodes(n, x):
    n.inline = True
    return n.clip(n.conv(x, CHANNELS, CHANNELS), -1, 1)


@block(11)
def activation_hard_swish_by_clip(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Div", n.op("Mul", x, n.clip(n.op("Add", x, n.c(3.0)), 0, 6)), n.c(6.0))


@block()
def activation_hard_swish_by_hard_sigmoid(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", n.op("HardSigmoid", x, alpha=1 / 6), x)


@block()
def activation_hard_swish_by_products(n, x):
    """Keras: x * (relu6(x + 3) * (1 / 6))."""
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", x, n.op("Mul", n.clip(n.op("Relu", n.op("Add", x, n.c(3.0))), 0, 6), n.c(1 / 6)))


@block()
def activation_silu(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", n.op("Sigmoid", x), x)


@block()
def activation_swish_with_beta(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", x, n.op("Sigmoid", n.op("Mul", x, n.c(1.4))))


@block()
def activation_mish_written_out(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", x, n.op("Tanh", n.op("Softplus", x)))


@block()
def activation_gelu_by_erf(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    e = n.op("Add", n.op("Erf", n.op("Div", x, n.c(2 ** 0.5))), n.c(1.0))
    return n.op("Mul", n.op("Mul", x, e), n.c(0.5))


@block()
def activation_gelu_by_tanh(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    cube = n.op("Mul", n.op("Pow", x, n.c(3.0)), n.c(0.044715))
    t = n.op("Tanh", n.op("Mul", n.op("Add", x, cube), n.c((2 / numpy.pi) ** 0.5)))
    return n.op("Mul", n.op("Mul", n.c(0.5), x), n.op("Add", n.c(1.0), t))


@block()
def activation_gelu_by_sigmoid(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", x, n.op("Sigmoid", n.op("Mul", n.c(1.702), x)))


@block()
def activation_leaky_by_max(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Max", x, n.op("Mul", x, n.c(0.1)))


@block()
def activation_star(n, x):
    x = n.op("Relu", n.conv(x, CHANNELS, CHANNELS))
    return n.op("Add", n.op("Mul", n.op("Pow", x, n.c(2.0)), n.c(0.9)), n.c(-0.4))


@block()
def activation_glu(n, x):
    a, b = n.op("Split", n.conv(x, CHANNELS, 2 * CHANNELS), axis=1, outputs=2)
    return n.op("Mul", a, n.op("Sigmoid", b))


@block()
def activation_max_feature_map(n, x):
    """LightCNN."""
    a, b = n.op("Split", n.conv(x, CHANNELS, 2 * CHANNELS), axis=1, outputs=2)
    return n.op("Max", a, b)


@block(channels=2 * CHANNELS)
def activation_concatenated_relu(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Relu", n.op("Concat", x, n.op("Neg", x), axis=1))


@block()
def activation_softplus_written_out(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Log", n.op("Add", n.op("Exp", x), n.c(1.0)))


@block()
def activation_sigmoid_written_out(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Div", n.c(1.0), n.op("Add", n.op("Exp", n.op("Neg", x)), n.c(1.0)))


@block()
def activation_square_root(n, x):
    return n.op("Sqrt", n.op("Add", x, n.c(1e-3)))


@block()
def activation_signed_root(n, x):
    """Bilinear pooling's."""
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", n.op("Sign", x), n.op("Sqrt", n.op("Add", n.op("Abs", x), n.c(1e-3))))


@block()
def activation_reciprocal(n, x):
    return n.op("Reciprocal", n.op("Add", x, n.c(0.5)))


@block()
def activation_where(n, x):
    """A leaky ReLU as jax and tf.where write it."""
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Where", n.op("Greater", x, n.c(0.0)), x, n.op("Mul", x, n.c(0.2)))


# ---- borders

@block(9, 11, 13, 18)
def border_of_zeros(n, x):
    return n.conv(n.pad(x, [0, 0, 1, 1, 0, 0, 1, 1], 0), CHANNELS, CHANNELS, pads=[0] * 4)


@block(11)
def border_of_one_side(n, x):
    """TensorFlow's SAME of an even side: one row below, one column to the right."""
    return n.conv(n.pad(x, [0, 0, 0, 0, 0, 0, 1, 1]), CHANNELS, CHANNELS, stride=2, pads=[0] * 4)


@block(9, 13)
def border_reflected(n, x):
    return n.conv(n.pad(x, [0, 0, 1, 1, 0, 0, 1, 1], mode="reflect"), CHANNELS, CHANNELS, pads=[0] * 4)


@block()
def border_repeated(n, x):
    return n.conv(n.pad(x, [0, 0, 2, 1, 0, 0, 1, 2], mode="edge"), CHANNELS, CHANNELS, pads=[0] * 4)


@block(19)
def border_wrapped(n, x):
    return n.conv(n.pad(x, [0, 0, 1, 1, 0, 0, 1, 1], mode="wrap"), CHANNELS, CHANNELS, pads=[0] * 4)


@block()
def border_of_another_number(n, x):
    return n.conv(n.pad(x, [0, 0, 1, 1, 0, 0, 1, 1], 0.5), CHANNELS, CHANNELS, pads=[0] * 4)


@block(9, 13)
def border_negative(n, x):
    return n.conv(n.pad(x, [0, 0, -1, -1, 0, 0, -1, -1]), CHANNELS, CHANNELS)


@block()
def border_in_front_of_a_maximum(n, x):
    return n.op("MaxPool", n.pad(x, [0, 0, 1, 1, 0, 0, 1, 1]), kernel_shape=[3, 3], strides=[2, 2])


@block()
def border_of_minus_infinity(n, x):
    x = n.pad(n.conv(x, CHANNELS, CHANNELS), [0, 0, 0, 0, 0, 0, 1, 1], float("-inf"))
    return n.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])


@block()
def border_in_front_of_a_mean(n, x):
    return n.op("AveragePool", n.pad(x, [0, 0, 1, 1, 0, 0, 1, 1], 0), kernel_shape=[3, 3], strides=[2, 2])


@block(channels=CHANNELS + 4)
def border_of_channels(n, x):
    """The shortcut of ResNet's option A."""
    return n.pad(n.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]), [0, 2, 0, 0, 0, 2, 0, 0], 0)


@block(18)
def border_with_axes(n, x):
    x = n.op("Pad", x, n.c([1, 1, 1, 1], numpy.int64), "", n.c([2, 3], numpy.int64))
    return n.conv(x, CHANNELS, CHANNELS, pads=[0] * 4)


@block(11, 17)
def border_as_pytorch_writes_it(n, x):
    """Zeros are appended to the given numbers, which are reversed in pairs."""
    given = n.op("Cast", n.c([1, 1, 1, 1], numpy.int64), to=7)
    zeros = n.op("ConstantOfShape", n.c([4], numpy.int64), value=tensor([0], numpy.int64))
    pairs = n.reshape(n.op("Concat", given, zeros, axis=0), [-1, 2])
    turned = n.op("Transpose", n.slice(pairs, [-1], [-9223372036854775807], [0], [-1]), perm=[1, 0])
    pads = n.op("Cast", n.reshape(turned, [-1]), to=7)
    return n.conv(n.op("Pad", x, pads, n.c(0.0), mode="constant"), CHANNELS, CHANNELS, pads=[0] * 4)


def tensor(values, dtype):
    from onnx import numpy_helper
    return numpy_helper.from_array(numpy.asarray(values, dtype))


# ---- pools

for pads in ("SAME_UPPER", "SAME_LOWER", "VALID"):
    block(name=f"pool_maximum_{pads.lower()}")(
        lambda n, x, pads=pads: n.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], auto_pad=pads))
    block(name=f"pool_average_{pads.lower()}")(
        lambda n, x, pads=pads: n.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], auto_pad=pads))
    block(name=f"convolution_{pads.lower()}")(
        lambda n, x, pads=pads: n.op("Conv", x, n.w(CHANNELS, CHANNELS, 3, 3), strides=[2, 2], auto_pad=pads))


@block(10, 17)
def pool_ceil(n, x):
    return n.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)


@block(10, 19)
def pool_average_ceil(n, x):
    return n.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)


@block(7, 17)
def pool_average_counts_borders(n, x):
    return n.op("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)


@block()
def pool_with_indices(n, x):
    return n.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], outputs=2)[0]


@block()
def pool_antialiased(n, x):
    """A blur with a fixed kernel for each channel, behind a maximum of stride 1."""
    x = n.op("MaxPool", x, kernel_shape=[2, 2], strides=[1, 1])
    kernel = numpy.outer([1, 2, 1], [1, 2, 1]) / 16
    x = n.pad(x, [0, 0, 1, 1, 0, 0, 1, 1], mode="reflect")
    return n.op("Conv", x, n.c(numpy.tile(kernel, (CHANNELS, 1, 1, 1))), strides=[2, 2], group=CHANNELS)


@block()
def pool_l2(n, x):
    return n.op("LpPool", x, kernel_shape=[2, 2], strides=[2, 2], p=2)


@end()
def pool_global_l2(n, x):
    return n.linear(n.op("Flatten", n.op("GlobalLpPool", x, p=2)), CHANNELS)


@block()
def pool_of_one_axis(n, x):
    return n.op("Mul", x, n.op("Sigmoid", n.op("MaxPool", x, kernel_shape=[1, 8], strides=[1, 8])))


@block()
def pool_dilated(n, x):
    return n.op("MaxPool", x, kernel_shape=[2, 2], dilations=[2, 2])


# ---- movement

@block(9, 17)
def movement_channel_shuffle(n, x):
    x = n.op("Transpose", n.reshape(x, [1, 2, 4, 8, 8]), perm=[0, 2, 1, 3, 4])
    return n.conv(n.reshape(x, [1, 8, 8, 8]), 8, 8)


@block()
def movement_channel_shuffle_by_sizes(n, x):
    shape = n.op("Shape", x)
    b, c, h, w = (n.op("Gather", shape, n.c([i], numpy.int64)) for i in range(4))
    group = n.op("Div", c, n.c([2], numpy.int64))
    x = n.op("Reshape", x, n.op("Concat", b, n.c([2], numpy.int64), group, h, w, axis=0))
    x = n.op("Transpose", x, perm=[0, 2, 1, 3, 4])
    return n.conv(n.op("Reshape", x, n.op("Concat", b, n.c([-1], numpy.int64), h, w, axis=0)), 8, 8)


@network(9, 11, 17)
def movement_focus(n):
    parts = [n.slice(n.slice("input", [i], [2 ** 31 - 1], [2], [2]), [j], [2 ** 31 - 1], [3], [2]) if n.opset >= 10 else
             n.slice("input", [i, j], [8 + i, 8 + j], [2, 3]) for j in (0, 1) for i in (0, 1)]
    return n.head(n.op("Relu", n.conv(n.op("Concat", *parts, axis=1), 12, CHANNELS)))


@block(7, 11, 13, 18)
def movement_split(n, x):
    if n.opset >= 18:
        a, b = n.op("Split", x, axis=1, num_outputs=2, outputs=2)
    elif n.opset >= 13:
        a, b = n.op("Split", x, n.c([4, 4], numpy.int64), axis=1, outputs=2)
    else:
        a, b = n.op("Split", x, axis=1, split=[4, 4], outputs=2)
    return n.op("Concat", n.conv(a, 4, 4), b, axis=1)


@block()
def movement_chunk_by_slices(n, x):
    half = n.op("Div", n.op("Gather", n.op("Shape", x), n.c(1, numpy.int64)), n.c(2, numpy.int64))
    half = n.axes("Unsqueeze", half, [0])
    zero, all_, one = (n.c([v], numpy.int64) for v in (0, 9223372036854775807, 1))
    a = n.op("Slice", x, zero, half, one)
    b = n.op("Slice", x, half, all_, one)
    return n.op("Concat", n.conv(b, 4, 4), a, axis=1)


@block()
def movement_cropped(n, x):
    return n.conv(n.slice(x, [1, 1], [-1, -1], [2, 3]), CHANNELS, CHANNELS)


@block()
def movement_mirrored(n, x):
    return n.op("Add", x, n.conv(n.slice(x, [-1], [-100], [3], [-1]), CHANNELS, CHANNELS))


@block()
def movement_rolled(n, x):
    """As shifted windows do."""
    x = n.op("Concat", n.slice(x, [3], [8], [2]), n.slice(x, [0], [3], [2]), axis=2)
    x = n.op("Concat", n.slice(x, [3], [8], [3]), n.slice(x, [0], [3], [3]), axis=3)
    return n.conv(x, CHANNELS, CHANNELS)


@block(channels=4 * CHANNELS)
def movement_space_to_depth(n, x):
    return n.op("SpaceToDepth", x, blocksize=2)


@block(channels=2)
def movement_depth_to_space(n, x):
    return n.op("DepthToSpace", x, blocksize=2, mode="CRD")


@block(channels=4 * CHANNELS)
def movement_patch_merging(n, x):
    x = n.reshape(x, [1, 8, 4, 2, 4, 2])
    x = n.op("Transpose", x, perm=[0, 3, 5, 1, 2, 4])
    return n.reshape(x, [1, 32, 4, 4])


@network()
def movement_gray_repeated(n):
    n.shape = [1, 1, SIDE, SIDE]
    return n.head(n.stem(n.op("Tile", "input", n.c([1, 3, 1, 1], numpy.int64))))


@network()
def movement_gray_expanded(n):
    n.shape = [1, 1, SIDE, SIDE]
    return n.head(n.stem(n.op("Expand", "input", n.c([1, 3, SIDE, SIDE], numpy.int64))))


@network()
def movement_gray_concatenated(n):
    n.shape = [1, 1, SIDE, SIDE]
    return n.head(n.stem(n.op("Concat", "input", "input", "input", axis=1)))


@network()
def movement_colours_turned(n):
    """BGR from RGB."""
    return n.head(n.stem(n.op("Gather", "input", n.c([2, 1, 0], numpy.int64), axis=1)))


@network()
def movement_colours_turned_by_a_slice(n):
    return n.head(n.stem(n.slice("input", [-1], [-100], [1], [-1])))


@network()
def movement_gray_by_weights(n):
    x = n.op("Mul", "input", n.c(numpy.reshape([0.299, 0.587, 0.114], (1, 3, 1, 1))))
    x = n.op("ReduceSum", x, n.c([1], numpy.int64), keepdims=1)
    return n.head(n.stem(x, 1))


@block()
def movement_gather_of_pixels(n, x):
    return n.op("Gather", x, n.c([0, 2, 4, 6], numpy.int64), axis=2)


@end()
def movement_last_token(n, x):
    x = n.op("Transpose", n.reshape(x, [0, 0, -1]), perm=[0, 2, 1])
    return n.linear(n.op("Gather", x, n.c(-1, numpy.int64), axis=1), CHANNELS)


@end()
def movement_class_token(n, x):
    x = n.op("Transpose", n.reshape(x, [1, CHANNELS, 64]), perm=[0, 2, 1])
    x = n.op("Add", n.op("Concat", n.w(1, 1, CHANNELS), x, axis=1), n.w(1, 65, CHANNELS, scale=0.3))
    x = attention(n, x, CHANNELS, 65)
    return n.linear(n.op("Gather", x, n.c(0, numpy.int64), axis=1), CHANNELS)


@end()
def movement_class_token_expanded(n, x):
    """cls.expand(x.shape[0], -1, -1), with the batch from the shape, and x[:, 0] by Slice and Squeeze."""
    batch = n.op("Gather", n.op("Shape", x), n.c(0, numpy.int64), axis=0)
    x = n.op("Transpose", n.reshape(x, [1, CHANNELS, 64]), perm=[0, 2, 1])
    wanted = n.op("Concat", n.axes("Unsqueeze", batch, [0]), n.c([-1], numpy.int64), n.c([-1], numpy.int64), axis=0)
    ones = n.op("ConstantOfShape", n.c([3], numpy.int64), value=tensor([1], numpy.int64))
    minus = n.op("Mul", ones, n.c(-1, numpy.int64))
    token = n.op("Expand", n.w(1, 1, CHANNELS), n.op("Where", n.op("Equal", wanted, minus), ones, wanted))
    x = attention(n, n.op("Concat", token, x, axis=1), CHANNELS, 65)
    x = n.op("Squeeze", n.slice(x, [0], [1], [1]), n.c([1], numpy.int64))
    return n.linear(x, CHANNELS)


# ---- sizes

@block(7, 9, name="resize_upsample")
def resize_upsample(n, x):
    if n.opset >= 9:
        return n.op("Upsample", x, n.c([1.0, 1.0, 2.0, 2.0]), mode="nearest")
    return n.op("Upsample", x, scales=[1.0, 1.0, 2.0, 2.0], mode="nearest")


@block(10, 11, 13, 18, 19)
def resize_linear(n, x):
    scales = n.c([1.0, 1.0, 2.0, 2.0])
    if n.opset == 10:
        return n.op("Resize", x, scales, mode="linear")
    if n.opset == 11:
        return n.op("Resize", x, n.c([], numpy.float32), scales, mode="linear", coordinate_transformation_mode="half_pixel")
    return n.op("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")


for how in ("align_corners", "asymmetric", "pytorch_half_pixel"):
    block(name=f"resize_{how}")(lambda n, x, how=how: n.op(
        "Resize", x, "", n.c([1.0, 1.0, 1.5, 1.5]), mode="linear", coordinate_transformation_mode=how))
for rounding in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"):
    block(name=f"resize_nearest_{rounding}")(lambda n, x, rounding=rounding: n.op(
        "Resize", x, "", "", n.c([1, CHANNELS, 13, 11], numpy.int64), mode="nearest", nearest_mode=rounding,
        coordinate_transformation_mode="asymmetric"))


@block(11, 13)
def resize_to_sizes_from_shape(n, x):
    """As PyTorch writes interpolate(x, size=y.shape[2:])."""
    small = n.op("Relu", n.conv(x, CHANNELS, CHANNELS, stride=2))
    sizes = n.op("Concat", n.slice(n.op("Shape", small), [0], [2], [0]),
                 n.slice(n.op("Shape", x), [2], [4], [0]), axis=0)
    large = n.op("Resize", small, n.c([], numpy.float32), n.c([], numpy.float32), sizes, mode="nearest",
                 coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    return n.op("Add", large, x)


@block(18)
def resize_with_axes(n, x):
    return n.op("Resize", x, "", n.c([2.0, 2.0]), axes=[2, 3], mode="nearest")


@block()
def resize_back_and_forth(n, x):
    small = n.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    return n.op("Mul", x, n.op("Sigmoid", n.op("Resize", small, "", n.c([1.0, 1.0, 2.0, 2.0]), mode="linear")))


@block()
def resize_by_a_transposed_convolution(n, x):
    return n.op("ConvTranspose", x, n.w(CHANNELS, CHANNELS, 2, 2), n.w(CHANNELS), strides=[2, 2])


# ---- norms

@block(7, 9, 14, 15)
def norm_batch(n, x):
    return n.op("Relu", n.norm(n.conv(x, CHANNELS, CHANNELS, bias=False)))


@block()
def norm_batch_in_front(n, x):
    return n.conv(n.op("Relu", n.norm(x)), CHANNELS, CHANNELS)


@block()
def norm_batch_written_out(n, x):
    """As TensorFlow folds it: a product and a sum, constants of [1, C, 1, 1]."""
    x = n.op("Mul", n.conv(x, CHANNELS, CHANNELS, bias=False), n.positive(1, CHANNELS, 1, 1))
    return n.op("Relu", n.op("Add", x, n.w(1, CHANNELS, 1, 1)))


@block()
def norm_scale_of_caffe(n, x):
    x = n.op("Mul", n.op("Relu", n.norm(x)), n.positive(CHANNELS, 1, 1))
    return n.op("Sub", x, n.w(CHANNELS, 1, 1))


@block()
def norm_instance(n, x):
    return n.op("InstanceNormalization", n.conv(x, CHANNELS, CHANNELS), n.positive(CHANNELS), n.w(CHANNELS))


@block(9, 17)
def norm_group_by_instance(n, x):
    x = n.reshape(n.conv(x, CHANNELS, CHANNELS), [0, 2, -1])
    x = n.op("InstanceNormalization", x, n.c([1.0, 1.0]), n.c([0.0, 0.0]), epsilon=1e-5)
    x = n.reshape(x, [1, CHANNELS, 8, 8])
    return n.op("Add", n.op("Mul", x, n.positive(CHANNELS, 1, 1)), n.w(CHANNELS, 1, 1))


@block(18, 21)
def norm_group(n, x):
    size = CHANNELS if n.opset >= 21 else 2
    return n.op("GroupNormalization", n.conv(x, CHANNELS, CHANNELS), n.positive(size), n.w(size), num_groups=2)


@block()
def norm_group_of_one(n, x):
    """The norm of PoolFormer, by sums of the whole map."""
    x = n.conv(x, CHANNELS, CHANNELS)
    d = n.op("Sub", x, n.mean(x, (1, 2, 3), 1))
    v = n.mean(n.op("Mul", d, d), (1, 2, 3), 1)
    x = n.op("Div", d, n.op("Sqrt", n.op("Add", v, n.c(1e-5))))
    return n.op("Add", n.op("Mul", x, n.positive(CHANNELS, 1, 1)), n.w(CHANNELS, 1, 1))


@block(11, 17)
def norm_layer_of_channels_first(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    d = n.op("Sub", x, n.mean(x, (1,), 1))
    v = n.mean(n.op("Pow", d, n.c(2.0)), (1,), 1)
    x = n.op("Div", d, n.op("Sqrt", n.op("Add", v, n.c(1e-6))))
    return n.op("Add", n.op("Mul", x, n.positive(CHANNELS, 1, 1)), n.w(CHANNELS, 1, 1))


@block(17)
def norm_layer_of_channels_last(n, x):
    x = n.op("Transpose", n.conv(x, CHANNELS, CHANNELS), perm=[0, 2, 3, 1])
    x = n.op("LayerNormalization", x, n.positive(CHANNELS), n.w(CHANNELS), axis=-1)
    return n.op("Transpose", x, perm=[0, 3, 1, 2])


@block()
def norm_layer_without_bias(n, x):
    x = n.op("Transpose", n.conv(x, CHANNELS, CHANNELS), perm=[0, 2, 3, 1])
    return n.op("Transpose", n.op("LayerNormalization", x, n.positive(CHANNELS), epsilon=1e-6), perm=[0, 3, 1, 2])


@end()
def norm_layer_of_features(n, x):
    return n.linear(n.op("LayerNormalization", n.mean(x), n.positive(CHANNELS), n.w(CHANNELS)), CHANNELS)


@end()
def norm_layer_of_whole_map(n, x):
    x = n.op("LayerNormalization", x, n.positive(CHANNELS, 8, 8), n.w(CHANNELS, 8, 8), axis=1)
    return n.linear(n.op("Flatten", x), CHANNELS * 64)


@block()
def norm_root_mean_square(n, x):
    x = n.op("Transpose", n.conv(x, CHANNELS, CHANNELS), perm=[0, 2, 3, 1])
    v = n.mean(n.op("Pow", x, n.c(2.0)), (-1,), 1)
    x = n.op("Mul", x, n.op("Reciprocal", n.op("Sqrt", n.op("Add", v, n.c(1e-6)))))
    return n.op("Transpose", n.op("Mul", x, n.positive(CHANNELS)), perm=[0, 3, 1, 2])


@block(23)
def norm_root_mean_square_operator(n, x):
    x = n.op("Transpose", n.conv(x, CHANNELS, CHANNELS), perm=[0, 2, 3, 1])
    return n.op("Transpose", n.op("RMSNormalization", x, n.positive(CHANNELS)), perm=[0, 3, 1, 2])


@block()
def norm_local_response(n, x):
    return n.op("LRN", x, size=5, alpha=1e-2, beta=0.75, bias=1.0)


@block()
def norm_mean_variance(n, x):
    return n.op("MeanVarianceNormalization", n.conv(x, CHANNELS, CHANNELS), axes=[2, 3])


@block()
def norm_l2_of_channels(n, x):
    """SSD's."""
    x = n.op("LpNormalization", n.conv(x, CHANNELS, CHANNELS), axis=1, p=2)
    return n.op("Mul", x, n.positive(1, CHANNELS, 1, 1))


@block()
def norm_global_response(n, x):
    """ConvNeXt V2."""
    x = n.conv(x, CHANNELS, CHANNELS)
    g = n.op("ReduceL2", x, axes=[2, 3], keepdims=1)
    g = n.op("Div", g, n.op("Add", n.mean(g, (1,), 1), n.c(1e-6)))
    y = n.op("Add", n.op("Mul", n.op("Mul", x, g), n.w(1, CHANNELS, 1, 1)), n.w(1, CHANNELS, 1, 1))
    return n.op("Add", x, y)


@block()
def norm_weights_standardized(n, x):
    w = n.w(CHANNELS, CHANNELS, 3, 3)
    d = n.op("Sub", w, n.mean(w, (1, 2, 3), 1))
    s = n.op("Sqrt", n.mean(n.op("Mul", d, d), (1, 2, 3), 1))
    return n.op("Conv", x, n.op("Div", d, n.op("Add", s, n.c(1e-5))), n.w(CHANNELS), pads=[1, 1, 1, 1])


@block()
def norm_filter_response(n, x):
    """FRN and its thresholded unit."""
    x = n.conv(x, CHANNELS, CHANNELS)
    v = n.op("Sqrt", n.op("Add", n.mean(n.op("Mul", x, x), (2, 3), 1), n.c(1e-6)))
    x = n.op("Add", n.op("Mul", n.op("Div", x, v), n.positive(1, CHANNELS, 1, 1)), n.w(1, CHANNELS, 1, 1))
    return n.op("Max", x, n.w(1, CHANNELS, 1, 1))


# ---- gates and attention

@block()
def gate_squeeze(n, x):
    g = n.conv(n.op("Relu", n.conv(n.op("GlobalAveragePool", x), 8, 4, 1)), 4, 8, 1)
    return n.op("Mul", x, n.op("Sigmoid", g))


@block()
def gate_squeeze_linear(n, x):
    """By two Gemm, with the map's axes put back by Reshape."""
    g = n.op("Relu", n.linear(n.op("Flatten", n.op("GlobalAveragePool", x)), 8, 4))
    g = n.reshape(n.op("Sigmoid", n.linear(g, 4, 8)), [-1, 8, 1, 1])
    return n.op("Mul", g, x)


@block()
def gate_squeeze_expanded(n, x):
    """y.expand_as(x)."""
    g = n.op("Sigmoid", n.linear(n.mean(x), 8, 8))
    g = n.axes("Unsqueeze", g, [2, 3])
    return n.op("Mul", x, n.op("Expand", g, n.op("Shape", x)))


@block()
def gate_squeeze_of_channels_last(n, x):
    """Keras."""
    x = n.op("Transpose", x, perm=[0, 2, 3, 1])
    g = n.reshape(n.mean(x, (1, 2)), [-1, 1, 1, 8])
    g = n.op("Relu", n.op("Add", n.op("MatMul", g, n.w(8, 4)), n.w(4)))
    g = n.op("Sigmoid", n.op("Add", n.op("MatMul", g, n.w(4, 8)), n.w(8)))
    return n.op("Transpose", n.op("Mul", x, g), perm=[0, 3, 1, 2])


@block()
def gate_efficient_channels(n, x):
    """ECA: a convolution along the channels."""
    g = n.op("GlobalAveragePool", x)
    g = n.op("Transpose", n.op("Squeeze", g, n.c([-1], numpy.int64)), perm=[0, 2, 1])
    g = n.op("Conv", g, n.w(1, 1, 3), pads=[1, 1])
    g = n.axes("Unsqueeze", n.op("Transpose", g, perm=[0, 2, 1]), [-1])
    return n.op("Mul", x, n.op("Sigmoid", g))


@block()
def gate_spatial(n, x):
    """CBAM."""
    both = n.op("Concat", n.mean(x, (1,), 1), n.axes("ReduceMax", x, [1], 18, keepdims=1), axis=1)
    return n.op("Mul", x, n.op("Sigmoid", n.conv(both, 2, 1, 7, bias=False)))


@block()
def gate_coordinates(n, x):
    rows, columns = n.mean(x, (3,), 1), n.op("Transpose", n.mean(x, (2,), 1), perm=[0, 1, 3, 2])
    y = n.op("Relu", n.conv(n.op("Concat", rows, columns, axis=2), 8, 4, 1))
    rows, columns = n.op("Split", y, n.c([8, 8], numpy.int64), axis=2, outputs=2)
    a = n.op("Sigmoid", n.conv(rows, 4, 8, 1))
    b = n.op("Sigmoid", n.conv(n.op("Transpose", columns, perm=[0, 1, 3, 2]), 4, 8, 1))
    return n.op("Mul", n.op("Mul", x, b), a)


@block()
def gate_selective_kernels(n, x):
    a, b = n.op("Relu", n.conv(x, 8, 8)), n.op("Relu", n.conv(x, 8, 8, 5))
    s = n.op("Relu", n.conv(n.op("GlobalAveragePool", n.op("Add", a, b)), 8, 4, 1))
    weights = n.op("Softmax", n.reshape(n.conv(s, 4, 16, 1), [1, 2, 8, 1, 1]), axis=1)
    both = n.op("Concat", *(n.axes("Unsqueeze", v, [1]) for v in (a, b)), axis=1)
    return n.op("ReduceSum", n.op("Mul", both, weights), n.c([1], numpy.int64), keepdims=0)


@block()
def gate_of_a_parameter(n, x):
    """Layer scale, and a residual scaled by one learned number."""
    y = n.op("Mul", n.conv(x, CHANNELS, CHANNELS), n.positive(CHANNELS, 1, 1))
    return n.op("Add", x, n.op("Mul", y, n.c([0.3])))


def attention(n, x, width, tokens, heads=2, scale="product", form="split"):
    """Multi-head attention over [1, tokens, width], with a residual."""
    each = width // heads

    def linear(x, outputs):
        return n.op("Add", n.op("MatMul", x, n.w(width, outputs)), n.w(outputs))
    if form == "packed":  # timm: one product, reshaped, transposed, picked apart
        packed = n.reshape(linear(x, 3 * width), [1, tokens, 3, heads, each])
        packed = n.op("Transpose", packed, perm=[2, 0, 3, 1, 4])
        q, k, v = (n.op("Gather", packed, n.c(i, numpy.int64), axis=0) for i in range(3))
    elif form == "unbound":
        packed = n.reshape(linear(x, 3 * width), [1, tokens, 3, heads, each])
        packed = n.op("Transpose", packed, perm=[2, 0, 3, 1, 4])
        parts = n.op("Split", packed, n.c([1, 1, 1], numpy.int64), axis=0, outputs=3)
        q, k, v = (n.op("Squeeze", part, n.c([0], numpy.int64)) for part in parts)
    else:
        q, k, v = (n.op("Transpose", n.reshape(linear(x, width), [1, tokens, heads, each]), perm=[0, 2, 1, 3])
                   for _ in range(3))
    k = n.op("Transpose", k, perm=[0, 1, 3, 2])
    if scale == "product":
        q = n.op("Mul", q, n.c(each ** -0.5))
    if scale == "both":  # scaled_dot_product_attention
        q, k = n.op("Mul", q, n.c(each ** -0.25)), n.op("Mul", k, n.c(each ** -0.25))
    if scale == "shape":
        last = n.slice(n.op("Shape", q), [-1], [9223372036854775807], [0])
        root = n.op("Sqrt", n.op("Cast", last, to=1))
        root = n.op("Sqrt", n.op("Div", n.c([1.0]), n.op("Cast", root, to=1)))
        q, k = n.op("Mul", q, root), n.op("Mul", k, root)
    logits = n.op("MatMul", q, k)
    if scale == "quotient":
        logits = n.op("Div", logits, n.c(each ** 0.5))
    y = n.op("Transpose", n.op("MatMul", n.op("Softmax", logits, axis=-1), v), perm=[0, 2, 1, 3])
    return n.op("Add", x, linear(n.reshape(y, [1, tokens, width]), width))


for form in ("split", "packed", "unbound"):
    for scale in ("product", "both", "shape", "quotient"):
        def transformer(n, x, form=form, scale=scale):
            x = n.op("Transpose", n.reshape(x, [1, CHANNELS, 64]), perm=[0, 2, 1])
            x = attention(n, x, CHANNELS, 64, form=form, scale=scale)
            return n.linear(n.op("ReduceMean", x, axes=[1], keepdims=0), CHANNELS)
        network(name=f"attention_{form}_scaled_by_{scale}")(lambda n, make=transformer: make(n, n.stem()))


@end()
def attention_by_einsum(n, x):
    """Keras' MultiHeadAttention."""
    x = n.reshape(n.op("Transpose", x, perm=[0, 2, 3, 1]), [1, 64, CHANNELS])
    q, k, v = (n.op("Add", n.op("Einsum", x, n.w(CHANNELS, 2, 4), equation="abc,cde->abde"), n.w(2, 4)) for _ in range(3))
    q = n.op("Mul", q, n.c(0.5))
    logits = n.op("Softmax", n.op("Einsum", k, q, equation="aecd,abcd->acbe"), axis=-1)
    y = n.op("Einsum", logits, v, equation="acbe,aecd->abcd")
    y = n.op("Add", n.op("Einsum", y, n.w(2, 4, CHANNELS), equation="abcd,cde->abe"), n.w(CHANNELS))
    return n.linear(n.mean(n.op("Add", x, y), (1,)), CHANNELS)


@end()
def attention_by_einsum_of_maps(n, x):
    """Bottleneck transformers: b h d i, b h d j -> b h i j."""
    q, k, v = (n.reshape(n.conv(x, CHANNELS, CHANNELS, 1), [1, 2, 4, 64]) for _ in range(3))
    logits = n.op("Softmax", n.op("Einsum", n.op("Mul", q, n.c(0.5)), k, equation="b h d i, b h d j -> b h i j"), axis=-1)
    y = n.op("Einsum", logits, v, equation="b h i j, b h d j -> b h i d")
    y = n.reshape(n.op("Transpose", y, perm=[0, 1, 3, 2]), [1, CHANNELS, 8, 8])
    return n.head(n.op("Add", x, y))


@end()
def attention_of_maps(n, x):
    """Non-local block."""
    q, k, v = (n.reshape(n.conv(x, CHANNELS, CHANNELS, 1), [1, CHANNELS, 64]) for _ in range(3))
    logits = n.op("Softmax", n.op("MatMul", n.op("Transpose", q, perm=[0, 2, 1]), k), axis=-1)
    y = n.op("MatMul", logits, n.op("Transpose", v, perm=[0, 2, 1]))
    y = n.reshape(n.op("Transpose", y, perm=[0, 2, 1]), [1, CHANNELS, 8, 8])
    return n.head(n.op("Add", x, n.conv(y, CHANNELS, CHANNELS, 1)))


@end()
def attention_over_channels(n, x):
    """Cross-covariance: softmax over channels of normalized tokens."""
    q, k, v = (n.reshape(n.conv(x, CHANNELS, CHANNELS, 1), [1, 2, 4, 64]) for _ in range(3))
    logits = n.op("Mul", n.op("MatMul", q, n.op("Transpose", k, perm=[0, 1, 3, 2])), n.c(1 / 64))
    y = n.op("MatMul", n.op("Softmax", logits, axis=-1), v)
    return n.head(n.op("Add", x, n.reshape(y, [1, CHANNELS, 8, 8])))


@end()
def attention_with_a_bias(n, x):
    x = n.op("Transpose", n.reshape(x, [1, CHANNELS, 64]), perm=[0, 2, 1])
    q, k, v = (n.op("MatMul", x, n.w(CHANNELS, CHANNELS)) for _ in range(3))
    logits = n.op("Mul", n.op("MatMul", q, n.op("Transpose", k, perm=[0, 2, 1])), n.c(0.3))
    y = n.op("MatMul", n.op("Softmax", n.op("Add", logits, n.w(1, 64, 64)), axis=-1), v)
    return n.linear(n.mean(n.op("Add", x, y), (1,)), CHANNELS)


@end()
def attention_pooling(n, x):
    """A softmax along the tokens."""
    x = n.op("Transpose", n.reshape(x, [1, CHANNELS, 64]), perm=[0, 2, 1])
    weights = n.op("Softmax", n.op("MatMul", x, n.w(CHANNELS, 1)), axis=1)
    x = n.op("MatMul", n.op("Transpose", weights, perm=[0, 2, 1]), x)
    return n.linear(n.op("Squeeze", x, n.c([1], numpy.int64)), CHANNELS)


@end()
def attention_of_windows(n, x):
    x = n.op("Transpose", x, perm=[0, 2, 3, 1])
    x = n.op("Transpose", n.reshape(x, [1, 2, 4, 2, 4, CHANNELS]), perm=[0, 1, 3, 2, 4, 5])
    x = n.reshape(x, [4, 16, CHANNELS])
    q, k, v = (n.op("MatMul", x, n.w(CHANNELS, CHANNELS)) for _ in range(3))
    weights = n.op("Softmax", n.op("MatMul", q, n.op("Transpose", k, perm=[0, 2, 1])), axis=-1)
    x = n.reshape(n.op("MatMul", weights, v), [1, 2, 2, 4, 4, CHANNELS])
    x = n.reshape(n.op("Transpose", x, perm=[0, 1, 3, 2, 4, 5]), [1, 64, CHANNELS])
    return n.linear(n.mean(x, (1,)), CHANNELS)


@end()
def attention_mlp_mixer(n, x):
    x = n.reshape(x, [1, CHANNELS, 64])
    y = n.op("MatMul", n.op("Relu", n.op("MatMul", x, n.w(64, 32))), n.w(32, 64))
    x = n.op("Transpose", n.op("Add", x, y), perm=[0, 2, 1])
    y = n.op("MatMul", n.op("Relu", n.op("MatMul", x, n.w(CHANNELS, 16))), n.w(16, CHANNELS))
    return n.linear(n.mean(n.op("Add", x, y), (1,)), CHANNELS)


@end()
def attention_bilinear_pooling(n, x):
    x = n.reshape(x, [1, CHANNELS, 64])
    gram = n.op("Div", n.op("MatMul", x, n.op("Transpose", x, perm=[0, 2, 1])), n.c(64.0))
    return n.linear(n.reshape(gram, [1, 64]), 64)


# ---- convolutions

@block()
def convolution_dilated(n, x):
    return n.conv(x, CHANNELS, CHANNELS, dilations=[2, 2], pads=[2] * 4)


@block()
def convolution_of_groups(n, x):
    return n.conv(x, CHANNELS, CHANNELS, groups=2)


@block()
def convolution_of_a_multiplier(n, x):
    x = n.conv(x, CHANNELS, 2 * CHANNELS, groups=CHANNELS)
    return n.conv(x, 2 * CHANNELS, CHANNELS, 1)


@block()
def convolution_without_a_stated_kernel(n, x):
    return n.op("Conv", x, n.w(CHANNELS, CHANNELS, 3, 3), pads=[1, 1, 1, 1])


@block()
def convolution_of_one_axis(n, x):
    x = n.op("Conv", x, n.w(CHANNELS, CHANNELS, 1, 3), pads=[0, 1, 0, 1])
    return n.op("Conv", x, n.w(CHANNELS, CHANNELS, 3, 1), pads=[1, 0, 1, 0])


@block()
def convolution_of_transposed_weights(n, x):
    """TensorFlow keeps them as HWIO."""
    w = n.op("Transpose", n.w(3, 3, CHANNELS, CHANNELS, scale=0.2), perm=[3, 2, 0, 1])
    return n.op("Conv", x, w, pads=[1, 1, 1, 1])


@block()
def convolution_of_reshaped_weights(n, x):
    w = n.reshape(n.w(3, 3, CHANNELS, 1, scale=0.5), [CHANNELS, 1, 3, 3])
    return n.op("Conv", x, w, pads=[1, 1, 1, 1], group=CHANNELS)


@block()
def convolution_of_scaled_weights(n, x):
    w = n.op("Mul", n.w(CHANNELS, CHANNELS, 3, 3), n.positive(CHANNELS, 1, 1, 1))
    return n.op("Conv", x, w, n.w(CHANNELS), pads=[1, 1, 1, 1])


@block()
def convolution_of_bytes_for_weights(n, x):
    w = n.op("DequantizeLinear", n.c(n.random.integers(-127, 128, (CHANNELS, CHANNELS, 3, 3)), numpy.int8),
             n.c(n.random.uniform(0.001, 0.003, CHANNELS), numpy.float32), n.c(numpy.zeros(CHANNELS), numpy.int8), axis=0)
    return n.op("Conv", x, w, pads=[1, 1, 1, 1])


@block()
def convolution_and_bias_apart(n, x):
    return n.op("Add", n.conv(x, CHANNELS, CHANNELS, bias=False), n.w(1, CHANNELS, 1, 1))


@block()
def convolution_even_kernel(n, x):
    return n.op("Conv", x, n.w(CHANNELS, CHANNELS, 2, 2), pads=[1, 1, 0, 0])


@block(channels=4)
def convolution_dense_block(n, x):
    y = n.op("Relu", n.norm(x))
    a = n.conv(y, CHANNELS, 4)
    b = n.op("Relu", n.norm(n.op("Concat", x, a, axis=1), 12))
    return n.conv(b, 12, 4)


@block()
def convolution_branches(n, x):
    a, b = n.conv(x, CHANNELS, 4, 1), n.conv(n.op("Relu", n.conv(x, CHANNELS, 4, 1)), 4, 4)
    return n.op("Relu", n.op("Concat", a, b, axis=1))


@block()
def convolution_three_summed(n, x):
    return n.op("Relu", n.op("Sum", x, n.conv(x, CHANNELS, CHANNELS, 1), n.conv(x, CHANNELS, CHANNELS)))


@block()
def convolution_sum_of_one(n, x):
    return n.op("Sum", n.conv(x, CHANNELS, CHANNELS))


@block()
def convolution_mean_of_branches(n, x):
    return n.op("Mean", n.conv(x, CHANNELS, CHANNELS), x)


@block()
def convolution_larger_of_branches(n, x):
    return n.op("Max", n.conv(x, CHANNELS, CHANNELS), n.conv(x, CHANNELS, CHANNELS, 1), x)


@block()
def convolution_partial(n, x):
    """FasterNet: the first channels alone are convolved."""
    a, b = n.slice(x, [0], [2], [1]), n.slice(x, [2], [8], [1])
    return n.op("Concat", n.conv(a, 2, 2), b, axis=1)


# ---- the picture

@network(9, 13)
def input_channels_last(n):
    """tf2onnx: one Transpose in front."""
    n.shape = [1, SIDE, SIDE, 3]
    return n.head(n.stem(n.op("Transpose", "input", perm=[0, 3, 1, 2])))


@network()
def input_channels_last_by_reshape(n):
    """tf2onnx, of one channel."""
    n.shape = [1, SIDE, SIDE, 1]
    return n.head(n.stem(n.reshape("input", [1, 1, SIDE, SIDE]), 1))


@network()
def input_transposed_around_every_convolution(n):
    n.shape = ["unk__6", SIDE, SIDE, 3]
    x = "input"
    for inputs, outputs in ((3, 8), (8, 8)):
        x = n.op("Transpose", x, perm=[0, 3, 1, 2])
        x = n.op("Transpose", n.conv(x, inputs, outputs, bias=False), perm=[0, 2, 3, 1])
        x = n.op("Relu", n.op("Add", x, n.w(outputs)))
    return n.op("Softmax", n.op("Add", n.op("MatMul", n.mean(x, (1, 2)), n.w(8, CLASSES)), n.w(CLASSES)), axis=-1)


@network(13)
def input_scaled_to_signed_unit(n):
    """Keras' Rescaling layer."""
    n.shape = [1, SIDE, SIDE, 3]
    x = n.op("Add", n.op("Mul", "input", n.c(1 / 2.0)), n.c(-0.1))
    return n.head(n.stem(n.op("Transpose", x, perm=[0, 3, 1, 2])))


@network()
def input_normalized_inside(n):
    x = n.op("Sub", "input", n.c(numpy.reshape([0.1, 0.2, 0.3], (1, 3, 1, 1))))
    return n.head(n.stem(n.op("Div", x, n.c(numpy.reshape([0.5, 0.6, 0.7], (1, 3, 1, 1))))))


@network()
def input_batch_norm_first(n):
    """MXNet's bn_data."""
    return n.head(n.stem(n.norm("input", 3)))


@network()
def input_scalars_first(n):
    """MXNet's mul_scalar and minus_scalar."""
    return n.head(n.stem(n.op("Mul", n.op("Sub", "input", n.c([0.3])), n.c([0.7]))))


@network()
def input_batch_is_unknown(n):
    n.shape = ["batch", 3, SIDE, SIDE]
    return n.linear(n.reshape(n.stem(), [-1, CHANNELS * 64]), CHANNELS * 64)


@network()
def input_batch_of_minus_one_and_sizes_from_shape(n):
    n.shape = ["batch", 3, SIDE, SIDE]
    x = n.stem()
    batch = n.op("Gather", n.op("Shape", x), n.c(0, numpy.int64))
    shape = n.op("Concat", n.axes("Unsqueeze", batch, [0]), n.c([CHANNELS], numpy.int64), n.c([64], numpy.int64), axis=0)
    return n.linear(n.mean(n.op("Reshape", x, shape), (2,)), CHANNELS)


@network()
def input_three_axes(n):
    n.shape = [3, SIDE, SIDE]
    return n.head(n.stem(n.axes("Unsqueeze", "input", [0])))


@network()
def input_of_halves(n):
    """Cast at both ends, weights of 16 bits."""
    n.dtype = numpy.float16
    n.input_type = 1
    x = n.op("Cast", "input", to=10)
    n.result = numpy.float32
    return n.op("Cast", n.head(n.stem(x)), to=1)


@network()
def input_listed_with_weights(n):
    n.opset, n.listed = 8, True
    return n.head(n.stem())


@network()
def input_nodes_without_names(n):
    n.named = False
    return n.head(n.stem())


@network(11)
def input_constants_are_nodes(n):
    n.inline = True
    x = n.clip(n.norm(n.conv("input", 3, CHANNELS, bias=False)), 0, 6)
    return n.head(x)


@network(13)
def input_constants_by_value(n):
    ends = n.op("Constant", value_ints=[0, -1])
    factor = n.op("Constant", value_float=0.7)
    x = n.op("Mul", n.stem(), factor)
    return n.linear(n.op("Reshape", n.op("GlobalAveragePool", x), ends), CHANNELS)


@network()
def input_flat(n):
    """Pictures as a row, put back into a map."""
    n.shape = [1, 3 * SIDE * SIDE]
    return n.head(n.stem(n.reshape("input", [1, 3, SIDE, SIDE])))


@network()
def input_multilayer_perceptron(n):
    n.shape = [1, 1, SIDE, SIDE]
    x = n.op("Relu", n.linear(n.op("Flatten", "input"), SIDE * SIDE, 24))
    return n.linear(n.op("Relu", n.linear(x, 24, 16)), 16)


@network()
def input_patches(n):
    """A convolution as a product of patches, as some ViT write it."""
    x = n.reshape("input", [1, 3, 4, 4, 4, 4])
    x = n.reshape(n.op("Transpose", x, perm=[0, 2, 4, 3, 5, 1]), [1, 16, 48])
    x = n.op("Add", n.op("MatMul", x, n.w(48, CHANNELS)), n.w(CHANNELS))
    return n.linear(n.mean(attention(n, x, CHANNELS, 16), (1,)), CHANNELS)


# ---- ONNX Runtime's optimizer

@block()
def fused_convolution(n, x):
    return n.op("FusedConv", x, n.w(CHANNELS, CHANNELS, 3, 3), n.w(CHANNELS), pads=[1, 1, 1, 1], activation="LeakyRelu",
                activation_params=[0.1], domain="com.microsoft")


@block()
def fused_convolution_with_a_sum(n, x):
    return n.op("FusedConv", x, n.w(CHANNELS, CHANNELS, 3, 3), n.w(CHANNELS), x, pads=[1, 1, 1, 1], activation="Relu",
                domain="com.microsoft")


@end()
def fused_gemm(n, x):
    x = n.op("FusedGemm", n.mean(x), n.w(12, CHANNELS), n.w(12), transB=1, activation="Relu", domain="com.microsoft")
    return n.linear(x, 12)


@end()
def fused_matmul(n, x):
    x = n.reshape(x, [1, CHANNELS, 64])
    gram = n.op("FusedMatMul", x, x, alpha=1 / 64, transB=1, domain="com.microsoft")
    return n.linear(n.reshape(gram, [1, 64]), 64)


@end()
def fused_matmul_of_weights(n, x):
    return n.op("FusedMatMul", n.mean(x), n.w(CLASSES, CHANNELS), transB=1, alpha=2.0, domain="com.microsoft")


@block()
def fused_gelu(n, x):
    return n.op("Gelu", n.conv(x, CHANNELS, CHANNELS), domain="com.microsoft")


@block()
def fused_quick_gelu(n, x):
    return n.op("QuickGelu", n.conv(x, CHANNELS, CHANNELS), alpha=1.702, domain="com.microsoft")


@end()
def fused_bias_gelu(n, x):
    x = n.op("MatMul", n.mean(x), n.w(CHANNELS, 12))
    return n.linear(n.op("BiasGelu", x, n.w(12), domain="com.microsoft"), 12)


@end()
def fused_fast_gelu(n, x):
    x = n.op("MatMul", n.mean(x), n.w(CHANNELS, 12))
    return n.linear(n.op("FastGelu", x, n.w(12), domain="com.microsoft"), 12)


@end()
def fused_skip_layer_norm(n, x):
    x = n.op("Transpose", n.reshape(x, [1, CHANNELS, 64]), perm=[0, 2, 1])
    y = n.op("MatMul", x, n.w(CHANNELS, CHANNELS))
    x = n.op("SkipLayerNormalization", x, y, n.positive(CHANNELS), n.w(CHANNELS), n.w(CHANNELS), domain="com.microsoft")
    return n.linear(n.mean(x, (1,)), CHANNELS)

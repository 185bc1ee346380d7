"""How a picture or a list of numbers comes in."""

import numpy

from .attention import attention
from .net import CHANNELS, SIDE, CLASSES, network


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

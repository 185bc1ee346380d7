"""Borders around maps."""

import numpy

from .net import CHANNELS, block


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

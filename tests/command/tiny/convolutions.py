"""Convolutions, branches and dense products."""

import numpy

from .net import CHANNELS, block


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

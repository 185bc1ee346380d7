"""Pools."""

import numpy

from .net import CHANNELS, block, end


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

"""Maps that change their size."""

import numpy

from .net import CHANNELS, block


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

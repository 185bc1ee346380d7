"""What is moved, cut, repeated and joined."""

import numpy

from .attention import attention
from .borders import tensor
from .net import CHANNELS, SIDE, network, block, end


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

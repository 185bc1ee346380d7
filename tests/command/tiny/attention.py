"""Gates and attention."""

import numpy

from .net import CHANNELS, network, block, end


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

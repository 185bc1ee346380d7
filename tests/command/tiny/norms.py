"""Normalizations."""

from .net import CHANNELS, block, end


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

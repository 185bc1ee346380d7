"""How classifiers end."""

import numpy

from .net import CHANNELS, CLASSES, end


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

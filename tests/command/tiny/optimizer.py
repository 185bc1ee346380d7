"""What ONNX Runtime's optimizer writes."""

from .net import CHANNELS, CLASSES, block, end


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

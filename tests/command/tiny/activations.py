"""Activations, as operators and written out."""

import numpy

from .net import CHANNELS, block


def activation(kind, *opsets, **attributes):
    block(*opsets, name=f"activation_{kind.lower()}")(lambda n, x: n.op(kind, n.conv(x, CHANNELS, CHANNELS), **attributes))


for kind, attributes in {"Elu": {"alpha": 0.7}, "Selu": {}, "Celu": {"alpha": 0.8}, "LeakyRelu": {"alpha": 0.1},
                         "ThresholdedRelu": {"alpha": 0.3}, "HardSigmoid": {"alpha": 0.25}, "Softplus": {}, "Softsign": {},
                         "Tanh": {}, "Sigmoid": {}, "Abs": {}, "Exp": {}, "Relu": {}, "HardSwish": {}}.items():
    activation(kind, **attributes)
activation("Mish", 18)
activation("Gelu", 20, approximate="tanh")
activation("Swish", 24, alpha=1.2)


@block(7, 9, 17)
def activation_prelu_of_channels(n, x):
    return n.op("PRelu", n.conv(x, CHANNELS, CHANNELS), n.c(n.random.uniform(0, 0.5, (CHANNELS, 1, 1))))


@block()
def activation_prelu_of_one(n, x):
    return n.op("PRelu", n.conv(x, CHANNELS, CHANNELS), n.c([0.25]))


@block(7, 11, 17)
def activation_relu6(n, x):
    return n.clip(n.conv(x, CHANNELS, CHANNELS), 0, 6)


@block()
def activation_clip_above_only(n, x):
    return n.clip(n.op("Relu", n.conv(x, CHANNELS, CHANNELS)), None, 1)


@block()
def activation_clip_of_nothing(n, x):
    return n.op("Clip", n.conv(x, CHANNELS, CHANNELS))


@block()
def activation_relu6_by_min(n, x):
    return n.op("Min", n.op("Relu", n.conv(x, CHANNELS, CHANNELS)), n.c(6.0))


@block()
def activation_relu6_by_max_and_min(n, x):
    return n.op("Min", n.c([6.0]), n.op("Max", n.conv(x, CHANNELS, CHANNELS), n.c([0.0])))


@block()
def activation_clip_of_constants_in_nodes(n, x):
    n.inline = True
    return n.clip(n.conv(x, CHANNELS, CHANNELS), -1, 1)


@block(11)
def activation_hard_swish_by_clip(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Div", n.op("Mul", x, n.clip(n.op("Add", x, n.c(3.0)), 0, 6)), n.c(6.0))


@block()
def activation_hard_swish_by_hard_sigmoid(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", n.op("HardSigmoid", x, alpha=1 / 6), x)


@block()
def activation_hard_swish_by_products(n, x):
    """Keras: x * (relu6(x + 3) * (1 / 6))."""
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", x, n.op("Mul", n.clip(n.op("Relu", n.op("Add", x, n.c(3.0))), 0, 6), n.c(1 / 6)))


@block()
def activation_silu(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", n.op("Sigmoid", x), x)


@block()
def activation_swish_with_beta(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", x, n.op("Sigmoid", n.op("Mul", x, n.c(1.4))))


@block()
def activation_mish_written_out(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", x, n.op("Tanh", n.op("Softplus", x)))


@block()
def activation_gelu_by_erf(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    e = n.op("Add", n.op("Erf", n.op("Div", x, n.c(2 ** 0.5))), n.c(1.0))
    return n.op("Mul", n.op("Mul", x, e), n.c(0.5))


@block()
def activation_gelu_by_tanh(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    cube = n.op("Mul", n.op("Pow", x, n.c(3.0)), n.c(0.044715))
    t = n.op("Tanh", n.op("Mul", n.op("Add", x, cube), n.c((2 / numpy.pi) ** 0.5)))
    return n.op("Mul", n.op("Mul", n.c(0.5), x), n.op("Add", n.c(1.0), t))


@block()
def activation_gelu_by_sigmoid(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", x, n.op("Sigmoid", n.op("Mul", n.c(1.702), x)))


@block()
def activation_leaky_by_max(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Max", x, n.op("Mul", x, n.c(0.1)))


@block()
def activation_star(n, x):
    x = n.op("Relu", n.conv(x, CHANNELS, CHANNELS))
    return n.op("Add", n.op("Mul", n.op("Pow", x, n.c(2.0)), n.c(0.9)), n.c(-0.4))


@block()
def activation_glu(n, x):
    a, b = n.op("Split", n.conv(x, CHANNELS, 2 * CHANNELS), axis=1, outputs=2)
    return n.op("Mul", a, n.op("Sigmoid", b))


@block()
def activation_max_feature_map(n, x):
    """LightCNN."""
    a, b = n.op("Split", n.conv(x, CHANNELS, 2 * CHANNELS), axis=1, outputs=2)
    return n.op("Max", a, b)


@block(channels=2 * CHANNELS)
def activation_concatenated_relu(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Relu", n.op("Concat", x, n.op("Neg", x), axis=1))


@block()
def activation_softplus_written_out(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Log", n.op("Add", n.op("Exp", x), n.c(1.0)))


@block()
def activation_sigmoid_written_out(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Div", n.c(1.0), n.op("Add", n.op("Exp", n.op("Neg", x)), n.c(1.0)))


@block()
def activation_square_root(n, x):
    return n.op("Sqrt", n.op("Add", x, n.c(1e-3)))


@block()
def activation_signed_root(n, x):
    """Bilinear pooling's."""
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", n.op("Sign", x), n.op("Sqrt", n.op("Add", n.op("Abs", x), n.c(1e-3))))


@block()
def activation_reciprocal(n, x):
    return n.op("Reciprocal", n.op("Add", x, n.c(0.5)))


@block()
def activation_where(n, x):
    """A leaky ReLU as jax and tf.where write it."""
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Where", n.op("Greater", x, n.c(0.0)), x, n.op("Mul", x, n.c(0.2)))

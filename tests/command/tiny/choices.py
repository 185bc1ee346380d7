"""Numbers that are compared and chosen, branches that the file decides, functions that it brings."""

import numpy

from .net import CHANNELS, network, block, end


FLOAT, BOOL = 1, 9


@block(9, 17)
def choice_hard_shrink(n, x):
    return n.op("Shrink", n.conv(x, CHANNELS, CHANNELS), lambd=0.4)


@block(10)
def choice_soft_shrink(n, x):
    return n.op("Shrink", n.conv(x, CHANNELS, CHANNELS), lambd=0.3, bias=0.3)


@block(17)
def choice_hard_shrink_of_pytorch(n, x):
    """Where(x > l or x < -l, x, 0), two comparisons and a cast."""
    x = n.conv(x, CHANNELS, CHANNELS)
    outside = n.op("Or", n.op("Greater", x, n.c(0.4)), n.op("Less", x, n.c(-0.4)))
    return n.op("Where", outside, x, n.c(0.0))


@block(17)
def choice_soft_shrink_of_pytorch(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    above = n.op("Where", n.op("Greater", x, n.c(0.3)), n.op("Sub", x, n.c(0.3)), n.c(0.0))
    return n.op("Where", n.op("Less", x, n.c(-0.3)), n.op("Add", x, n.c(0.3)), above)


@block(9, 16)
def choice_times_a_mask(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", x, n.op("Cast", n.op("Greater", x, n.c(0.0)), to=FLOAT))


@block(16)
def choice_not_below(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Where", n.op("GreaterOrEqual", x, n.c(0.1)), x, n.op("Mul", x, n.c(0.25)))


@block(16)
def choice_not_above(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Where", n.op("Not", n.op("LessOrEqual", x, n.c(0.1))), x, n.op("Mul", x, n.c(0.25)))


@block()
def choice_between(n, x):
    """A band is kept."""
    x = n.conv(x, CHANNELS, CHANNELS)
    inside = n.op("And", n.op("Greater", x, n.c(-1.0)), n.op("Less", x, n.c(1.0)))
    return n.op("Where", inside, x, n.op("Mul", n.op("Sign", x), n.c(1.0)))


@block()
def choice_either_but_not_both(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    one = n.op("Xor", n.op("Greater", x, n.c(-0.5)), n.op("Greater", x, n.c(0.8)))
    return n.op("Where", one, x, n.op("Mul", x, n.c(0.1)))


@block()
def choice_of_two_maps(n, x):
    a, b = (n.conv(x, CHANNELS, CHANNELS) for _ in range(2))
    return n.op("Where", n.op("Greater", a, b), n.op("Mul", a, n.c(0.5)), b)


@block()
def choice_of_zeros(n, x):
    """ReLU leaves zeros, which are counted."""
    zero = n.op("Equal", n.op("Relu", n.conv(x, CHANNELS, CHANNELS)), n.c(0.0))
    return n.op("Add", x, n.op("Cast", zero, to=FLOAT))


@block()
def choice_cast_to_bool(n, x):
    a = n.op("Relu", n.conv(x, CHANNELS, CHANNELS))
    return n.op("Where", n.op("Cast", a, to=BOOL), a, n.op("Mul", n.op("Abs", x), n.c(0.3)))


@block()
def choice_by_a_gate(n, x):
    """Channels above their mean pass."""
    mean = n.mean(x, (1,), 1)
    return n.op("Where", n.op("Greater", x, mean), x, n.op("Mul", x, n.c(0.1)))


@block()
def activation_signed_logarithm(n, x):
    x = n.conv(x, CHANNELS, CHANNELS)
    return n.op("Mul", n.op("Sign", x), n.op("Log", n.op("Add", n.op("Abs", x), n.c(1.0))))


@block(11, 14)
def movement_running_sum(n, x):
    return n.op("Mul", n.op("CumSum", x, n.c(3, numpy.int64)), n.c(0.2))


@block()
def movement_running_sum_of_channels_backwards(n, x):
    return n.op("Mul", n.op("CumSum", x, n.c(1, numpy.int64), exclusive=1, reverse=1), n.c(0.2))


@end()
def end_running_product(n, x):
    """Ordinal classes: each is at most the one before."""
    p = n.op("Sigmoid", n.linear(n.mean(x), CHANNELS))
    return n.op("Exp", n.op("CumSum", n.op("Log", p), n.c(1, numpy.int64)))


@block(11)
def pool_of_three_dimensions(n, x):
    """PyTorch's local response normalization: an average over channels."""
    square = n.op("Unsqueeze", n.op("Mul", x, x), axes=[1])
    square = n.op("Pad", square, n.c([0, 0, 2, 0, 0, 0, 0, 2, 0, 0], numpy.int64), n.c(0.0))
    mean = n.op("Squeeze", n.op("AveragePool", square, kernel_shape=[5, 1, 1], strides=[1, 1, 1]), axes=[1])
    return n.op("Div", x, n.op("Pow", n.op("Add", n.op("Mul", mean, n.c(0.5)), n.c(1.0)), n.c(0.75)))


@block(13)
def pool_of_frames(n, x):
    x = n.op("Unsqueeze", n.conv(x, CHANNELS, CHANNELS), n.c([2], numpy.int64))
    x = n.op("MaxPool", x, kernel_shape=[1, 2, 2], strides=[1, 2, 2])
    return n.op("Squeeze", x, n.c([2], numpy.int64))


# ---- branches and functions

def branch(nodes, output):
    from onnx import helper
    return helper.make_graph(nodes, "branch", [], [helper.make_tensor_value_info(output, FLOAT, None)])


def decided(n, x, condition, then, otherwise):
    """If with one operator a branch: (operator, inputs, attributes); both branches use the same inner name."""
    from onnx import helper
    branches = {}
    for key, (kind, inputs, attributes) in (("then_branch", then), ("else_branch", otherwise)):
        branches[key] = branch([helper.make_node(kind, [x, *inputs], ["inner"], **attributes)], "inner")
    return n.op("If", condition, **branches)


@block(11, 16)
def branch_by_a_constant(n, x):
    return decided(n, n.conv(x, CHANNELS, CHANNELS), n.c(True), ("Relu", [], {}), ("Tanh", [], {}))


@block(13)
def branch_by_a_shape(n, x):
    """As PyTorch exports what depends on a size."""
    size = n.op("Gather", n.op("Shape", x), n.c([1], numpy.int64), axis=0)
    return decided(n, x, n.op("Equal", size, n.c([1], numpy.int64)), ("Tanh", [], {}), ("Relu", [], {}))


@block(17)
def branch_whose_other_side_is_unknown(n, x):
    """What no branch takes may be of operators that nobody knows here."""
    return decided(n, x, n.c(False), ("Hardmax", [], {}), ("Sigmoid", [], {}))


@block(17)
def branch_in_a_branch(n, x):
    from onnx import helper
    inner = helper.make_node("If", [n.c(False)], ["y"],
                             then_branch=branch([helper.make_node("Neg", [x], ["z"])], "z"),
                             else_branch=branch([helper.make_node("Sqrt", [x], ["z"])], "z"))
    other = branch([helper.make_node("Exp", [x], ["y"])], "y")
    return n.op("If", n.c(True), then_branch=branch([inner], "y"), else_branch=other)


def local(name, inputs, nodes, output, attributes=(), defaults=()):
    from onnx import helper
    return helper.make_function("local", name, inputs, [output], nodes, [helper.make_opsetid("", 17)],
                                list(attributes), list(defaults))


def leaky(default=False):
    from onnx import AttributeProto, helper
    node = helper.make_node("LeakyRelu", ["x"], ["y"])
    reference = AttributeProto(name="alpha", type=AttributeProto.FLOAT, ref_attr_name="slope")
    node.attribute.append(reference)
    given = helper.make_attribute("slope", 0.3)
    return local("Leaky", ["x"], [node], "y", () if default else ("slope",), (given,) if default else ())


def residual():
    """Calls another function, and uses the caller's names for values of its own."""
    from onnx import helper
    nodes = [helper.make_node("Leaky", ["x"], ["input"], "input", domain="local", slope=0.1),
             helper.make_node("Add", ["input", "shift"], ["c_1"]),
             helper.make_node("Add", ["c_1", "x"], ["y"])]
    function = local("Residual", ["x", "shift"], nodes, "y")
    function.opset_import.append(helper.make_opsetid("local", 1))
    return function


@network()
def function_calls(n):
    n.functions = [leaky(), residual()]
    x = n.conv(n.stem(), CHANNELS, CHANNELS)
    x = n.op("Leaky", x, domain="local", slope=0.2)
    for _ in range(2):
        x = n.op("Residual", x, n.w(1, CHANNELS, 1, 1), domain="local")
    return n.head(x)


@block()
def function_with_a_default(n, x):
    n.functions = [leaky(True)]
    return n.op("Leaky", n.conv(x, CHANNELS, CHANNELS), domain="local")

"""Which codes of a quantized file somebody turned over, and why: the file in exact arithmetic (exact_onnx.py) is given
somebody's own codes wherever it rounds, so that each rounding is judged alone. A code that is not the exact one is a tie where
the exact value lies so near to the border between the two that the roundings of float arithmetic reach it; else it is real.

How far these reach is a running error analysis (Higham 2002, chapter 3) beside the exact values, u = 2^-24, from the
stored codes on, which all have alike:
- a sum of products that is exact before it is multiplied, as a plan's is: 6 u |result|, and 2 u of the bias, whose scale is
  that of the product, rounded;
- one whose floats are added one after the other, of n terms: (sqrt n + 4) u (sum of |terms|) (Higham and Mary 2019: sqrt n
  instead of n, as the errors are of either sign);
- sums, products and quotients of two: 4 u of their terms; functions: 4 u of the result, and what they make of their argument's;
- the division by the scale: 2 u of the quotient."""

import collections
import itertools
import pathlib
import subprocess
import tempfile

import numpy
from onnx.reference import ReferenceEvaluator

from exact_onnx import NODES, codes, fed, in_doubles, levels

UNIT = 2.0 ** -24
ROUNDS = {"QuantizeLinear", "ExtendedQuantizeLinear"}
READS = {"DequantizeLinear", "ExtendedDequantizeLinear"}
MOVES = {"Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Slice", "Gather", "Expand", "Concat", "Cast",
         "Split"}
KEEPS = {"Relu", "Clip", "Max", "Min"}  # differences of the argument, at most
PRODUCTS = {"Conv", "Gemm", "MatMul"}
MEANS = {"GlobalAveragePool", "AveragePool", "ReduceMean", "ReduceSum"}
AROUND_ONE = {"HardSigmoid", "Sigmoid", "Erf", "Tanh"}  # what they add up is about 1

# Of one rounding. kind: what made the value; values: how many; near: so near to a border that they could be ties; changed:
# codes that are not the exact ones; ties: of these; farthest: of the real ones, in steps from the border.
Count = collections.namedtuple("Count", "name kind values near changed ties farthest")


def is_float(x):
    return isinstance(x, numpy.ndarray) and x.dtype == numpy.float64


def linear_reach(node, inputs, errors):
    """Of a sum of products: what errors of the operands make of it."""
    magnitudes = [abs(x) if is_float(x) else x for x in inputs]
    out = 0
    for i in (0, 1):
        if numpy.any(errors[i]):
            changed = list(magnitudes)
            changed[i] = errors[i] + numpy.zeros_like(magnitudes[i])
            changed[2:] = [numpy.zeros_like(x) for x in magnitudes[2:]]
            out = out + node.run(*changed)[0]
    return out


def terms(node, inputs):
    return numpy.prod(inputs[1].shape[1:]) if node.op_type == "Conv" else inputs[0].shape[-1]


def reach(node, inputs, y, errors, sums_exact):
    """Of the node's result from the exact one, at most, after float arithmetic."""
    op = node.op_type
    if op == "Concat":
        return node.run(*[e + numpy.zeros_like(x) for e, x in zip(errors, inputs)])[0]
    if op in MOVES or op == "MaxPool":
        return node.run(errors[0] + numpy.zeros_like(inputs[0]), *inputs[1:])[0]
    if op in KEEPS:
        return sum(errors) + numpy.zeros_like(y)
    if op in PRODUCTS:
        bias = inputs[2] if len(inputs) > 2 and inputs[2] is not None else numpy.float64(0)
        own = UNIT * (6 * abs(y) + 2 * abs(bias.reshape(-1, 1, 1) if op == "Conv" else bias))
        if not sums_exact:
            magnitudes = node.run(*[abs(x) if is_float(x) else x for x in inputs])[0]
            own = (numpy.sqrt(terms(node, inputs)) + 4) * UNIT * magnitudes
        return linear_reach(node, inputs, errors) + own
    if op in MEANS:
        own = 6 * UNIT * abs(y)
        if not sums_exact:
            own = (numpy.sqrt(inputs[0].size / y.size) + 4) * UNIT * node.run(abs(inputs[0]), *inputs[1:])[0]
        return own + node.run(errors[0] + numpy.zeros_like(inputs[0]), *inputs[1:])[0]
    if op in ("Add", "Sub"):
        return errors[0] + errors[1] + 4 * UNIT * (abs(inputs[0]) + abs(inputs[1]))
    if op == "Mul":
        a, b = inputs[:2]
        return abs(a) * errors[1] + abs(b) * errors[0] + 4 * UNIT * abs(y)
    if op == "Div":
        return errors[0] / abs(inputs[1]) + abs(y / inputs[1]) * errors[1] + 4 * UNIT * abs(y)
    if op == "Softmax":
        axis = node.axis
        below = inputs[0].max(axis, keepdims=True) - inputs[0]
        relative = (below + 4) * UNIT + errors[0]
        return y * (relative + (y * relative).sum(axis, keepdims=True))
    if op == "LayerNormalization":
        return norm_reach(inputs, errors[0], y, sums_exact)
    argument = [inputs[0] + errors[0], inputs[0] - errors[0]]
    ends = [abs(node.run(x, *inputs[1:])[0] - y) for x in argument] if numpy.any(errors[0]) else [0]
    about = numpy.maximum(abs(y), 1) if op in AROUND_ONE else numpy.maximum(abs(y), abs(inputs[0]) * (op == "HardSwish"))
    return numpy.max(ends, 0) + 4 * UNIT * about


def norm_reach(inputs, error, y, sums_exact):
    """Over the last axis. A runtime may take the variance for the difference of two means."""
    x, gamma = inputs[:2]
    beta = inputs[2] if len(inputs) > 2 and inputs[2] is not None else 0
    mean, deviation = x.mean(-1, keepdims=True), x.std(-1, keepdims=True) + 1e-30
    of_sum = 4 if sums_exact else numpy.sqrt(x.shape[-1]) + 4
    relative = of_sum * UNIT * (1 if sums_exact else 1 + (mean / deviation) ** 2)
    terms = abs(y - beta) * relative + 4 * UNIT * abs(beta)
    moved = 0 if sums_exact else of_sum * UNIT * (abs(x) + abs(x).mean(-1, keepdims=True))
    return terms + abs(gamma) / deviation * (moved + 3 * numpy.max(error))


class Rounding:
    """Of an activation, by a QuantizeLinear."""

    def __init__(self, node, constants):
        self.name, self.x = node.output[0], node.input[0]
        self.scale = constants[node.input[1]]
        zero = constants.get(node.input[2]) if len(node.input) > 2 else None
        self.zero = numpy.zeros(self.scale.shape, numpy.uint8) if zero is None else zero
        self.axis = {a.name: a.i for a in node.attribute}.get("axis", 1)

    def same_as(self, other):
        return (self.x == other.x and self.zero.dtype == other.zero.dtype and numpy.array_equal(self.scale, other.scale) and
                numpy.array_equal(self.zero, other.zero))


class ExactFile:
    """A quantized file in binary64, one picture at a time."""

    def __init__(self, path):
        self.model = in_doubles(path)
        self.input, self.output = self.model.graph.input[0].name, self.model.graph.output[0].name
        self.evaluator = ReferenceEvaluator(self.model, new_ops=NODES)
        self.constants = {"": None, **self.evaluator.rt_inits_}
        self.nodes = []
        for node in self.evaluator.rt_nodes_:
            if all(name in self.constants for name in node.input):
                self.constants.update(zip(node.output, self.constant_results(node)))
            else:
                self.nodes.append(node)
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.roundings = {}
        for node in self.nodes:
            if node.op_type in ROUNDS:
                self.roundings[node.output[0]] = Rounding(node.onnx_node, self.constants)

    def ends_in(self, rounding):
        """Whether nothing is computed behind it."""
        name = self.output
        while name in self.makers and (self.makers[name].op_type in MOVES | READS):
            name = self.makers[name].input[0]
        return name == rounding.name

    def constant_results(self, node):
        inputs = [self.constants[name] for name in node.input]
        if node.op_type in ROUNDS:  # weights that a file keeps in float: once, by floats, as all do
            inputs[:2] = [x.astype(numpy.float32) for x in inputs[:2]]
        return node.run(*inputs)

    def kind(self, rounding):
        """What lies between the stored values and the rounding, in a word."""
        found, open_names = [], [rounding.x]
        while open_names:
            node = self.makers.get(open_names.pop())
            if node is not None and node.op_type not in READS:
                found.append(node.op_type)
                open_names += node.input
        for kinds, word in ((PRODUCTS, "products"), ({"Softmax"}, "softmax"), ({"LayerNormalization"}, "norms"), (MEANS, "means")):
            if kinds & set(found):
                also = {"Add", "Sub"} & set(found) and word == "products"
                by = {"HardSwish", "HardSigmoid", "Erf", "Sigmoid"} & set(found) and word == "products"
                return word + (" and an addition" if also else "") + (" and a function" if by else "")
        rest = [op for op in found if op not in MOVES | KEEPS | {"MaxPool"}]
        return "input" if not rest and not found else " ".join(sorted(set(rest))) or "moved"

    def run(self, x, given=None, sums_exact=True, see=None):
        """The output for a float input [c, h, w]; given: stored codes, by the rounding's name, in place of the exact ones;
        see(rounding, level, reach): of each, before it rounds, in steps."""
        values, errors = {self.input: fed(self.model, x[None])}, {}
        for node in self.nodes:
            inputs = [values[name] if name in values else self.constants[name] for name in node.input]
            if node.op_type in ROUNDS:
                rounding = self.roundings[node.output[0]]
                level = levels(inputs[0], rounding.scale, rounding.zero, rounding.axis)
                if see is not None:
                    size = abs(level - levels(numpy.zeros_like(inputs[0]), rounding.scale, rounding.zero, rounding.axis))
                    steps = levels(errors.get(node.input[0], numpy.zeros_like(level)) + numpy.zeros_like(level),
                                   rounding.scale, numpy.zeros_like(rounding.zero), rounding.axis)
                    see(rounding, level, steps + 2 * UNIT * size)
                made = None if given is None else given.get(rounding.name)
                values[node.output[0]] = codes(inputs[0], rounding.scale, rounding.zero, rounding.axis) if made is None else made
                continue
            results = node.run(*inputs)
            values.update(zip(node.output, results))
            if see is not None and node.op_type not in READS and is_float(results[0]):
                own = [errors.get(name, 0.0) for name in node.input]
                if node.op_type in MOVES and not numpy.any(own[0]) and len(own) == 1:
                    continue
                errors[node.output[0]] = reach(node, inputs, results[0], own, sums_exact)
        return values[self.output]


def judged(level, reach, made):
    """Which codes are not the exact ones, how far from the border the exact value is, which of them are ties, and how many
    values could be."""
    bounds = numpy.iinfo(made.dtype)
    inside = numpy.clip(level, bounds.min, bounds.max)
    changed = numpy.rint(inside) != made
    distance = abs(inside - made) - 0.5
    near = abs(inside - numpy.floor(inside) - 0.5) <= reach
    return changed, distance, changed & (distance <= reach), int(near.sum())


def counted(file, inputs, given, sums_exact):
    """For each input the codes that somebody made: (counts by rounding, outputs of exact arithmetic given them)."""
    counts, outputs = {}, []
    for x, made in zip(inputs, given):
        def see(rounding, level, reach):
            if rounding.name not in made:
                return
            changed, distance, ties, near = judged(level, reach, made[rounding.name])
            real = changed & ~ties
            old = counts.get(rounding.name, Count(rounding.name, file.kind(rounding), 0, 0, 0, 0, 0.0))
            counts[rounding.name] = old._replace(
                values=old.values + level.size, near=old.near + near, changed=old.changed + int(changed.sum()), ties=old.ties + int(ties.sum()),
                farthest=max(old.farthest, float(distance[real].max(initial=0))))
        outputs.append(file.run(x, made, sums_exact, see).reshape(1, -1))
    return list(counts.values()), numpy.concatenate(outputs)


def runtime_codes(path, inputs):
    """What ONNX Runtime without optimizations stores, for each input by the rounding's name, and its outputs."""
    import onnx
    import onnxruntime
    model = onnx.load(path)
    names = [node.output[0] for node in model.graph.node
             if node.op_type in ROUNDS or node.op_type.startswith("QLinear") or node.op_type == "QGemm"]
    stated = {i.name for i in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in stated)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs, made = [], []
    for x in inputs:
        results = dict(zip([o.name for o in session.get_outputs()], session.run(None, {session.get_inputs()[0].name: x[None]})))
        outputs.append(results[model.graph.output[0].name].reshape(1, -1))
        made.append(results)
    return made, numpy.concatenate(outputs)


def arranged(stored, exact):
    """A plan's tensor under the file's axes: of their orders the one in which it is most like the exact codes. A function."""
    def under(order):
        shape = [exact.shape[axis] for axis in order]
        back = numpy.argsort(order)
        return lambda values: values.reshape(shape).transpose(back)
    orders = itertools.permutations(range(exact.ndim))
    return min((under(order) for order in orders), key=lambda arrange: abs(arrange(stored) - exact).mean())


def plan_tensors(program, plan, inputs):
    """What each step of a plan stores, for each input by the tensor's name, as whole numbers or, of logits, floats."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "inputs").write_bytes(numpy.ascontiguousarray(inputs).tobytes())
        done = subprocess.run([program, plan, folder / "inputs", folder / "outputs"], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        data = (folder / "outputs").read_bytes()
    made, at = [], 0
    while at < len(data):
        made.append({})
        for line in done.stdout.splitlines():
            words, _, _, name = line.split("\t", 3)
            kind, *shape = words.split()
            values = numpy.frombuffer(data, kind, numpy.prod([int(n) for n in shape]), at)
            at += values.nbytes
            made[-1][name] = values if kind == "float32" else values.astype(numpy.int64)
    return made


def plan_codes(file, tensors, inputs):
    """The plan's codes as the file rounds: for each input by the rounding's name. ValueError where the plan does not store
    what the file rounds."""
    exact = {}

    def keep(rounding, level, reach):
        bounds = numpy.iinfo(rounding.zero.dtype)
        exact[rounding.name] = numpy.clip(numpy.rint(level), bounds.min, bounds.max)
    file.run(inputs[0], see=keep)
    last = [rounding for rounding in file.roundings.values() if file.ends_in(rounding)]
    stored, arrange = {}, {}
    for rounding in file.roundings.values():
        if rounding in last:  # of the logits, which a plan does not round
            continue
        alike = [r.name for r in file.roundings.values() if r.same_as(rounding) and r.name in tensors[0]]
        if alike:
            stored[rounding.name] = alike[0]
            lowest = numpy.iinfo(rounding.zero.dtype).min
            arrange[rounding.name] = arranged(tensors[0][alike[0]] + lowest, exact[rounding.name])
        elif file.kind(rounding) != "moved":
            raise ValueError(f"the plan has no tensor {rounding.name}")
    made = []
    for values in tensors:
        made.append({})
        for name, tensor in stored.items():
            kind = file.roundings[name].zero.dtype
            made[-1][name] = arrange[name](values[tensor] + numpy.iinfo(kind).min).astype(kind)
    return made

"""Reads a PyTorch checkpoint of the form before 1.6 (not a zip), without PyTorch.

The file is five pickles (a magic number, a protocol version, facts on the writing
machine, the object, the order of the storages) and then each storage: its number of
elements as int64 and its raw little-endian values. A pickle can run any code; this
reader's unpickler knows a dictionary and a tensor and refuses everything else.
"""

import collections
import pickle

import numpy

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
LARGEST_STORAGE = 1 << 28  # elements
DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8", "HalfStorage": "<f2"}


class _Tensor:
    def __init__(self, key, offset, shape, stride):
        self.key, self.offset, self.shape, self.stride = key, offset, tuple(shape), tuple(stride)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda key, offset, shape, stride, *rest: _Tensor(key, offset, shape, stride)
        if module == "torch" and name in DTYPES:
            return name
        raise pickle.UnpicklingError(f"refused: {module}.{name} is not part of a plain checkpoint")

    def persistent_load(self, saved):
        kind, dtype, key, _location, elements, *_view = saved
        if kind != "storage" or not 0 <= elements <= LARGEST_STORAGE:
            raise pickle.UnpicklingError("refused: not a tensor's storage, or too large")
        self.storages[key] = (DTYPES[dtype], elements)
        return key


def read(path):
    """The state dictionary: {name: numpy array}. Raises ValueError for any other file."""
    with open(path, "rb") as file:
        try:
            if _Unpickler(file).load() != MAGIC or _Unpickler(file).load() != PROTOCOL:
                raise ValueError(f"{path} is no PyTorch checkpoint of the form before 1.6")
            _Unpickler(file).load()  # facts on the machine that wrote it
            reader = _Unpickler(file)
            tensors = reader.load()
            order = _Unpickler(file).load()
        except (pickle.UnpicklingError, EOFError, KeyError) as error:
            raise ValueError(f"{path}: {error}") from error
        values = {}
        for key in order:
            dtype, elements = reader.storages[key]
            written = int.from_bytes(file.read(8), "little")
            data = file.read(elements * numpy.dtype(dtype).itemsize)
            if written != elements or len(data) != elements * numpy.dtype(dtype).itemsize:
                raise ValueError(f"{path} ends within storage {key}")
            values[key] = numpy.frombuffer(data, dtype)
    return {name: _view(values, tensor) for name, tensor in tensors.items()}


def _view(values, tensor):
    storage = values[tensor.key]
    last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride))
    if min((*tensor.stride, tensor.offset, *tensor.shape), default=0) < 0 or last >= len(storage):
        raise ValueError("a tensor lies outside its storage")
    item = storage.itemsize
    return numpy.lib.stride_tricks.as_strided(
        storage[tensor.offset:], tensor.shape, [s * item for s in tensor.stride]).copy()

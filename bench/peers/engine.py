"""One engine with one file in a process of its own: it loads, answers once, and then does as it is told, a line each:
`time SECONDS` gives milliseconds of every run, `value` the last logits, `memory` the peak in MiB.

usage: engine.py ENGINE FILE THREADS CORES"""

import json
import os
import resource
import sys
import time

import numpy

import networks


def octavo(path, threads):
    import octavo as library
    model = library.load(path, isa=os.environ.get("PEERS_ISA"), threads=threads)
    frame = networks.pixels(0, model.info.input[0])
    last = []

    def run():
        last[:] = [model.run(frame)]
    return run, lambda: last[0]


def onnxruntime(path, threads):
    import onnxruntime as library
    options = library.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = library.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    entry, end = session.get_inputs()[0], session.get_outputs()[0]
    binding = session.io_binding()
    binding.bind_ortvalue_input(entry.name, library.OrtValue.ortvalue_from_numpy(networks.values(0, entry.shape[-1])))
    binding.bind_output(end.name)
    return lambda: session.run_with_iobinding(binding), lambda: binding.copy_outputs_to_cpu()[0]


def openvino(path, threads):
    import openvino as library
    how = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    request = library.Core().compile_model(path, "CPU", how).create_infer_request()
    side = list(request.get_input_tensor().shape)[-1]
    request.set_input_tensor(library.Tensor(networks.values(0, side)))
    return lambda: request.infer(share_outputs=True), lambda: request.get_output_tensor().data


def main():
    engine, path, threads, cores = sys.argv[1:]
    os.sched_setaffinity(0, map(int, cores.split(",")))
    networks.values(0)  # not of the engine: imported and drawn before the clock starts
    start = time.perf_counter()
    run, value = {"octavo": octavo, "onnxruntime": onnxruntime, "openvino": openvino}[engine](path, int(threads))
    run()
    print(json.dumps(1e3 * (time.perf_counter() - start)), flush=True)
    for line in sys.stdin:
        what, *arguments = line.split()
        if what == "time":
            run()
            taken, end = [], time.perf_counter() + float(arguments[0])
            while not taken or time.perf_counter() < end:
                before = time.perf_counter()
                run()
                taken.append(1e3 * (time.perf_counter() - before))
            answer = taken
        elif what == "value":
            answer = numpy.asarray(value(), numpy.float64).ravel().tolist()
        else:
            answer = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

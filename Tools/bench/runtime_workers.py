"""One runtime, one model: started by runtimes.py, answers its lines of text.

  python runtime_workers.py RUNTIME MODEL.onnx INPUTS.npz CONVERTED THREADS

CONVERTED is the folder of converted models (see runtimes.py). On standard input: `run N` gives N times
"wall/processor" in milliseconds, `out FILE` writes the first output as raw floats, `rss` gives the peak memory in MiB
less what it was before the model was opened, `quit` ends. The first line says `ready MILLISECONDS` or `fail REASON`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np


def peak_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


class Viseme:
    def __init__(self, model, inputs, threads, converted):
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
        import viseme

        self.session, self.inputs = viseme.InferenceSession(model, threads=threads), inputs
        # Outputs in place: no page faults within the time.
        self.outputs = [np.array(value) for value in self.session.run(None, inputs)]

    def run(self):
        self.session.run(None, self.inputs, self.outputs)

    def output(self):
        self.run()
        return self.outputs[0]


class OnnxRuntime:
    def __init__(self, model, inputs, threads, converted):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        first = self.session.run(None, inputs)
        # Outputs in place: no page faults within the time.
        self.binding = self.session.io_binding()
        self.keep = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in inputs.values()]
        for name, value in zip(inputs, self.keep):
            self.binding.bind_ortvalue_input(name, value)
        self.outputs = [onnxruntime.OrtValue.ortvalue_from_numpy(np.array(value)) for value in first]
        for output, value in zip(self.session.get_outputs(), self.outputs):
            self.binding.bind_ortvalue_output(output.name, value)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def output(self):
        self.run()
        return self.outputs[0].numpy()


class OpenVino:
    def __init__(self, model, inputs, threads, converted):
        import openvino

        compiled = openvino.Core().compile_model(str(model), "CPU", {
            "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False})
        self.request = compiled.create_infer_request()
        for name, value in inputs.items():
            self.request.set_tensor(name, openvino.Tensor(value, shared_memory=True))

    def run(self):
        self.request.start_async()  # infer() would copy the outputs
        self.request.wait()

    def output(self):
        self.run()
        return np.array(self.request.get_output_tensor(0).data)


class Ncnn:
    def __init__(self, model, inputs, threads, converted):
        import ncnn

        self.net = ncnn.Net()
        self.net.opt.num_threads = threads
        for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            if hasattr(self.net.opt, option):
                setattr(self.net.opt, option, False)
        stem = str(converted / model.stem)
        if self.net.load_param(stem + ".ncnn.param") or self.net.load_model(stem + ".ncnn.bin"):
            raise RuntimeError("the converted model cannot be loaded")
        self.names, self.output_name = self.net.input_names(), self.net.output_names()[0]
        if len(self.names) != len(inputs):
            raise RuntimeError(f"the converted model has the inputs {self.names}")
        # It has no batch axis: one image after the other.
        batch = max(value.shape[0] if value.ndim > 2 else 1 for value in inputs.values())
        self.images = [[ncnn.Mat(np.ascontiguousarray(value[i] if value.ndim > 2 or value.shape[0] == 1 else value)).clone()
                        for value in inputs.values()] for i in range(batch)]

    def run(self):
        self.results = []
        for image in self.images:
            extractor = self.net.create_extractor()
            for name, value in zip(self.names, image):
                extractor.input(name, value)
            status, result = extractor.extract(self.output_name)
            if status:
                raise RuntimeError(f"extract returned {status}")
            self.results.append(result)

    def output(self):
        self.run()
        return np.concatenate([np.array(result).ravel() for result in self.results])


class Mnn:
    def __init__(self, model, inputs, threads, converted):
        import MNN

        self.mnn, self.inputs = MNN, inputs
        self.interpreter = MNN.Interpreter(str(converted / f"{model.stem}.mnn"))
        self.session = self.interpreter.createSession(
            {"backend": "CPU", "numThread": threads, "precision": "normal", "memory": "normal"})
        known = self.interpreter.getSessionInputAll(self.session)
        if set(known) != set(inputs):
            raise RuntimeError(f"the converted model has the inputs {list(known)}")
        for name, value in inputs.items():
            if tuple(known[name].getShape()) != value.shape:
                self.interpreter.resizeTensor(known[name], value.shape)
        self.interpreter.resizeSession(self.session)
        self.feed()

    def feed(self):
        self.keep = [self.mnn.Tensor(value.shape, self.mnn.Halide_Type_Float, value, self.mnn.Tensor_DimensionType_Caffe)
                     for value in self.inputs.values()]
        for name, tensor in zip(self.inputs, self.keep):
            self.interpreter.getSessionInput(self.session, name).copyFrom(tensor)

    def run(self):
        if self.interpreter.runSession(self.session):
            raise RuntimeError("runSession failed")

    def output(self):
        self.feed()  # its inputs may have been overwritten
        self.run()
        result = self.interpreter.getSessionOutput(self.session)
        host = self.mnn.Tensor(result.getShape(), self.mnn.Halide_Type_Float,
                               np.zeros(result.getShape(), np.float32), self.mnn.Tensor_DimensionType_Caffe)
        result.copyToHostTensor(host)
        return np.array(host.getNumpyData(), dtype=np.float32)


RUNTIMES = {"viseme": Viseme, "onnxruntime": OnnxRuntime, "openvino": OpenVino, "ncnn": Ncnn, "mnn": Mnn}


def main() -> None:
    name, model, inputs, converted, threads = sys.argv[1:]
    answers = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not mix with the answers

    def say(text: str) -> None:
        os.write(answers, (text + "\n").encode())

    try:
        with np.load(inputs) as archive:
            values = {key: np.ascontiguousarray(archive[key], dtype=np.float32) for key in archive.files}
        before, began = peak_mib(), time.perf_counter()
        runtime = RUNTIMES[name](Path(model), values, int(threads), Path(converted))
        runtime.run()
        say(f"ready {(time.perf_counter() - began) * 1e3:.1f}")
        for line in sys.stdin:
            word, *rest = line.split()
            if word == "run":
                times = []
                for _ in range(int(rest[0])):
                    processor, wall = time.process_time(), time.perf_counter()
                    runtime.run()
                    times.append(f"{(time.perf_counter() - wall) * 1e3:.4f}/"
                                 f"{(time.process_time() - processor) * 1e3:.4f}")
                say(" ".join(times))
            elif word == "out":
                np.asarray(runtime.output(), np.float32).tofile(rest[0])
                say("ok")
            elif word == "rss":
                say(f"{peak_mib() - before:.1f}")
            else:
                return
    except Exception as error:  # whatever a library throws ends this runtime only
        say("fail " + " ".join(str(error).split())[:300])


if __name__ == "__main__":
    main()

"""Writes small .tflite files, so that the converter can be checked without anybody's model."""

import flatbuffers
import numpy as np
import tflite

TYPES = {np.dtype(np.float32): tflite.TensorType.FLOAT32, np.dtype(np.float16): tflite.TensorType.FLOAT16,
         np.dtype(np.int32): tflite.TensorType.INT32, np.dtype(np.int8): tflite.TensorType.INT8}


class Network:
    def __init__(self):
        self.tensors, self.operators, self.codes = [], [], []

    def tensor(self, shape):
        """A computed tensor."""
        self.tensors.append((tuple(shape), np.dtype(np.float32), b""))
        return len(self.tensors) - 1

    def constant(self, value):
        self.tensors.append((value.shape, value.dtype, value.tobytes()))
        return len(self.tensors) - 1

    def operator(self, name, inputs, shape, **options):
        """Adds an operator with one output of `shape`; `options` are fields of its options table."""
        output = self.tensor(shape)
        if name not in self.codes:
            self.codes.append(name)
        self.operators.append((name, inputs, [output], options))
        return output

    def file(self, inputs, outputs):
        self.builder = builder = flatbuffers.Builder(1024)
        buffers = [self._table("Buffer")]
        buffers += [self._table("Buffer", Data=builder.CreateByteVector(data)) if data else self._table("Buffer")
                    for _, _, data in self.tensors]
        tensors = [
            self._table("Tensor", Shape=self._ints(shape), Type=TYPES[dtype], Buffer=index + 1,
                        Name=builder.CreateString(f"tensor{index}"))
            for index, (shape, dtype, _) in enumerate(self.tensors)
        ]
        operators = [self._operator(*operator) for operator in self.operators]
        codes = [
            self._table("OperatorCode", DeprecatedBuiltinCode=min(getattr(tflite.BuiltinOperator, name), 127),
                        BuiltinCode=getattr(tflite.BuiltinOperator, name), Version=1)
            for name in self.codes
        ]
        graph = self._table("SubGraph", Tensors=self._offsets(tensors), Inputs=self._ints(inputs),
                            Outputs=self._ints(outputs), Operators=self._offsets(operators))
        model = self._table("Model", Version=3, OperatorCodes=self._offsets(codes), Subgraphs=self._offsets([graph]),
                            Buffers=self._offsets(buffers))
        builder.Finish(model, file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _operator(self, name, inputs, outputs, options):
        fields = {"OpcodeIndex": self.codes.index(name), "Inputs": self._ints(inputs), "Outputs": self._ints(outputs)}
        if options:
            kind = options.pop("kind")
            fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, kind)
            fields["BuiltinOptions"] = self._table(kind, **options)
        return self._table("Operator", **fields)

    def _table(self, kind, **fields):
        start, end = getattr(tflite, f"{kind}Start"), getattr(tflite, f"{kind}End")
        start(self.builder)
        for name, value in fields.items():
            getattr(tflite, f"{kind}Add{name}")(self.builder, value)
        return end(self.builder)

    def _ints(self, values):
        return self.builder.CreateNumpyVector(np.array(values, np.int32))

    def _offsets(self, offsets):
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

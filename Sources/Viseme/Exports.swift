@_exported import struct Compiler.Plan
@_exported import protocol Compiler.StepObserver
@_exported import enum Compiler.CompileError
@_exported import enum GraphIR.Dimension
@_exported import struct GraphIR.TensorType
@_exported import struct GraphIR.OperatorError

import CKernels
import GraphIR
import Tensors

/// Copies a value into another layout; inserted by `LayoutAssignment`, never read from a model.
struct Relayout: Operator {
  static let signatures = [Signature("Relayout", domain: "viseme", versions: 1...1)]

  init() {}
  init(_ node: NodeReader) throws(OperatorError) {}

  func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] { [.tensor(try context.tensor(0))] }

  func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let source = try context.input(0), target = try context.output(0)
    let isSame = source.shape.dims.indices.allSatisfy { axis in
      source.shape[axis] <= 1 || source.strides[axis] == target.strides[axis]
    }
    if isSame, source.byteCount == target.byteCount { return .view(of: 0) }
    guard let elementByteCount = source.dataType.elementByteCount else {
      throw context.unsupported("\(source.dataType) elements cannot be laid out anew")
    }
    let rank = source.shape.rank
    let shape = source.shape.dims
    let from = source.strides, to = target.strides
    return Kernel { operands in
      vz_copy_strided(
        operands.exec, elementByteCount, rank, shape, operands.rawInput(0), from, operands.rawOutput(0), to)
    }
  }
}

extension Tensor {
  /// A copy of the bytes in another layout, whose meaning only the new layout tells; nil where elements cannot be moved.
  func relaid(from source: Layout, to target: Layout) -> Tensor? {
    guard let width = dataType.elementByteCount, target.elementCount(of: shape) == shape.count else { return nil }
    let copy = TensorBuffer(byteCount: max(byteCount, 1))
    var exec = vz_exec(kernels: vz_kernels_default(), pool: nil, scratch: nil, scratch_bytes: 0)
    let whole = aligned
    withExtendedLifetime(whole) {
      vz_copy_strided(
        &exec, width, shape.rank, shape.dims, whole.baseAddress, source.strides(of: shape), copy.base,
        target.strides(of: shape))
    }
    return Tensor(dataType, shape, buffer: copy)
  }
}

import GraphIR
import Tensors

/// How a scattered element joins the one in its place.
enum ScatterReduction: String, Sendable {
  case none, add, mul, max, min

  init(_ node: NodeReader) throws(OperatorError) {
    let name = try node.string("reduction", default: "none")
    guard let reduction = ScatterReduction(rawValue: name) else {
      throw node.invalid("the reduction “\(name)” does not exist")
    }
    self = reduction
  }

  /// `target[a] = target[a] ∘ source[b]`, for elements of `type`.
  @inline(__always)
  func apply(
    _ target: UnsafeMutableRawPointer, _ a: Int, _ source: UnsafeRawPointer, _ b: Int, _ type: DataType, width: Int
  ) {
    guard self != .none else {
      (target + a * width).copyMemory(from: source + b * width, byteCount: width)
      return
    }
    if type.isFloatingPoint {
      let (x, y) = (ElementAccess.double(target, a, type), ElementAccess.double(source, b, type))
      let result =
        switch self {
        case .none: y
        case .add: x + y
        case .mul: x * y
        case .max: x.isNaN || x > y ? x : y
        case .min: x.isNaN || x < y ? x : y
        }
      ElementAccess.store(result, target, a, type)
    } else {
      let (x, y) = (ElementAccess.integer(target, a, type), ElementAccess.integer(source, b, type))
      let bias: Int64 = type == .uint64 ? .min : 0
      let result =
        switch self {
        case .none: y
        case .add: x &+ y
        case .mul: x &* y
        case .max: x ^ bias > y ^ bias ? x : y
        case .min: x ^ bias < y ^ bias ? x : y
        }
      ElementAccess.store(result, target, a, type)
    }
  }
}

/// ONNX `ScatterElements` and the older `Scatter`: the input, with elements replaced by updates, or joined with them.
///
/// An update goes to its own place, with the coordinate along one axis replaced by an index.
public struct ScatterElements: Operator {
  public static let signatures = [
    Signature("ScatterElements", versions: 11...Signature.newestOpset), Signature("Scatter", versions: 9...10),
  ]

  private let axis: Int
  private let reduction: ScatterReduction

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...3)
    axis = try node.int("axis", default: 0)
    reduction = try ScatterReduction(node)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let (input, indices, updates) = (try context.tensor(0), try context.tensor(1), try context.tensor(2))
    try checkElementIndices(indices, along: axis, of: input, context)
    if let a = indices.shape, let b = updates.shape, a != b {
      throw context.invalid("indices of shape \(a) and updates of shape \(b) do not match")
    }
    if let a = input.dataType, let b = updates.dataType, a != b {
      throw context.invalid("the updates are \(b), not \(a)")
    }
    return [.tensor(input)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let (input, indices) = (try context.input(0), try context.input(1))
    let type = input.dataType
    let width = try context.movableByteCount(type)
    guard reduction == .none || ElementAccess.supports(type) else {
      throw context.unsupported("elements of type \(type) cannot be reduced")
    }
    let axis = try context.axis(axis, rank: input.shape.rank)
    let reader = IndexReader(type: indices.dataType, extent: input.shape[axis], input: 1, context)
    var strides = input.strides
    let step = strides[axis]
    strides[axis] = 0
    let walk = ElementWalk(shape: indices.shape, strides: strides)
    let (byteCount, reduction) = (input.byteCount, reduction)
    return Kernel(inPlaceInputs: [0]) { operands throws(OperatorError) in
      let (target, updates) = (operands.rawOutput(0), operands.rawInput(2))
      if UnsafeRawPointer(target) != operands.rawInput(0) {
        target.copyMemory(from: operands.rawInput(0), byteCount: byteCount)
      }
      try walk.visit { position, offset throws(OperatorError) in
        let index = try reader.index(operands.rawInput(1), position)
        reduction.apply(target, offset + index * step, updates, position, type, width: width)
      }
    }
  }
}

/// ONNX `ScatterND`: the input, with the slices that tuples of indices name replaced by updates, or joined with them.
public struct ScatterND: Operator {
  public static let signatures = [Signature("ScatterND", versions: 11...Signature.newestOpset)]

  private let reduction: ScatterReduction

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...3)
    reduction = try ScatterReduction(node)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let (input, indices, updates) = (try context.tensor(0), try context.tensor(1), try context.tensor(2))
    if let a = input.dataType, let b = updates.dataType, a != b {
      throw context.invalid("the updates are \(b), not \(a)")
    }
    guard let dims = input.dims, let own = indices.dims else { return [.tensor(input)] }
    guard let tuple = own.last else { throw context.invalid("the indices must not be a scalar") }
    guard let length = tuple.value else { return [.tensor(input)] }
    guard length >= 0, length <= dims.count else {
      throw context.invalid("tuples of \(length) indices do not fit rank \(dims.count)")
    }
    let expected = TensorType(nil, Array(own.dropLast()) + Array(dims[length...]))
    if let a = expected.shape, let b = updates.shape, a != b {
      throw context.invalid("the updates have shape \(b), not \(a)")
    }
    return [.tensor(input)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let (input, indices) = (try context.input(0), try context.input(1))
    let type = input.dataType
    let width = try context.movableByteCount(type)
    guard reduction == .none || ElementAccess.supports(type) else {
      throw context.unsupported("elements of type \(type) cannot be reduced")
    }
    guard indices.dataType == .int64 || indices.dataType == .int32 else {
      throw context.invalid("the indices are \(indices.dataType), not int64")
    }
    let tuple = TupleReader(indices, over: input.shape, batchRank: 0, input: 1, context)
    let (byteCount, reduction) = (input.byteCount, reduction)
    return Kernel(inPlaceInputs: [0]) { operands throws(OperatorError) in
      let (target, updates) = (operands.rawOutput(0), operands.rawInput(2))
      if UnsafeRawPointer(target) != operands.rawInput(0) {
        target.copyMemory(from: operands.rawInput(0), byteCount: byteCount)
      }
      for position in 0..<tuple.count {
        let offset = try tuple.offset(operands.rawInput(1), position)
        if reduction == .none {
          (target + offset * width).copyMemory(
            from: updates + position * tuple.sliceCount * width, byteCount: tuple.sliceCount * width)
          continue
        }
        for k in 0..<tuple.sliceCount {
          reduction.apply(target, offset + k, updates, position * tuple.sliceCount + k, type, width: width)
        }
      }
    }
  }
}

import CKernels
import GraphIR
import Tensors

/// ONNX `DepthToSpace`: blocks of channels become blocks of pixels.
public struct DepthToSpace: Operator {
  public static let signatures = [Signature("DepthToSpace")]

  let block: Int
  /// Whether the block's position is the inner part of the channel index.
  let isColumnRowDepth: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    block = try SpaceToDepth.block(node)
    isColumnRowDepth = try SpaceToDepth.isColumnRowDepth(node)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.tensor(0).dataType
    guard let dims = try context.dims(0, rank: 4...4) else {
      return [.tensor(TensorType(type, [.unknown, .unknown, .unknown, .unknown]))]
    }
    if let channels = dims[1].value, channels % (block * block) != 0 {
      throw context.invalid("\(channels) channels do not fall into blocks of \(block)×\(block)")
    }
    return [
      try context.outputType(
        type,
        [
          dims[0], dims[1].value.map { .fixed($0 / (block * block)) } ?? .unknown, try context.scaled(dims[2], by: block),
          try context.scaled(dims[3], by: block),
        ])
    ]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let x = try context.input(0), y = try context.output(0)
    let (n, c, h, w) = (x.shape[0], y.shape[1], x.shape[2], x.shape[3])
    let (from, to) = (x.strides, y.strides)
    // Axes: image, channel, row, row in block, column, column in block.
    let inBlock = isColumnRowDepth ? (row: block * from[1], column: from[1]) : (row: block * c * from[1], column: c * from[1])
    let channel = isColumnRowDepth ? block * block * from[1] : from[1]
    return try Rearrangement(
      shape: [n, c, h, block, w, block], from: [from[0], channel, from[2], inBlock.row, from[3], inBlock.column],
      to: [to[0], to[1], block * to[2], to[2], block * to[3], to[3]]
    ).kernel(context)
  }
}

/// ONNX `SpaceToDepth`: blocks of pixels become blocks of channels.
public struct SpaceToDepth: Operator {
  public static let signatures = [Signature("SpaceToDepth")]

  let block: Int
  /// Whether the block's position is the inner part of the channel index.
  let isColumnRowDepth: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    block = try Self.block(node)
    isColumnRowDepth = try Self.isColumnRowDepth(node)
  }

  static func isColumnRowDepth(_ node: NodeReader) throws(OperatorError) -> Bool {
    switch try node.string("mode", default: "DCR") {
    case "DCR": return false
    case "CRD": return true
    case let other: throw node.invalid("attribute “mode” is “\(other)”")
    }
  }

  static func block(_ node: NodeReader) throws(OperatorError) -> Int {
    guard let block = try node.int("blocksize"), 1...(1 << 15) ~= block else {
      throw node.invalid("attribute “blocksize” must be at least 1 (and at most \(1 << 15))")
    }
    return block
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.tensor(0).dataType
    guard let dims = try context.dims(0, rank: 4...4) else {
      return [.tensor(TensorType(type, [.unknown, .unknown, .unknown, .unknown]))]
    }
    for axis in 2...3 {
      if let extent = dims[axis].value, extent % block != 0 {
        throw context.invalid("an extent of \(extent) does not fall into blocks of \(block)")
      }
    }
    let space = dims[2...].map { $0.value.map { .fixed($0 / block) } ?? Dimension.unknown }
    return [try context.outputType(type, [dims[0], try context.scaled(dims[1], by: block * block)] + space)]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let x = try context.input(0), y = try context.output(0)
    let (n, c, h, w) = (x.shape[0], x.shape[1], y.shape[2], y.shape[3])
    let (from, to) = (x.strides, y.strides)
    // Axes: image, channel, row, row in block, column, column in block.
    return try Rearrangement(
      shape: [n, c, h, block, w, block],
      from: [from[0], from[1], block * from[2], from[2], block * from[3], from[3]],
      to: isColumnRowDepth
        ? [to[0], block * block * to[1], to[2], block * to[1], to[3], to[1]]
        : [to[0], to[1], to[2], block * c * to[1], to[3], c * to[1]]
    ).kernel(context)
  }
}

extension InferenceContext {
  /// `dim · factor`; throws when it overflows.
  fileprivate func scaled(_ dim: Dimension, by factor: Int) throws(OperatorError) -> Dimension {
    guard let extent = dim.value else { return factor == 1 ? dim : .unknown }
    let (product, overflow) = extent.multipliedReportingOverflow(by: factor)
    guard !overflow else { throw invalid("an extent of \(extent) times \(factor) is too large") }
    return .fixed(product)
  }
}

/// A copy between two strided arrangements of the same elements.
struct Rearrangement: Sendable {
  let shape: [Int]
  let from: [Int]
  let to: [Int]

  func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let type = try context.input(0).dataType
    guard let width = type.elementByteCount, shape.count <= Int(VZ_COPY_MAX_RANK) else {
      throw context.unsupported("\(context.node.operatorName) of \(type) is not implemented")
    }
    // The innermost axis of the target last, so that it is written in order.
    let order = shape.indices.sorted { (to[$0], from[$0], $1) > (to[$1], from[$1], $0) }
    let extents = order.map { shape[$0] }, source = order.map { from[$0] }, target = order.map { to[$0] }
    return Kernel { operands in
      vz_copy_strided(
        operands.exec, width, extents.count, extents, operands.rawInput(0), source, operands.rawOutput(0), target)
    }
  }
}

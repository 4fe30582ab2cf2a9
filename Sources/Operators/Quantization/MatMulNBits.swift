import GraphIR
import Tensors

/// `com.microsoft` `MatMulNBits`: x [..., K] times a matrix [N, K] of 2-, 4- or 8-bit numbers in blocks along K.
///
/// Inputs: x, the packed matrix [N, blocks, bytes], scales [N, blocks], zero points (packed like the matrix, or of the
/// scales' type), group of each column (not supported), bias [N].
public struct MatMulNBits: Operator {
  public static let signatures = [Signature("MatMulNBits", domain: Contributed.domain)]

  private let k: Int
  private let n: Int
  private let bits: Int
  private let blockSize: Int
  private var blocks: Int { (k + blockSize - 1) / blockSize }

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...6)
    k = try node.int("K", default: 0)
    n = try node.int("N", default: 0)
    bits = try node.int("bits", default: 4)
    blockSize = try node.int("block_size", default: 0)
    guard (1...SlidingWindow.largestExtent).contains(k), (1...SlidingWindow.largestExtent).contains(n) else {
      throw node.invalid("the matrix has \(n) rows and \(k) columns")
    }
    guard [2, 4, 8].contains(bits), (8...SlidingWindow.largestAttribute).contains(blockSize) else {
      throw node.unsupported("\(bits) bits in blocks of \(blockSize) are not implemented")
    }
    guard !node.hasInput(4) else { throw node.unsupported("columns in another order are not implemented") }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats.subtracting([.float64]))
    _ = try context.elementType(1, in: [.uint8])
    guard let dims = try context.dims(0, rank: 1...16) else {
      return [.tensor(TensorType(type, nil as [Dimension]?))]
    }
    if let last = dims.last?.value, last != k { throw context.invalid("rows of \(last) elements do not multiply \(k)") }
    var result = Array(dims.dropLast())
    result.append(.fixed(n))
    return [try context.outputType(type, result)]
  }

  /// The product with the matrix as floats, which is packed once.
  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    guard try context.output(0).count > 0 else { return Kernel { _ in } }
    let matrix = try matrix(context)
    let output = try context.output(0)
    var plain = output
    plain.constant = nil
    let node = Node(
      name: context.node.name, operatorName: "MatMul", version: Signature.newestOpset,
      inputs: [context.node.inputs[0], context.node.inputs[1]], outputs: context.node.outputs)
    var product = try MatMul(NodeReader(node))
    if context.has(5) {
      guard let bias = context.constant(5), bias.count == n else {
        throw context.unsupported("a bias that is not constant is not implemented")
      }
      product = product.fusing(bias: (0..<n).map { Float(ElementAccess.double(bias.baseAddress, $0, bias.dataType)) })!
    }
    let x = try context.input(0)
    let right = Operand(dataType: x.dataType, shape: matrix.shape, constant: matrix)
    var kernel = try product.kernel(context.replacing(node: node, inputs: [x, right]))
    kernel.unreadInputs.formUnion((1..<context.inputs.count).filter(context.has))
    return kernel
  }

  /// The matrix as [K, N] floats of x's type.
  private func matrix(_ context: KernelContext) throws(OperatorError) -> Tensor {
    guard let packed = context.constant(1), let scales = context.constant(2), !context.has(3) || context.constant(3) != nil
    else { throw context.unsupported("a matrix that is not constant is not implemented") }
    let blockBytes = blockSize * bits / 8, zeroBytes = (blocks * bits + 7) / 8
    let zeros = context.constant(3)
    let hasPackedZeros = zeros?.dataType == .uint8
    guard packed.count == n * blocks * blockBytes, scales.count == n * blocks,
      zeros == nil || zeros!.count == (hasPackedZeros ? n * zeroBytes : n * blocks)
    else { throw context.invalid("the matrix, its scales or its zero points do not hold \(n) rows of \(blocks) blocks") }
    let type = try context.input(0).dataType
    let result = TensorBuffer(byteCount: type.byteCount(of: k * n)!)
    let mask = UInt8(truncatingIfNeeded: (1 << bits) - 1)
    func code(_ base: UnsafeRawPointer, _ start: Int, _ index: Int) -> Int {
      let bit = index * bits
      return Int(base.load(fromByteOffset: start + bit / 8, as: UInt8.self) >> UInt8(bit % 8) & mask)
    }
    for row in 0..<n {
      for block in 0..<blocks {
        let scale = Float(ElementAccess.double(scales.baseAddress, row * blocks + block, scales.dataType))
        var zero = Float(1 << (bits - 1))
        if let zeros {
          zero =
            hasPackedZeros
            ? Float(code(zeros.baseAddress, row * zeroBytes, block))
            : Float(ElementAccess.double(zeros.baseAddress, row * blocks + block, zeros.dataType))
        }
        for offset in 0..<min(blockSize, k - block * blockSize) {
          let value = (Float(code(packed.baseAddress, (row * blocks + block) * blockBytes, offset)) - zero) * scale
          ElementAccess.store(Double(value), result.base, (block * blockSize + offset) * n + row, type)
        }
      }
    }
    return Tensor(type, [k, n], buffer: result)
  }
}

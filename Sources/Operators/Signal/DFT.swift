import CKernels
import GraphIR
import Tensors

/// ONNX `DFT`: the discrete Fourier transform along an axis, computed in double precision.
///
/// Inputs end with an axis of one (real) or two (real and imaginary) numbers. With `onesided`, only the first half of a
/// real signal's spectrum is made, or read by the inverse, whose output is then real. The axis is an attribute before
/// opset 20 and an input since.
public struct DFT: Operator {
  public static let signatures = [Signature("DFT", versions: 17...Signature.newestOpset)]

  /// Nil where input 2 gives it.
  private let axis: Int?
  private let isInverse: Bool
  private let isOneSided: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    let isAttribute = node.version < 20
    try node.expectInputs(1...(isAttribute ? 2 : 3))
    axis = isAttribute ? try node.int("axis", default: 1) : node.hasInput(2) ? nil : -2
    isInverse = try node.bool("inverse", default: false)
    isOneSided = try node.bool("onesided", default: false)
  }

  private var makesReal: Bool { isInverse && isOneSided }

  private func axis(_ given: Int, rank: Int, _ context: some Diagnosing) throws(OperatorError) -> Int {
    let resolved = try context.axis(given, rank: rank)
    guard resolved != rank - 1 else { throw context.invalid("axis \(given) is the axis of real and imaginary parts") }
    return resolved
  }

  /// The number of points, given the input's extent along the axis.
  private func length(of extent: Int) -> Int { makesReal ? 2 * (extent - 1) : extent }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    guard let dims = try context.tensor(0).dims else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
    guard dims.count >= 2 else { throw context.invalid("the input has rank \(dims.count); it must be at least 2") }
    let parts = dims[dims.count - 1].value
    guard parts == nil || parts == 1 || parts == 2 else {
      throw context.invalid("the last axis of the input has \(dims[dims.count - 1]) elements instead of 1 or 2")
    }
    if isOneSided, !isInverse, parts == 2 { throw context.invalid("a one-sided spectrum needs real input") }
    var result = dims
    result[dims.count - 1] = makesReal ? 1 : 2
    let given = try context.integer(1)
    if let given, given < 1 { throw context.invalid("the length \(given) is not positive") }
    let input = try context.integer(2)
    guard let named = axis ?? input else {
      for other in 0..<(dims.count - 1) { result[other] = .unknown }
      return [.tensor(TensorType(type, result))]
    }
    let axis = try axis(named, rank: dims.count, context)
    let isGiven = context.has(1)
    guard let length = isGiven ? given : dims[axis].value.map(length(of:)) else {
      result[axis] = isGiven || isOneSided ? .unknown : dims[axis]
      return [.tensor(TensorType(type, result))]
    }
    guard length >= 1 else { throw context.invalid("axis \(axis) of extent \(dims[axis]) leaves no points to transform") }
    result[axis] = .fixed(isOneSided && !isInverse ? length / 2 + 1 : length)
    return [try context.outputType(type, result)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (input, output) = (try context.input(0), try context.output(0))
    let (type, rank) = (input.dataType, input.shape.rank)
    let unread = Set([1, 2].filter(context.has))
    var named = self.axis ?? 0
    if self.axis == nil { named = try context.integer(2) }
    let axis = try axis(named, rank: rank, context)
    let extent = input.shape[axis], parts = input.shape[rank - 1]
    let n = context.has(1) ? try context.integer(1) : length(of: extent)
    if output.count == 0 { return Kernel(unreadInputs: unread) { _ in } }
    let isReal = makesReal || (!isInverse && parts == 1)
    let transform = try FourierTransform(length: n, isReal: isReal, context)
    let half = n / 2 + 1
    let inner = input.shape.count((axis + 1)..<(rank - 1)), outer = input.shape.count(0..<axis)
    let taken = min(extent, makesReal ? half : n), made = output.shape[axis]
    let (makesReal, isInverse) = (makesReal, isInverse)
    var plan = ScratchPlan()
    let pointsOffset = plan.reserve(n * (isReal ? 8 : 16))
    let spectrumOffset = isReal ? plan.reserve(half * 16) : pointsOffset
    let ownOffset = plan.reserve(transform.scratchByteCount)
    let scale = isInverse ? 1 / Double(n) : 1
    return .tasks(
      outer * inner, threads: context.target.threads, scratchPerWorker: plan.byteCount, unreadInputs: unread
    ) { operands, line, scratch in
      let kernels = operands.exec.pointee.kernels!, scratch = scratch!
      let points = (scratch + pointsOffset).assumingMemoryBound(to: Double.self)
      let spectrum = (scratch + spectrumOffset).assumingMemoryBound(to: Double.self)
      let own = scratch + ownOffset
      let (o, i) = line.quotientAndRemainder(dividingBy: inner)
      let source = operands.rawInput(0), target = operands.rawOutput(0)
      func read(_ k: Int, _ part: Int) -> Double {
        guard k < taken, part < parts else { return 0 }
        return ElementAccess.double(source, ((o * extent + k) * inner + i) * parts + part, type)
      }
      func store(_ k: Int, _ real: Double, _ imaginary: Double) {
        let place = ((o * made + k) * inner + i) * 2
        ElementAccess.store(real * scale, target, place, type)
        ElementAccess.store(imaginary * scale, target, place + 1, type)
      }
      if makesReal {
        for k in 0..<half { (spectrum[2 * k], spectrum[2 * k + 1]) = (read(k, 0), read(k, 1)) }
        transform.points(of: spectrum, into: points, kernels, scratch: own)
        for k in 0..<made { ElementAccess.store(points[k] * scale, target, (o * made + k) * inner + i, type) }
      } else if isReal {
        for k in 0..<n { points[k] = read(k, 0) }
        transform.spectrum(of: points, into: spectrum, kernels, scratch: own)
        for k in 0..<made {
          // The second half mirrors the first.
          if k < half { store(k, spectrum[2 * k], spectrum[2 * k + 1]) }
          else { store(k, spectrum[2 * (n - k)], -spectrum[2 * (n - k) + 1]) }
        }
      } else {
        for k in 0..<n { (points[2 * k], points[2 * k + 1]) = (read(k, 0), read(k, 1)) }
        transform.transform(points, inverse: isInverse, kernels, scratch: own)
        for k in 0..<made { store(k, points[2 * k], points[2 * k + 1]) }
      }
    }
  }
}

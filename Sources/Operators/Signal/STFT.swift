import CKernels
import GraphIR
import Tensors

/// ONNX `STFT`: the spectra of windowed frames of a signal, computed in double precision.
///
/// The signal is `[batch, length]` or `[batch, length, 1]` (real), or `[batch, length, 2]` (complex); the output
/// `[batch, frames, bins, 2]`.
public struct STFT: Operator {
  public static let signatures = [Signature("STFT", versions: 17...Signature.newestOpset)]

  private let isOneSided: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...4)
    isOneSided = try node.bool("onesided", default: true)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    let step = try context.integer(1), given = try context.integer(3)
    if let step, step < 1 { throw context.invalid("the frame step \(step) is not positive") }
    if let given, given < 1 { throw context.invalid("the frame length \(given) is not positive") }
    let signal = try context.dims(0, rank: 2...3)
    if let signal, signal.count == 3, let parts = signal[2].value {
      guard parts == 1 || parts == 2 else { throw context.invalid("the signal has \(parts) parts instead of 1 or 2") }
      if parts == 2, isOneSided { throw context.invalid("a one-sided spectrum needs a real signal") }
    }
    let window = context.has(2) ? try context.dims(2, rank: 1...1) : nil
    if let given, let own = window?[0].value, own != given {
      throw context.invalid("the window has \(own) elements, but frames have \(given)")
    }
    let isFrameKnown = context.has(3) || context.has(2)
    let frame = given ?? window?[0].value ?? (isFrameKnown ? nil : signal?[1].value)
    let samples = signal?[1].value
    var dims: [Dimension] = [signal?[0] ?? .unknown, .unknown, .unknown, 2]
    if let frame {
      guard frame >= 1 else { throw context.invalid("frames have no elements") }
      dims[2] = .fixed(isOneSided ? frame / 2 + 1 : frame)
      if let samples {
        guard samples >= frame else {
          throw context.invalid("the signal has \(samples) samples, fewer than one frame of \(frame)")
        }
        dims[1] = step.map { .fixed((samples - frame) / $0 + 1) } ?? .unknown
      }
    }
    return [try context.outputType(type, dims)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (signal, output) = (try context.input(0), try context.output(0))
    let type = signal.dataType
    let step = try context.integer(1)
    let samples = signal.shape[1], parts = signal.shape.rank == 3 ? signal.shape[2] : 1
    let hasWindow = context.has(2)
    let n = context.has(3) ? try context.integer(3) : hasWindow ? try context.input(2).count : samples
    let windowType = hasWindow ? try context.input(2).dataType : type
    let unread = Set([1, 3].filter(context.has))
    if output.count == 0 { return Kernel(unreadInputs: unread) { _ in } }
    let frames = output.shape[1], bins = output.shape[2]
    guard step >= 1, (frames - 1) * step + n <= samples else { throw context.invalid("the frames leave the signal") }
    let isReal = parts == 1
    let transform = try FourierTransform(length: n, isReal: isReal, context)
    let half = n / 2 + 1
    var plan = ScratchPlan()
    let pointsOffset = plan.reserve(n * (isReal ? 8 : 16))
    let spectrumOffset = isReal ? plan.reserve(half * 16) : pointsOffset
    let ownOffset = plan.reserve(transform.scratchByteCount)
    return .tasks(
      signal.shape[0] * frames, threads: context.target.threads, scratchPerWorker: plan.byteCount, unreadInputs: unread
    ) { operands, task, scratch in
      let kernels = operands.exec.pointee.kernels!, scratch = scratch!
      let points = (scratch + pointsOffset).assumingMemoryBound(to: Double.self)
      let spectrum = (scratch + spectrumOffset).assumingMemoryBound(to: Double.self)
      let (batch, frame) = task.quotientAndRemainder(dividingBy: frames)
      let source = operands.rawInput(0), target = operands.rawOutput(0)
      let first = (batch * samples + frame * step) * parts
      for k in 0..<n {
        let weight = hasWindow ? ElementAccess.double(operands.rawInput(2), k, windowType) : 1
        for part in 0..<parts {
          points[k * parts + part] = weight * ElementAccess.double(source, first + k * parts + part, type)
        }
      }
      if isReal {
        transform.spectrum(of: points, into: spectrum, kernels, scratch: scratch + ownOffset)
      } else {
        transform.transform(points, inverse: false, kernels, scratch: scratch + ownOffset)
      }
      for k in 0..<bins {
        let isMirrored = isReal && k >= half
        let place = 2 * (isMirrored ? n - k : k)
        ElementAccess.store(spectrum[place], target, (task * bins + k) * 2, type)
        ElementAccess.store(
          isMirrored ? -spectrum[place + 1] : spectrum[place + 1], target, (task * bins + k) * 2 + 1, type)
      }
    }
  }
}

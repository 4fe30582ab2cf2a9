import CKernels
import Tensors

/// What computes a node's outputs once shapes, layouts and places in memory are known.
public struct Kernel: Sendable {
  public enum Effect: Sendable {
    /// Runs code. It must not allocate.
    case compute(@Sendable (Operands) throws(OperatorError) -> Void)
    /// Output 0 is the bytes of an input from `byteOffset` on: nothing runs.
    case view(input: Int, byteOffset: Int)
  }

  public var effect: Effect
  /// Bytes of scratch memory the code may use while it runs.
  public var scratchByteCount: Int
  /// Inputs whose memory output 0 may take over, if nothing else needs them: same byte count, read before written.
  public var inPlaceInputs: Set<Int>
  /// Packed constants that the code reads; kept alive as long as the kernel.
  public var retained: [TensorBuffer]
  /// Inputs that the code does not read because it has them in another form (packed, or decoded at preparation).
  public var unreadInputs: Set<Int>

  /// - Parameter run: computes the outputs. It must not allocate, and fails only for what an input's contents reveal.
  public init(
    scratchByteCount: Int = 0, inPlaceInputs: Set<Int> = [], retained: [TensorBuffer] = [],
    unreadInputs: Set<Int> = [], run: @escaping @Sendable (Operands) throws(OperatorError) -> Void
  ) {
    effect = .compute(run)
    self.scratchByteCount = scratchByteCount
    self.inPlaceInputs = inPlaceInputs
    self.retained = retained
    self.unreadInputs = unreadInputs
  }

  private init(view input: Int, byteOffset: Int) {
    effect = .view(input: input, byteOffset: byteOffset)
    scratchByteCount = 0
    inPlaceInputs = []
    retained = []
    unreadInputs = []
  }

  /// Output 0 shares the bytes of `input`.
  public static func view(of input: Int, byteOffset: Int = 0) -> Kernel { Kernel(view: input, byteOffset: byteOffset) }
}

/// The memory of one step while it runs.
public struct Operands {
  let pointers: UnsafePointer<UnsafeMutableRawPointer?>
  let inputCount: Int
  /// Kernel table, thread pool and scratch memory for the drivers of `CKernels`.
  public let exec: UnsafePointer<vz_exec>

  public init(pointers: UnsafePointer<UnsafeMutableRawPointer?>, inputCount: Int, exec: UnsafePointer<vz_exec>) {
    self.pointers = pointers
    self.inputCount = inputCount
    self.exec = exec
  }

  /// Whether an optional input is given.
  public func hasInput(_ index: Int) -> Bool { index < inputCount && pointers[index] != nil }

  public func rawInput(_ index: Int) -> UnsafeRawPointer { UnsafeRawPointer(pointers[index]!) }
  /// Whether an output that the node lists is wanted.
  ///
  /// - Precondition: the node lists at least `index + 1` outputs; an operator decides that at preparation.
  public func hasOutput(_ index: Int) -> Bool { pointers[inputCount + index] != nil }
  public func rawOutput(_ index: Int) -> UnsafeMutableRawPointer { pointers[inputCount + index]! }

  public func input<Element>(_ index: Int, as _: Element.Type = Element.self) -> UnsafePointer<Element> {
    rawInput(index).assumingMemoryBound(to: Element.self)
  }

  public func output<Element>(_ index: Int, as _: Element.Type = Element.self) -> UnsafeMutablePointer<Element> {
    rawOutput(index).assumingMemoryBound(to: Element.self)
  }
}

import CKernels
import GraphIR
import Tensors

/// A program for fixed input shapes: a flat list of steps, and where every operand lies.
public struct Plan: Sendable {
  /// Where an operand's bytes are.
  public enum Place: Hashable, Sendable {
    case arena(offset: Int)
    case input(index: Int, offset: Int)
    case output(index: Int, offset: Int)
    case constant(index: Int, offset: Int)
    case absent
  }

  /// One kernel with its operands.
  public struct Step: Sendable {
    /// The node's label and operator, for profiles and errors.
    public var label: String
    public var operatorName: String
    let run: @Sendable (Operands) throws(OperatorError) -> Void
    public var inputs: [Place]
    public var outputs: [Place]
    public var outputShape: Shape
    /// What the step makes, in the order of `outputs`; empty for copies and conversions.
    public var results: [Result?] = []
  }

  /// A value as a step leaves it.
  public struct Result: Sendable {
    /// The value's name in the model.
    public var name: String
    /// Its type, shape and layout.
    public var operand: Operand
  }

  public var steps: [Step]
  public var inputs: [TensorType]
  public var outputs: [Operand]
  /// Constants that steps read as they are.
  public var constants: [Tensor]
  /// Bytes of the arena, scratch memory included.
  public var arenaByteCount: Int
  /// Where the scratch memory starts in the arena.
  public var scratchOffset: Int
  public var scratchByteCount: Int
  /// The intervals the arena was planned for, for reports.
  public var intervals: [LiveInterval]
  /// What was rewritten once shapes were known, and what was left alone and why.
  public var log: PassLog
  /// Packed weights the kernels read.
  var retained: [TensorBuffer]
}

import Tensors

/// Which versions of which operator a type implements.
public struct Signature: Hashable, Sendable {
  public var domain: String
  public var name: String
  /// Operator-set versions in which the node may be asked for.
  public var versions: ClosedRange<Int>

  /// - Parameter versions: every version the implementation knows; the newest opset by default.
  public init(_ name: String, domain: String = "", versions: ClosedRange<Int> = 1...Signature.newestOpset) {
    self.domain = domain
    self.name = name
    self.versions = versions
  }

  /// The newest version of ONNX's own operator set that Viseme reads.
  public static let newestOpset = 28
}

/// Everything about one ONNX operator: how a node of it is decoded, what its outputs look like, and what runs it.
///
/// A value of a conforming type is one node's operator with the attributes decoded and checked. It must be pure: the
/// same inputs give the same outputs.
public protocol Operator: Sendable {
  static var signatures: [Signature] { get }

  /// Decodes the attributes of a node.
  init(_ node: NodeReader) throws(OperatorError)

  /// What the outputs are, as far as the inputs tell. Also the place where inputs are checked.
  ///
  /// Called with whatever is known: ranks and extents may be missing, constants may be given. An extent that depends
  /// on the contents of an input is `.unknown`.
  func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType]

  /// The outputs, when they follow from types alone (`Shape`, `Size`) although the inputs are not constant.
  func fold(_ context: InferenceContext) throws(OperatorError) -> [Tensor]?

  /// How the operator wants its operands laid out.
  func layout(_ context: LayoutContext) -> LayoutPolicy

  /// The code that computes the outputs for inputs of exactly these shapes.
  ///
  /// Everything that can fail for a reason visible here fails here. Constant inputs may be repacked once through
  /// `context.packed`.
  func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel
}

extension Operator {
  public func fold(_ context: InferenceContext) throws(OperatorError) -> [Tensor]? { nil }
  public func layout(_ context: LayoutContext) -> LayoutPolicy { .rowMajor }
}

/// Why a node cannot be decoded, planned or run.
public struct OperatorError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Kind: Hashable, Sendable {
    /// Correct ONNX that Viseme does not implement.
    case unsupported
    /// Not correct ONNX, or inputs that do not fit the node.
    case invalid
    /// A size that does not fit the memory budget.
    case tooLarge
    /// The run was stopped: by its caller, or because its time was up.
    case cancelled
    case timeLimit
  }
  public var kind: Kind
  /// The node, as `Node.label` names it.
  public var node: String
  public var reason: String

  public init(_ kind: Kind, node: String, _ reason: String) {
    self.kind = kind
    self.node = node
    self.reason = reason
  }

  public var description: String { "\(node): \(reason)" }
}

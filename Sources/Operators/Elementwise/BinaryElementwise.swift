import CKernels
import GraphIR
import Tensors

/// ONNX arithmetic, comparison and logic on two inputs: `Add`, `Less`, `And`, and their like.
///
/// Before opset 7, input 1 broadcasts only if the attribute `broadcast` says so, from the axis `axis` on.
public struct BinaryElementwise: ElementwiseOperator {
  private enum Kind { case arithmetic, comparison, logic }

  private struct Entry {
    var name: String
    var operation: vz_eltwise_op
    var kind: Kind
  }

  private static let table: [Entry] = [
    Entry(name: "Add", operation: VZ_ELTWISE_ADD, kind: .arithmetic),
    Entry(name: "Sub", operation: VZ_ELTWISE_SUB, kind: .arithmetic),
    Entry(name: "Mul", operation: VZ_ELTWISE_MUL, kind: .arithmetic),
    Entry(name: "Div", operation: VZ_ELTWISE_DIV, kind: .arithmetic),
    Entry(name: "Equal", operation: VZ_ELTWISE_EQ, kind: .comparison),
    Entry(name: "Less", operation: VZ_ELTWISE_LT, kind: .comparison),
    Entry(name: "LessOrEqual", operation: VZ_ELTWISE_LE, kind: .comparison),
    Entry(name: "Greater", operation: VZ_ELTWISE_GT, kind: .comparison),
    Entry(name: "GreaterOrEqual", operation: VZ_ELTWISE_GE, kind: .comparison),
    Entry(name: "And", operation: VZ_ELTWISE_AND, kind: .logic),
    Entry(name: "Or", operation: VZ_ELTWISE_OR, kind: .logic),
    Entry(name: "Xor", operation: VZ_ELTWISE_XOR, kind: .logic),
  ]

  public static let signatures = table.map { Signature($0.name) }

  /// What the operator makes of two elements.
  public let operation: vz_eltwise_op
  private let kind: Kind
  public let broadcastAxis: Int?

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    guard let entry = Self.table.first(where: { $0.name == node.node.operatorName }) else {
      throw node.unsupported("the operator is not implemented")
    }
    operation = entry.operation
    kind = entry.kind
    broadcastAxis = try node.oldBroadcastAxis()
  }

  public func outputType(_ inputs: [DataType?], _ context: InferenceContext) throws(OperatorError) -> DataType? {
    let type = try commonType(inputs, context)
    switch kind {
    case .arithmetic:
      if type == .bool { throw context.invalid("it is not defined for bool") }
      return type
    case .comparison: return .bool
    case .logic:
      if let type, type != .bool { throw context.invalid("the inputs are \(type), not bool") }
      return .bool
    }
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    program.apply(operation, inputs[0], inputs[1])
  }
}

extension NodeReader {
  /// The axis from which input 1 broadcasts by the rules before opset 7, if the node asks for one.
  func oldBroadcastAxis() throws(OperatorError) -> Int? {
    guard version < 7, try bool("broadcast", default: false) else { return nil }
    return try int("axis")
  }
}

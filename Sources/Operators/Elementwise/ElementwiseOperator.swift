import CKernels
import GraphIR
import Tensors

/// An operator that makes each element of its output from the elements at the same place of its inputs, which
/// broadcast as NumPy's do.
///
/// A conforming type says what it computes by emitting float code; shapes, layouts, other element types and the kernel
/// follow from that. Inputs that a node leaves out have no register: a type remembers from decoding which it has.
public protocol ElementwiseOperator: Operator {
  /// Adds the operator's code to a program; `inputs` stand for the inputs the node has.
  func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register

  /// The element type of the output, for inputs that may be known in part. Also checks the inputs' types.
  func outputType(_ inputs: [DataType?], _ context: InferenceContext) throws(OperatorError) -> DataType?

  /// The axis of input 0 that input 1's first axis stands for; nil for NumPy's rule, where the last axes match.
  var broadcastAxis: Int? { get }

  /// `emit` for operators whose code depends on the element type of the output.
  func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register], output: DataType
  ) -> ElementwiseProgram.Register

  /// Whether the emitted code is right in float32 for integers of up to 16 bits as well, without wrapping.
  var computesIntegersAsFloats: Bool { get }

  /// Whether the node can be part of a fused float32 program.
  func canFuse(inputs: [TensorType], output: TensorType) -> Bool
}

extension ElementwiseOperator {
  public var broadcastAxis: Int? { nil }
  public var computesIntegersAsFloats: Bool { false }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register], output: DataType
  ) -> ElementwiseProgram.Register {
    emit(&program, inputs)
  }

  /// All inputs have the same type, and so has the output.
  public func outputType(_ inputs: [DataType?], _ context: InferenceContext) throws(OperatorError) -> DataType? {
    try commonType(inputs, context)
  }

  func commonType(_ inputs: [DataType?], _ context: InferenceContext) throws(OperatorError) -> DataType? {
    let known = inputs.compactMap { $0 }
    if let first = known.first, let other = known.first(where: { $0 != first }) {
      throw context.invalid("inputs of types \(first) and \(other) cannot be combined")
    }
    return known.first
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    var types: [DataType?] = []
    var shapes: [[Dimension]?] = []
    for index in context.inputs.indices where context.has(index) {
      let type = try context.tensor(index)
      types.append(type.dataType)
      shapes.append(type.dims)
    }
    guard !types.isEmpty else { throw context.invalid("it has no inputs") }
    if let broadcastAxis, shapes.count == 2, let outer = shapes[0], let inner = shapes[1] {
      let trailing = outer.count - broadcastAxis - inner.count
      guard broadcastAxis >= 0, trailing >= 0 else {
        throw context.invalid("input 1 does not fit input 0 from axis \(broadcastAxis) on")
      }
      shapes[1] = inner + [Dimension](repeating: 1, count: trailing)
    }
    let type = try outputType(types, context)
    let dims = try Broadcasting.dims(shapes, context)
    if let dims { try context.checkCount(dims, of: type) }
    return [.tensor(TensorType(type, dims))]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { broadcastAxis == nil ? .any : .rowMajor }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    var sources: [Int] = []
    var constants: [Int: Float] = [:]
    for (index, operand) in context.inputs.enumerated() {
      guard let operand else { continue }
      sources.append(index)
      if operand.dataType == .float32, operand.count == 1, let tensor = operand.constant {
        constants[index] = tensor.elements(as: Float.self)[0]
      }
    }
    guard computesIntegersAsFloats || (context.inputs + context.outputs).allSatisfy({ $0?.dataType.isFloatOrBool ?? true })
    else {
      var program = ElementwiseProgram(inputCount: sources.count)
      program.outputs = [emit(&program, program.inputs)]
      return try ElementwiseInterpreter.kernel(program, sources: sources, axis: broadcastAxis, context)
    }
    // With scalar constants in the code the kernel reads fewer arrays; one input has to stay to be read.
    if constants.count < sources.count, !constants.isEmpty {
      var program = ElementwiseProgram()
      var registers: [ElementwiseProgram.Register] = []
      for index in sources {
        registers.append(constants[index].map { program.constant($0) } ?? program.addInput())
      }
      program.outputs = [emit(&program, registers)]
      let read = sources.filter { constants[$0] == nil }
      let kernel = ElementwiseKernel.make(
        program, sources: read, axis: broadcastAxis, context, unread: Set(sources).subtracting(read))
      if let kernel { return kernel }
    }
    var program = ElementwiseProgram(inputCount: sources.count)
    program.outputs = [emit(&program, program.inputs)]
    if let kernel = ElementwiseKernel.make(program, sources: sources, axis: broadcastAxis, context) { return kernel }
    return try ElementwiseInterpreter.kernel(program, sources: sources, axis: broadcastAxis, context)
  }

  /// Its inputs and output are float32 or bool.
  public func canFuse(inputs: [TensorType], output: TensorType) -> Bool {
    broadcastAxis == nil && (inputs + [output]).allSatisfy { $0.dataType?.isFloatOrBool ?? false }
  }
}

extension DataType {
  fileprivate var isFloatOrBool: Bool { self == .float32 || self == .bool }
}

/// The places in memory that an elementwise kernel walks.
private struct ElementwisePlaces {
  let inputTypes: [DataType]
  let outputTypes: [DataType]
  let shape: Shape
  /// For every input, then for every output.
  let strides: [[Int]]
  /// Inputs that lie in memory as output 0 does.
  let inPlaceInputs: Set<Int>

  init(sources: [Int], axis: Int?, _ context: KernelContext) throws(OperatorError) {
    let outputs = context.outputs.compactMap { $0 }
    let shape = try context.output(0).shape
    var strides: [[Int]] = []
    var types: [DataType] = []
    var inPlace: Set<Int> = []
    for source in sources {
      let operand = try context.input(source)
      let places = Broadcasting.strides(of: operand, over: shape, axis: source == 1 ? axis : nil)
      if operand.dataType == outputs[0].dataType, operand.shape == shape, operand.layout == outputs[0].layout {
        inPlace.insert(source)
      }
      strides.append(places)
      types.append(operand.dataType)
    }
    for output in outputs { strides.append(output.strides) }
    inputTypes = types
    outputTypes = outputs.map(\.dataType)
    self.shape = shape
    self.strides = strides
    inPlaceInputs = inPlace
  }
}

extension ElementwiseKernel {
  /// The kernel for `program`, or nil when it is not one for `vz_eltwise_run`.
  static func make(
    _ program: ElementwiseProgram, sources: [Int], axis: Int?, _ context: KernelContext, unread: Set<Int> = []
  ) -> Kernel? {
    guard let places = try? ElementwisePlaces(sources: sources, axis: axis, context),
      let code = ElementwiseKernel(
        program, inputTypes: places.inputTypes, outputTypes: places.outputTypes, sources: sources,
        shape: places.shape.dims, strides: places.strides)
    else { return nil }
    if places.shape.count == 0 { return Kernel(unreadInputs: unread) { _ in } }
    return Kernel(inPlaceInputs: places.inPlaceInputs, unreadInputs: unread) { operands in code.run(operands) }
  }
}

extension ElementwiseInterpreter {
  static func kernel(
    _ program: ElementwiseProgram, sources: [Int], axis: Int?, _ context: KernelContext
  ) throws(OperatorError) -> Kernel {
    let places = try ElementwisePlaces(sources: sources, axis: axis, context)
    let code = try ElementwiseInterpreter(
      program, inputTypes: places.inputTypes, outputTypes: places.outputTypes, sources: sources,
      shape: places.shape.dims, strides: places.strides, context)
    let failure = context.invalid("an integer is divided by zero")
    return Kernel(scratchByteCount: code.scratchByteCount, inPlaceInputs: places.inPlaceInputs) {
      operands throws(OperatorError) in
      guard code.run(operands) else { throw failure }
    }
  }
}

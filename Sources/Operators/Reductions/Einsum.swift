import GraphIR
import Tensors

/// ONNX `Einsum`: sums of products over named axes.
public struct Einsum: Operator {
  public static let signatures = [Signature("Einsum", versions: 12...Signature.newestOpset)]

  /// An axis: a letter, or one of the axes that an ellipsis stands for, counted from the last.
  private enum Label: Hashable, Comparable {
    case ellipsis(fromEnd: Int)
    case letter(UInt8)

    static func < (a: Label, b: Label) -> Bool {
      switch (a, b) {
      case (.ellipsis(let x), .ellipsis(let y)): x > y
      case (.ellipsis, .letter): true
      case (.letter, .ellipsis): false
      case (.letter(let x), .letter(let y)): x < y
      }
    }
  }

  /// The labels of an operand before and after its ellipsis.
  private struct Term {
    var before: [UInt8] = []
    var after: [UInt8] = []
    var hasEllipsis = false

    func labels(rank: Int) -> [Label]? {
      let rest = rank - before.count - after.count
      guard hasEllipsis ? rest >= 0 : rest == 0 else { return nil }
      let middle = (0..<rest).reversed().map(Label.ellipsis(fromEnd:))
      return before.map(Label.letter) + middle + after.map(Label.letter)
    }
  }

  private let terms: [Term]
  /// Nil where the equation leaves the output out.
  private let result: Term?

  public init(_ node: NodeReader) throws(OperatorError) {
    guard let equation = try node.string("equation") else { throw node.invalid("the attribute “equation” is missing") }
    let sides = Self.split(equation.utf8.filter { $0 != UInt8(ascii: " ") })
    terms = try sides.inputs.map { text throws(OperatorError) in try Self.term(text, node) }
    result = try sides.output.map { text throws(OperatorError) in try Self.term(text, node) }
    try node.expectInputs(terms.count...terms.count)
    let known = Set(terms.flatMap { $0.before + $0.after })
    for letter in (result?.before ?? []) + (result?.after ?? []) where !known.contains(letter) {
      throw node.invalid("the output of “\(equation)” has a label that no input has")
    }
    let listed = (result?.before ?? []) + (result?.after ?? [])
    guard Set(listed).count == listed.count else { throw node.invalid("the output of “\(equation)” repeats a label") }
  }

  private static func split(_ text: [UInt8]) -> (inputs: [ArraySlice<UInt8>], output: ArraySlice<UInt8>?) {
    let arrow = text.indices.first {
      text[$0] == UInt8(ascii: "-") && $0 + 1 < text.count && text[$0 + 1] == UInt8(ascii: ">")
    }
    let inputs = text[..<(arrow ?? text.count)].split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    return (inputs, arrow.map { text[($0 + 2)...] })
  }

  private static func term(_ text: ArraySlice<UInt8>, _ node: NodeReader) throws(OperatorError) -> Term {
    var (term, rest) = (Term(), text)
    while let next = rest.popFirst() {
      switch next {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
        if term.hasEllipsis { term.after.append(next) } else { term.before.append(next) }
      case UInt8(ascii: ".") where rest.prefix(2).elementsEqual("..".utf8) && !term.hasEllipsis:
        rest = rest.dropFirst(2)
        term.hasEllipsis = true
      default: throw node.invalid("the equation cannot be read")
      }
    }
    return term
  }

  /// The labels of every input, and of the output.
  private func labels(ranks: [Int], _ context: some Diagnosing) throws(OperatorError) -> (
    inputs: [[Label]], output: [Label]
  ) {
    var inputs: [[Label]] = []
    for (index, (term, rank)) in zip(terms, ranks).enumerated() {
      guard let labels = term.labels(rank: rank) else {
        throw context.invalid("input \(index) has rank \(rank), which the equation does not allow")
      }
      inputs.append(labels)
    }
    var counts: [Label: Int] = [:]
    for label in inputs.joined() { counts[label, default: 0] += 1 }
    let ellipsis = counts.keys.filter { if case .ellipsis = $0 { true } else { false } }.sorted()
    guard let result else {
      let once = counts.filter { if case .letter = $0.key { $0.value == 1 } else { false } }.keys.sorted()
      return (inputs, ellipsis + once)
    }
    let middle = result.hasEllipsis ? ellipsis : []
    return (inputs, result.before.map(Label.letter) + middle + result.after.map(Label.letter))
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let types = try context.inputs.indices.map { index throws(OperatorError) in try context.tensor(index) }
    let dataType = types.lazy.compactMap(\.dataType).first
    for type in types where type.dataType != nil && type.dataType != dataType {
      throw context.invalid("the inputs have different types")
    }
    let ranks = types.compactMap { $0.dims?.count }
    guard ranks.count == types.count else { return [.tensor(TensorType(dataType, nil as [Dimension]?))] }
    let labels = try labels(ranks: ranks, context)
    var extents: [Label: Dimension] = [:]
    for (type, own) in zip(types, labels.inputs) {
      for (label, dim) in zip(own, type.dims ?? []) {
        guard let merged = Broadcasting.merge(extents[label] ?? 1, dim) else {
          throw context.invalid("two axes of one label have the extents \(extents[label] ?? 1) and \(dim)")
        }
        extents[label] = merged
      }
    }
    let dims = labels.output.map { extents[$0] ?? 1 }
    try context.checkCount(dims, of: dataType)
    return [.tensor(TensorType(dataType, dims))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let inputs = try context.inputs.indices.map { index throws(OperatorError) in try context.input(index) }
    let output = try context.output(0)
    let type = output.dataType
    guard ElementAccess.supports(type) else { throw context.unsupported("elements of type \(type) are not supported") }
    let labels = try labels(ranks: inputs.map(\.shape.rank), context)
    var extents: [Label: Int] = [:]
    for (operand, own) in zip(inputs, labels.inputs) {
      for (label, extent) in zip(own, operand.shape.dims) where extent != 1 { extents[label] = extent }
    }
    func strides(_ input: Int, _ axes: [Label]) -> [Int] {
      axes.map { axis in
        var stride = 0
        for (own, (extent, step)) in zip(labels.inputs[input], zip(inputs[input].shape.dims, inputs[input].strides))
        where own == axis && extent != 1 {
          stride += step
        }
        return stride
      }
    }
    let summed = Set(labels.inputs.joined()).subtracting(labels.output).sorted()
    let outer = StridedSpace(
      shape: output.shape.dims, strides: inputs.indices.map { strides($0, labels.output) } + [output.strides])
    // The axes of the first operand in their own order, so that it is read in the order of memory.
    let inner = StridedSpace(
      shape: summed.map { extents[$0] ?? 1 },
      strides: inputs.indices.reversed().map { strides($0, summed) })
    let count = inputs.count
    if type == .float32, count == 2 { return Self.pairKernel(outer, inner) }
    return Kernel { operands in
      outer.forEachOuterIndex(innerRank: 0) { offsets in
        var (real, integer): (Double, Int64) = (0, 0)
        inner.forEachOuterIndex(innerRank: 0) { steps in
          if type.isFloatingPoint {
            var product = 1.0
            for k in 0..<count {
              product *= ElementAccess.double(operands.rawInput(k), offsets[k] + steps[count - 1 - k], type)
            }
            real += product
          } else {
            var product: Int64 = 1
            for k in 0..<count {
              product = product &* ElementAccess.integer(operands.rawInput(k), offsets[k] + steps[count - 1 - k], type)
            }
            integer = integer &+ product
          }
        }
        if type.isFloatingPoint {
          ElementAccess.store(real, operands.rawOutput(0), offsets[count], type)
        } else {
          ElementAccess.store(integer, operands.rawOutput(0), offsets[count], type)
        }
      }
    }
  }
  /// Two float32 inputs: products are summed in double.
  ///
  /// - Parameter inner: strides of input 1, then of input 0.
  private static func pairKernel(_ outer: StridedSpace, _ inner: StridedSpace) -> Kernel {
    let last = inner.rank - 1
    let (length, aStep, bStep) = (inner.shape[last], inner.strides[1][last], inner.strides[0][last])
    return Kernel { operands in
      let (a, b, target) = (
        operands.input(0, as: Float.self), operands.input(1, as: Float.self), operands.output(0, as: Float.self)
      )
      outer.forEachOuterIndex(innerRank: 0) { offsets in
        var sum = 0.0
        inner.forEachOuterIndex { steps in
          var (x, y) = (a + (offsets[0] + steps[1]), b + (offsets[1] + steps[0]))
          for _ in 0..<length {
            sum += Double(x.pointee) * Double(y.pointee)
            x += aStep
            y += bStep
          }
        }
        target[offsets[2]] = Float(sum)
      }
    }
  }
}

import Compiler
import GraphIR
import ONNXFormat
import Tensors
import Viseme

/// How far a model's results are from those of a reference: for each output, and on request for each value on the way.
public struct Validation: Sendable, Encodable {
  /// One value between inputs and outputs.
  public struct Step: Sendable, Encodable {
    /// The operator and node that made it, fused ones as they ran.
    public var label: String
    public var comparison: TensorComparison
    public var isWithin: Bool
  }

  /// One set of inputs.
  public struct Case: Sendable, Encodable {
    /// Where the inputs came from.
    public var name: String
    public var outputs: [TensorComparison]
    /// In the order of the run; empty unless asked for.
    public var steps: [Step]
    /// Values that were not compared, because keeping the reference's would have taken too much memory.
    public var uncomparedSteps: Int
    /// The first of `steps` past the tolerance, or else the first output.
    public var firstWrong: String?
    public var isWithin: Bool
  }

  public var model: String
  public var reference: String
  public var tolerance: Double
  public var cases: [Case]
  public var isWithin: Bool

  /// What results are held against.
  public enum Reference: Sendable {
    /// The same model by scalar kernels and without optimization.
    case scalar
    case model(path: String)
    /// A folder of recorded inputs and outputs (`DataSet`).
    case recorded(folder: String)
  }

  /// - Parameters:
  ///   - inputs: what both sides get; recorded data has its own.
  ///   - nodes: compares values between inputs and outputs too. They are matched by name.
  public static func run(
    path: String, against reference: Reference, options: ModelOptions, inputs: InputSource, tolerance: Double,
    nodes: Bool
  ) throws -> Validation {
    let model = try Model(path: path, options: options)
    var cases: [Case] = []
    let name: String
    switch reference {
    case .recorded(let folder):
      name = folder
      for set in try DataSet.folders(in: folder) {
        var source = inputs
        source.folder = set
        let outputs = try Session(model).run(values: source.values(for: model))
        let expected = try DataSet.outputs(in: set, types: model.outputValues.map(\.type))
        guard expected.count == outputs.count else {
          throw InspectionError(
            "\(set): it records \(expected.count) outputs; the model \(path) has \(outputs.count)")
        }
        var comparisons: [TensorComparison] = []
        for (name, (output, wanted)) in zip(model.outputs.map(\.name), zip(outputs, expected)) {
          let parts = output.parts(named: name), wantedParts = wanted.parts(named: name)
          guard parts.map(\.name) == wantedParts.map(\.name) else {
            throw InspectionError(
              "\(set): the output “\(name)” has \(parts.count) tensors, the recording has \(wantedParts.count)")
          }
          comparisons += zip(parts, wantedParts).map { TensorComparison($0.name, $0.tensor, reference: $1.tensor) }
        }
        cases.append(Case(name: set, outputs: comparisons, tolerance: tolerance))
      }
    case .scalar, .model:
      let other: Model
      if case .model(let otherPath) = reference {
        name = otherPath
        other = try Model(path: otherPath, options: ModelOptions(threads: options.threads, memoryLimit: options.memoryLimit))
      } else {
        name = "reference"
        other = try Model(
          path: path, options: ModelOptions(threads: options.threads, isReference: true, memoryLimit: options.memoryLimit))
      }
      let given = try inputs.tensors(for: model)
      let ordered = try reorder(given, from: model, to: other)
      if nodes {
        cases.append(try comparingSteps(model, given, other, ordered, tolerance: tolerance, byteLimit: inputs.byteLimit / 2))
      } else {
        let outputs = try Session(model).run(given), expected = try Session(other).run(ordered)
        cases.append(
          Case(
            name: inputs.folder ?? "given inputs", outputs: try pair(model, outputs, other, expected),
            tolerance: tolerance))
      }
    }
    return Validation(
      model: path, reference: name, tolerance: tolerance, cases: cases, isWithin: cases.allSatisfy(\.isWithin))
  }

  // MARK: Matching two models

  private static func compare(_ names: [String], _ outputs: [Tensor], _ expected: [Tensor]) -> [TensorComparison] {
    zip(names, zip(outputs, expected)).map { TensorComparison($0, $1.0, reference: $1.1) }
  }

  /// The inputs by name, or by position where the names are others.
  private static func reorder(_ tensors: [Tensor], from model: Model, to other: Model) throws -> [Tensor] {
    let names = model.inputs.map(\.name), wanted = other.inputs.map(\.name)
    guard names.count == wanted.count else {
      throw InspectionError(
        "\(other.name) has \(wanted.count) inputs (\(wanted.joined(separator: ", "))), \(model.name) has "
          + "\(names.count) (\(names.joined(separator: ", "))); only models with the same inputs can be compared")
    }
    guard Set(names) == Set(wanted) else { return tensors }
    return wanted.map { tensors[names.firstIndex(of: $0)!] }
  }

  /// Outputs by name, or by position where the names are others.
  private static func pair(
    _ model: Model, _ outputs: [Tensor], _ other: Model, _ expected: [Tensor]
  ) throws -> [TensorComparison] {
    let names = model.outputs.map(\.name), otherNames = other.outputs.map(\.name)
    guard names.count == otherNames.count else {
      throw InspectionError(
        "\(other.name) has \(otherNames.count) outputs (\(otherNames.joined(separator: ", "))), \(model.name) has "
          + "\(names.count) (\(names.joined(separator: ", "))); only models with the same outputs can be compared")
    }
    guard Set(names) == Set(otherNames) else { return compare(names, outputs, expected) }
    return compare(names, outputs, names.map { expected[otherNames.firstIndex(of: $0)!] })
  }

  // MARK: Step by step

  private static func comparingSteps(
    _ model: Model, _ inputs: [Tensor], _ other: Model, _ otherInputs: [Tensor], tolerance: Double, byteLimit: Int
  ) throws -> Case {
    let wanted = try invocation(model, inputs)
    let names = Set(wanted.plan.steps.flatMap { $0.results.compactMap { $0?.name } })
    let reference = try invocation(other, otherInputs)
    let keeper = StepKeeper(reference, names: names, byteLimit: byteLimit)
    reference.observer = keeper
    try reference.run()
    let comparer = StepComparer(wanted, kept: keeper.kept, tolerance: tolerance)
    wanted.observer = comparer
    try wanted.run()
    let outputs = try pair(model, wanted.outputTensors, other, reference.outputTensors)
    var result = Case(name: "given inputs", outputs: outputs, tolerance: tolerance)
    result.steps = comparer.steps
    result.uncomparedSteps = keeper.droppedCount
    if let first = comparer.steps.first(where: { !$0.isWithin }) {
      result.firstWrong = "\(first.label) → “\(first.comparison.name)”"
      result.isWithin = result.outputs.allSatisfy { $0.isWithin(tolerance) }
    }
    return result
  }

  private static func invocation(_ model: Model, _ inputs: [Tensor]) throws -> Invocation {
    let shapes = zip(model.inputs, inputs).map { ($0.name, $1.shape) }
    let invocation = try Session(model).invocation(Dictionary(shapes, uniquingKeysWith: { first, _ in first }))
    invocation.fill(inputs)
    return invocation
  }
}

extension RuntimeValue {
  /// The tensors of the value; those of a sequence have their index behind the name.
  fileprivate func parts(named name: String) -> [(name: String, tensor: Tensor)] {
    switch self {
    case .tensor(let tensor): [(name, tensor)]
    case .sequence(let elements, _): elements.enumerated().flatMap { $1.parts(named: "\(name)[\($0)]") }
    case .optional(let value, _): value?.parts(named: name) ?? []
    }
  }
}

extension Validation.Case {
  fileprivate init(name: String, outputs: [TensorComparison], tolerance: Double) {
    let wrong = outputs.first { !$0.isWithin(tolerance) }
    self.init(
      name: name, outputs: outputs, steps: [], uncomparedSteps: 0, firstWrong: wrong.map { "output “\($0.name)”" },
      isWithin: wrong == nil)
  }
}

/// Keeps what the steps of a run made, as far as memory goes.
private final class StepKeeper: StepObserver {
  private(set) var kept: [String: Tensor] = [:]
  private(set) var droppedCount = 0
  private unowned let invocation: Invocation
  private let names: Set<String>
  private var budget: Int

  init(_ invocation: Invocation, names: Set<String>, byteLimit: Int) {
    self.invocation = invocation
    self.names = names
    budget = byteLimit
  }

  func willRun(step: Int) {}

  func didRun(step: Int) {
    guard invocation.plan.steps[step].results.contains(where: { $0.map { names.contains($0.name) } ?? false }) else { return }
    for (name, tensor) in invocation.results(ofStep: step) where names.contains(name) {
      guard tensor.byteCount <= budget else {
        droppedCount += 1
        continue
      }
      budget -= tensor.byteCount
      kept[name] = tensor
    }
  }
}

/// Compares what the steps of a run make with what was kept of another.
private final class StepComparer: StepObserver {
  private(set) var steps: [Validation.Step] = []
  private unowned let invocation: Invocation
  private let kept: [String: Tensor]
  private let tolerance: Double

  init(_ invocation: Invocation, kept: [String: Tensor], tolerance: Double) {
    self.invocation = invocation
    self.kept = kept
    self.tolerance = tolerance
  }

  func willRun(step: Int) {}

  func didRun(step: Int) {
    for (name, tensor) in invocation.results(ofStep: step) {
      guard let reference = kept[name] else { continue }
      let comparison = TensorComparison(name, tensor, reference: reference)
      steps.append(
        Validation.Step(
          label: invocation.plan.steps[step].label, comparison: comparison, isWithin: comparison.isWithin(tolerance)))
    }
  }
}

import GraphIR
import Tensors
import Viseme

/// What each step of a model takes, held against what the machine can do.
public struct RunProfile: Sendable, Encodable {
  public struct Step: Sendable, Encodable {
    /// Operator and node.
    public var label: String
    public var operatorName: String
    public var outputShape: [Int]
    /// Median seconds of a run.
    public var seconds: Double
    /// Multiply-adds of its products; 0 for steps that only move or combine elements.
    public var multiplyAdds: Int
    public var gigaflopsPerSecond: Double
    /// Part of the machine's measured peak.
    public var peakShare: Double
  }

  public struct OperatorTotal: Sendable, Encodable {
    public var operatorName: String
    public var steps: Int
    public var seconds: Double
    public var multiplyAdds: Int
    public var gigaflopsPerSecond: Double
    public var peakShare: Double
  }

  public var model: String
  public var threads: Int
  public var runs: Int
  /// Median seconds of a whole run.
  public var seconds: Double
  public var multiplyAdds: Int
  /// Gigaflops a second of the best matrix product, a multiply-add being two operations.
  public var peakGigaflopsPerSecond: Double
  public var steps: [Step]
  /// By operator, the slowest first.
  public var operators: [OperatorTotal]

  /// Runs the model `warmUp + repeats` times with an observer between the steps.
  ///
  /// - Parameter trace: gets every step of the timed runs.
  public static func measure(
    _ model: Model, inputs: [Tensor], warmUp: Int, repeats: Int, trace: inout ChromeTrace
  ) throws -> RunProfile {
    let pool = ThreadPool(threads: model.program.options.threads)
    let peak = MachinePeak.multiplyAddsPerSecond(pool)
    let invocation = try Session(model, pool: pool).invocation(
      Dictionary(zip(model.inputs.map(\.name), inputs.map(\.shape)), uniquingKeysWith: { first, _ in first }))
    invocation.fill(inputs)
    for _ in 0..<warmUp { try invocation.run() }
    let steps = invocation.plan.steps
    let clock = StepClock(stepCount: steps.count)
    invocation.observer = clock
    var totals: [Double] = []
    var seconds = [[Double]](repeating: [], count: steps.count)
    for run in 0..<repeats {
      let start = Clock.wall
      try invocation.run()
      totals.append(Clock.wall - start)
      for index in steps.indices { seconds[index].append(clock.ends[index] - clock.starts[index]) }
      if trace.isWanted(run: run) {
        for (index, step) in steps.enumerated() {
          trace.add(
            step.label, category: step.operatorName, start: clock.starts[index], end: clock.ends[index],
            details: [("output", "\(step.outputShape)")])
        }
      }
    }
    let graph = try model.program.specialized(inputs.map { TensorType($0.dataType, $0.shape) })
    let names = steps.map { step in step.results.lazy.compactMap { $0?.name }.first }
    let work = workByResult(of: graph, among: Set(names.compactMap { $0 }))
    let measured = steps.enumerated().map { index, step in
      let name = names[index]
      return Step(
        label: step.label, operatorName: step.operatorName, outputShape: step.outputShape.dims,
        seconds: quantile(0.5, of: seconds[index].sorted()), multiplyAdds: name.flatMap { work[$0] } ?? 0, peak: peak)
    }
    return RunProfile(
      model: model.name, threads: pool.threads, runs: repeats, seconds: quantile(0.5, of: totals.sorted()),
      multiplyAdds: measured.reduce(0) { $0.addingReportingOverflow($1.multiplyAdds).partialValue },
      peakGigaflopsPerSecond: peak * 2e-9, steps: measured, operators: operatorTotals(of: measured, peak: peak))
  }

  /// Multiply-adds by the name of the result they go into, one of `results`: a step makes the result of the last node that
  /// was fused into it, so the work of a node whose own result is not made goes to the node that reads it.
  static func workByResult(of graph: Graph, among results: Set<String>) -> [String: Int] {
    var work: [String: Int] = [:], reader: [String: String] = [:]
    for node in graph.nodes {
      guard let output = node.outputs.first, let output else { continue }
      for case let input? in node.inputs where reader[graph[input].name] == nil {
        reader[graph[input].name] = graph[output].name
      }
    }
    for node in graph.nodes {
      guard let output = node.outputs.first, let output, let amount = Work.multiplyAdds(of: node, in: graph) else { continue }
      var name = graph[output].name
      while !results.contains(name), let next = reader[name] { name = next }
      work[name] = (work[name] ?? 0).addingReportingOverflow(amount).partialValue
    }
    return work
  }

  private static func operatorTotals(of steps: [Step], peak: Double) -> [OperatorTotal] {
    Dictionary(grouping: steps, by: \.operatorName).map { name, steps in
      let seconds = steps.reduce(0) { $0 + $1.seconds }, work = steps.reduce(0) { $0 + $1.multiplyAdds }
      let rate = Double(work) / max(seconds, 1e-9)
      return OperatorTotal(
        operatorName: name, steps: steps.count, seconds: seconds, multiplyAdds: work, gigaflopsPerSecond: rate * 2e-9,
        peakShare: rate / peak)
    }
    .sorted { ($1.seconds, $0.operatorName) < ($0.seconds, $1.operatorName) }
  }
}

extension RunProfile.Step {
  fileprivate init(
    label: String, operatorName: String, outputShape: [Int], seconds: Double, multiplyAdds: Int, peak: Double
  ) {
    let rate = Double(multiplyAdds) / max(seconds, 1e-9)
    self.init(
      label: label, operatorName: operatorName, outputShape: outputShape, seconds: seconds, multiplyAdds: multiplyAdds,
      gigaflopsPerSecond: rate * 2e-9, peakShare: rate / peak)
  }
}

/// Notes when each step of the last run began and ended.
private final class StepClock: StepObserver {
  private(set) var starts: [Double]
  private(set) var ends: [Double]

  init(stepCount: Int) {
    starts = [Double](repeating: 0, count: stepCount)
    ends = starts
  }

  func willRun(step: Int) { starts[step] = Clock.wall }
  func didRun(step: Int) { ends[step] = Clock.wall }
}

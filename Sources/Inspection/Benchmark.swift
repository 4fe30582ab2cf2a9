import Tensors
import Viseme

/// What running a model costs, as seen from outside.
public struct Benchmark: Sendable, Encodable {
  public var model: String
  public var threads: Int
  public var inputs: [String]
  /// Seconds to read, check and optimize the model.
  public var loadSeconds: Double
  /// Seconds of the first run, planning and packing of weights included.
  public var firstRunSeconds: Double
  public var warmUpRuns: Int
  public var runs: Int
  /// Seconds a run, after the first and the warm-up.
  public var minimum: Double
  public var median: Double
  public var mean: Double
  public var percentile99: Double
  public var maximum: Double
  /// Processor seconds of all threads a run.
  public var processorSeconds: Double
  /// The most memory the process has held, in bytes.
  public var peakMemoryByteCount: Int
  /// What became of files of packed weights.
  public var packedWeights: [String]

  /// - Parameters:
  ///   - progress: called after each timed run with the number of runs done.
  public static func measure(
    path: String, options: ModelOptions, inputs source: InputSource, warmUp: Int, repeats: Int,
    progress: (Int) -> Void = { _ in }
  ) throws -> Benchmark {
    let began = Clock.wall
    let model = try Model(path: path, options: options)
    let loaded = Clock.wall
    let inputs = try source.tensors(for: model)
    let session = Session(model)
    let ready = Clock.wall
    _ = try session.run(inputs)
    let first = Clock.wall - ready
    for _ in 0..<warmUp { _ = try session.run(inputs) }
    var seconds: [Double] = []
    seconds.reserveCapacity(repeats)
    var processor = 0.0
    for index in 0..<repeats {
      let startProcess = Clock.process, start = Clock.wall
      _ = try session.run(inputs)
      seconds.append(Clock.wall - start)
      processor += Clock.process - startProcess
      progress(index + 1)
    }
    let sorted = seconds.sorted()
    return Benchmark(
      model: path, threads: options.threads,
      inputs: zip(model.inputs, inputs).map { "\($0.name): \($1.dataType)\($1.shape)" },
      loadSeconds: loaded - began, firstRunSeconds: first, warmUpRuns: warmUp, runs: repeats, minimum: sorted[0],
      median: quantile(0.5, of: sorted), mean: seconds.reduce(0, +) / Double(repeats),
      percentile99: quantile(0.99, of: sorted), maximum: sorted[repeats - 1],
      processorSeconds: processor / Double(repeats), peakMemoryByteCount: Inspection.peakMemoryByteCount(),
      packedWeights: model.packedWeightNotes)
  }
}

/// The value below which a part of the sorted numbers lies, between two of them in proportion.
///
/// - Precondition: `sorted` is not empty.
package func quantile(_ part: Double, of sorted: [Double]) -> Double {
  let position = part * Double(sorted.count - 1)
  let low = Int(position)
  let high = min(low + 1, sorted.count - 1)
  return sorted[low] + (sorted[high] - sorted[low]) * (position - Double(low))
}

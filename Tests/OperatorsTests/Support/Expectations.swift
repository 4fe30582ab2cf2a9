import GraphIR
import Operators
import Tensors
import Testing

/// A tensor as a test's own formula gives it, in double.
struct Expected: Sendable {
  var shape: Shape
  var values: [Double]

  init(_ shape: Shape, _ values: [Double]) {
    precondition(shape.count == values.count)
    self.shape = shape
    self.values = values
  }
}

extension OperatorRunner {
  /// Expects that every setting gives outputs within `absolute + relative · |expected|` of the expected ones.
  func expect(
    _ inputs: [Tensor?], constants: Set<Int> = [], gives expected: [Expected], relative: Double = 1e-5,
    absolute: Double = 1e-6, settings: [Setting] = Setting.all, _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for setting in settings {
      do {
        let actual = try run(inputs, constants: constants, on: setting)
        for (index, (a, e)) in zip(actual, expected).enumerated() {
          if let difference = difference(a, e, relative: relative, absolute: absolute) {
            Issue.record("\(name)(\(version)) \(comment) [\(setting)] output \(index): \(difference)", sourceLocation: sourceLocation)
            return
          }
        }
        #expect(actual.count == expected.count, "\(name) \(comment) [\(setting)]", sourceLocation: sourceLocation)
      } catch {
        Issue.record("\(name)(\(version)) \(comment) [\(setting)]: \(error)", sourceLocation: sourceLocation)
        return
      }
    }
  }

  /// Expects that every setting gives exactly these outputs (all NaNs are alike).
  func expect(
    _ inputs: [Tensor?], constants: Set<Int> = [], equals expected: [Tensor], settings: [Setting] = Setting.all,
    _ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for setting in settings {
      do {
        let actual = try run(inputs, constants: constants, on: setting)
        #expect(actual.count == expected.count, "\(name) \(comment) [\(setting)]", sourceLocation: sourceLocation)
        for (index, (a, e)) in zip(actual, expected).enumerated() {
          guard a.dataType == e.dataType, a.shape == e.shape else {
            Issue.record(
              "\(name)(\(version)) \(comment) [\(setting)] output \(index) is \(a.dataType)\(a.shape), not \(e.dataType)\(e.shape)",
              sourceLocation: sourceLocation)
            return
          }
          let equal = a.strings == e.strings && a.withUnsafeBytes { x in e.withUnsafeBytes { y in x.elementsEqual(y) } }
          guard equal || (a.doubles.map { zip($0, e.doubles!).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) } } ?? false)
          else {
            Issue.record(
              "\(name)(\(version)) \(comment) [\(setting)] output \(index) is \(a.preview), not \(e.preview)",
              sourceLocation: sourceLocation)
            return
          }
        }
      } catch {
        Issue.record("\(name)(\(version)) \(comment) [\(setting)]: \(error)", sourceLocation: sourceLocation)
        return
      }
    }
  }

  /// Expects that the node is refused with an `OperatorError` of this kind, whatever the setting.
  func expectRefusal(
    _ inputs: [Tensor?], constants: Set<Int> = [], as kind: OperatorError.Kind = .invalid, _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    do {
      let outputs = try run(inputs, constants: constants)
      Issue.record("\(name) \(comment) gave \(outputs.map(\.shape)) instead of an error", sourceLocation: sourceLocation)
    } catch {
      #expect(error.operatorError?.kind == kind, "\(name) \(comment): \(error)", sourceLocation: sourceLocation)
    }
  }
}

/// The first element that differs by more than allowed, in words.
func difference(_ actual: Tensor, _ expected: Expected, relative: Double, absolute: Double) -> String? {
  guard actual.shape == expected.shape else { return "the shape is \(actual.shape), not \(expected.shape)" }
  guard let values = actual.doubles else { return "the type is \(actual.dataType)" }
  for (index, (a, e)) in zip(values, expected.values).enumerated() {
    if a == e || (a.isNaN && e.isNaN) { continue }
    guard abs(a - e) <= absolute + relative * abs(e) else {
      return "element \(index) of \(actual.shape) is \(a), not \(e)"
    }
  }
  return nil
}

extension Tensor {
  /// The elements as doubles; nil for types without a Swift twin.
  var doubles: [Double]? {
    switch dataType {
    case .float32: elements(as: Float.self).map(Double.init)
    case .float64: elements(as: Double.self)
    case .int64: elements(as: Int64.self).map(Double.init)
    case .uint64: elements(as: UInt64.self).map(Double.init)
    default: integers.map { $0.map(Double.init) }
    }
  }

  fileprivate var preview: String { doubles.map { "\($0.prefix(16))" } ?? "\(dataType)" }

  /// Float values given as doubles.
  init(floats values: [Double], _ shape: Shape) { self.init(values.map { Float($0) }, shape: shape) }
}

import Tensors

/// How far a tensor is from what it should be.
public struct TensorComparison: Sendable, Encodable {
  public var name: String
  public var type: String
  public var shape: [Int]
  /// The largest difference of two elements.
  public var maximumError: Double
  /// `maximumError` as a part of the reference's largest magnitude.
  public var maximumRelative: Double
  /// The root of the mean squared difference, as a part of the reference's root mean square.
  public var rmsRelative: Double
  public var cosine: Double
  /// Peak signal-to-noise ratio in dB, the peak being the reference's range of values; nil when nothing differs.
  public var psnr: Double?
  /// Elements of which one is NaN or infinite and the other is not, or is so otherwise.
  public var unlikeNonFinite: Int
  /// What cannot be compared: another type or shape.
  public var mismatch: String?

  /// Compares `tensor` with `reference`, element by element, in double.
  public init(_ name: String, _ tensor: Tensor, reference: Tensor) {
    self.name = name
    type = tensor.dataType.description
    shape = tensor.shape.dims
    maximumError = 0
    maximumRelative = 0
    rmsRelative = 0
    cosine = 1
    unlikeNonFinite = 0
    guard tensor.dataType == reference.dataType else {
      mismatch = "it is of type \(tensor.dataType), the reference of type \(reference.dataType)"
      return
    }
    guard tensor.shape == reference.shape else {
      mismatch = "it is of shape \(tensor.shape), the reference of shape \(reference.shape)"
      return
    }
    guard let values = tensor.doubles, let expected = reference.doubles else {
      let differing = zip(tensor.strings, reference.strings).count { $0 != $1 }
      if differing > 0 { mismatch = "\(differing) of \(tensor.count) strings differ" }
      return
    }
    measure(values, expected)
  }

  private mutating func measure(_ values: [Double], _ expected: [Double]) {
    var squaredError = 0.0, squaredValue = 0.0, squaredReference = 0.0, product = 0.0
    var largest = 0.0, low = Double.infinity, high = -Double.infinity
    for (value, reference) in zip(values, expected) {
      guard value.isFinite, reference.isFinite else {
        if !(value == reference || (value.isNaN && reference.isNaN)) { unlikeNonFinite += 1 }
        continue
      }
      let difference = value - reference
      maximumError = max(maximumError, difference.magnitude)
      squaredError += difference * difference
      squaredValue += value * value
      squaredReference += reference * reference
      product += value * reference
      largest = max(largest, reference.magnitude)
      low = min(low, reference)
      high = max(high, reference)
    }
    func part(_ error: Double, of whole: Double) -> Double { error == 0 ? 0 : whole > 0 ? error / whole : .infinity }
    maximumRelative = part(maximumError, of: largest)
    rmsRelative = part(squaredError, of: squaredReference).squareRoot()
    let norms = (squaredValue * squaredReference).squareRoot()
    cosine = norms > 0 ? product / norms : squaredError == 0 ? 1 : 0
    if squaredError > 0 {
      let peak = high > low ? high - low : max(largest, 1e-300)
      psnr = 10 * log10(peak * peak / (squaredError / Double(values.count)))
    }
  }

  /// Whether nothing but rounding separates the two: the mean and the largest error are at most `tolerance`.
  public func isWithin(_ tolerance: Double) -> Bool {
    mismatch == nil && unlikeNonFinite == 0 && rmsRelative <= tolerance && maximumRelative <= tolerance
  }
}

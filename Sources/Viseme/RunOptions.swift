/// What bounds one run.
public struct RunOptions: Sendable {
  /// Seconds after which the run ends with an error whose kind is `timeLimit`, at the next step; nil for no limit.
  public var timeLimit: Double?
  /// Stops the run from another thread, at the next step, with an error whose kind is `cancelled`.
  public var cancellation: Cancellation?

  public init(timeLimit: Double? = nil, cancellation: Cancellation? = nil) {
    self.timeLimit = timeLimit
    self.cancellation = cancellation
  }
}

extension RuntimeValue {
  /// The value as an input of that declared type takes it: one that may be absent takes any value as present.
  func wrapped(for declared: ValueType) -> RuntimeValue {
    guard case .optional(let element) = declared else { return self }
    if case .optional = self { return self }
    return .optional(self, of: element)
  }
}

/// Why inputs cannot be put together, or a report cannot be made; one line that says what to do.
public struct InspectionError: Error, Hashable, Sendable, CustomStringConvertible {
  public var description: String
  public init(_ description: String) { self.description = description }
}

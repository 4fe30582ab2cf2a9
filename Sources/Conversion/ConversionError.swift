/// Why a model cannot be converted as asked; one line that names the place and says what to do.
public struct ConversionError: Error, Hashable, Sendable, CustomStringConvertible {
  public var description: String
  public init(_ description: String) { self.description = description }
}

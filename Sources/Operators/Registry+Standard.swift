extension OperatorRegistry {
  /// All operators of this library: one line for each.
  public static let standard = OperatorRegistry([
    Identity.self,
    Reshape.self,
    ShapeOperator.self,
  ])
}

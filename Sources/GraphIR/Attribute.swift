import Tensors

/// The value of a node's attribute.
public indirect enum Attribute: Sendable {
  case int(Int)
  case float(Float)
  case string([UInt8])
  case tensor(Tensor)
  case graph(Graph)
  case type(ValueType)
  case ints([Int])
  case floats([Float])
  case strings([[UInt8]])
  case tensors([Tensor])
  case graphs([Graph])
  /// In the body of a function: the attribute of the calling node to take instead.
  case reference(String)
}

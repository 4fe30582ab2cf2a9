/// What a model file may ask for before import refuses it.
public struct ImportLimits: Hashable, Sendable {
  /// Bytes of the file, and of each external data file.
  public var fileByteCount: Int
  /// Nodes of all graphs and functions together; also the most that inlining functions may make.
  public var nodeCount: Int
  /// Levels of graphs in attributes, and of types in types.
  public var nesting: Int
  /// Bytes of one tensor.
  public var tensorByteCount: Int
  /// Bytes the structure may take while it is read: everything in the file but weights, decoded.
  public var structureByteCount: Int
  /// Bytes that all sparse tensors together may take once they are dense.
  public var densifiedByteCount: Int

  public init(
    fileByteCount: Int = 64 << 30, nodeCount: Int = 4_000_000, nesting: Int = 64, tensorByteCount: Int = 16 << 30,
    structureByteCount: Int = 4 << 30, densifiedByteCount: Int = 1 << 30
  ) {
    self.fileByteCount = fileByteCount
    self.nodeCount = nodeCount
    self.nesting = nesting
    self.tensorByteCount = tensorByteCount
    self.structureByteCount = structureByteCount
    self.densifiedByteCount = densifiedByteCount
  }

  public static let standard = ImportLimits()
}

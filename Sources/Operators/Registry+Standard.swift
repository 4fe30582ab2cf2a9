extension OperatorRegistry {
  /// All operators of this library: one line for each.
  public static let standard = OperatorRegistry([
    AveragePool.self,
    BatchNormalization.self,
    Conv.self,
    ConvTranspose.self,
    DepthToSpace.self,
    Gemm.self,
    GlobalAveragePool.self,
    GlobalMaxPool.self,
    GridSample.self,
    GroupNormalization.self,
    Identity.self,
    InstanceNormalization.self,
    LayerNormalization.self,
    LogSoftmax.self,
    LpPool.self,
    MatMul.self,
    MaxPool.self,
    RMSNormalization.self,
    Reshape.self,
    Resize.self,
    ShapeOperator.self,
    Softmax.self,
    SpaceToDepth.self,
  ])
}

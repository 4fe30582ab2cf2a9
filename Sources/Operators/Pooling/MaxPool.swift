import CKernels
import GraphIR
import Tensors

/// ONNX `MaxPool`: the largest element of each window, and where it is.
public struct MaxPool: Operator {
  public static let signatures = [Signature("MaxPool")]

  let window: SlidingWindow
  /// Whether indices count heights before widths.
  let isColumnMajor: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    window = try SlidingWindow(node)
    isColumnMajor = try node.bool("storage_order", default: false)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats.union([.int8, .uint8]))
    let dims = try window.pooledDims(context)
    let output = try context.outputType(type, dims)
    return context.node.outputs.count > 1 ? [output, try context.outputType(.int64, dims)] : [output]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy {
    context.outputs.count > 1 && context.outputs[1] != nil ? .rowMajor : .any
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context) { return kernel }
    let axes = try window.pooledAxes(context)
    let hasIndices = context.outputs.count > 1 && context.outputs[1] != nil
    let isColumnMajor = self.isColumnMajor
    let shape = try PoolingShape.make(context, axes: axes)
    switch try context.input(0).dataType {
    case .float32:
      return Kernel { operands in
        withUnsafePointer(to: shape) { shape in
          vz_max_pool_f32(
            operands.exec, shape, operands.input(0), operands.output(0),
            hasIndices ? operands.output(1) : nil, isColumnMajor)
        }
      }
    case .int8: return Self.generic(shape, hasIndices, isColumnMajor, lowest: Int8.min)
    case .uint8: return Self.generic(shape, hasIndices, isColumnMajor, lowest: UInt8.min)
    case .float64: return Self.generic(shape, hasIndices, isColumnMajor, lowest: -Double.infinity)
    case let other: throw context.unsupported("MaxPool of \(other) is not implemented")
    }
  }

  private static func generic<Element: Comparable & Sendable>(
    _ shape: vz_pooling, _ hasIndices: Bool, _ isColumnMajor: Bool, lowest: Element
  ) -> Kernel {
    Kernel { operands in
      let x = operands.input(0, as: Element.self), y = operands.output(0, as: Element.self)
      let indices = hasIndices ? operands.output(1, as: Int64.self) : nil
      let (depth, height, width) = shape.in
      var position = 0
      for plane in 0..<(shape.batch * shape.channels) {
        let (n, c) = plane.quotientAndRemainder(dividingBy: shape.channels)
        shape.forEachOutput { od, oh, ow in
          var best = lowest, found = -1
          shape.forEachInput(od, oh, ow) { d, h, w in
            let value = x[
              n * shape.x_batch + c * shape.x_channel + d * shape.x_axis.0 + h * shape.x_axis.1 + w * shape.x_axis.2]
            guard found < 0 || value > best else { return }
            best = value
            found = isColumnMajor ? (d * width + w) * height + h : (d * height + h) * width + w
          }
          y[n * shape.y_batch + c * shape.y_channel + od * shape.y_axis.0 + oh * shape.y_axis.1 + ow * shape.y_axis.2] =
            best
          indices?[position] = Int64(plane * depth * height * width + max(found, 0))
          position += 1
        }
      }
    }
  }
}

extension vz_pooling {
  /// Every output position (depth, height, width), in order.
  @inline(__always)
  func forEachOutput(_ body: (Int, Int, Int) -> Void) {
    for d in 0..<out.0 { for h in 0..<out.1 { for w in 0..<out.2 { body(d, h, w) } } }
  }

  /// Every input position that the window of an output sees, in order.
  @inline(__always)
  func forEachInput(_ d: Int, _ h: Int, _ w: Int, _ body: (Int, Int, Int) -> Void) {
    for kd in 0..<kernel.0 {
      let id = d * stride.0 - pad_before.0 + kd * dilation.0
      guard 0..<`in`.0 ~= id else { continue }
      for kh in 0..<kernel.1 {
        let ih = h * stride.1 - pad_before.1 + kh * dilation.1
        guard 0..<`in`.1 ~= ih else { continue }
        for kw in 0..<kernel.2 {
          let iw = w * stride.2 - pad_before.2 + kw * dilation.2
          guard 0..<`in`.2 ~= iw else { continue }
          body(id, ih, iw)
        }
      }
    }
  }
}

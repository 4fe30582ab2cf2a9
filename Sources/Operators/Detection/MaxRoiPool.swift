import GraphIR
import Tensors

/// ONNX `MaxRoiPool`: regions of images brought to one size, by the largest pixels of their cells.
///
/// A region is `[image, x1, y1, x2, y2]`, rounded to whole pixels, both ends included. Empty cells are 0.
public struct MaxRoiPool: Operator {
  public static let signatures = [Signature("MaxRoiPool")]

  private let height: Int
  private let width: Int
  private let scale: Float

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    guard let shape = try node.ints("pooled_shape"), shape.count == 2, shape.allSatisfy({ $0 >= 1 }) else {
      throw node.invalid("the attribute “pooled_shape” must be two positive numbers")
    }
    (height, width) = (shape[0], shape[1])
    scale = try node.float("spatial_scale", default: 1)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    try context.expectSameElementType(0, 1)
    let x = try context.dims(0, rank: 4...4), rois = try context.dims(1, rank: 2...2)
    if let columns = rois?[1].value, columns != 5 { throw context.invalid("a region has \(columns) numbers instead of 5") }
    return [
      try context.outputType(type, [rois?[0] ?? .unknown, x?[1] ?? .unknown, .fixed(height), .fixed(width)])
    ]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (input, output) = (try context.input(0), try context.output(0))
    let (type, shape, channels) = (input.dataType, input.shape, input.shape[1])
    let (regions, height, width) = (output.shape[0], height, width)
    let scale = Double(scale)
    let failure = context.invalid("a region in input 1 names an image that is not there, or is not a number")
    return .tasks(
      regions * channels, threads: context.target.threads,
      check: { operands throws(OperatorError) in
        for region in 0..<regions {
          let image = ElementAccess.double(operands.rawInput(1), region * 5, type)
          guard image >= 0, image < Double(shape[0]) else { throw failure }
        }
      }
    ) { operands, task, _ in
      let (region, channel) = task.quotientAndRemainder(dividingBy: channels)
      let (source, rois) = (operands.rawInput(0), operands.rawInput(1))
      let image = Int(ElementAccess.double(rois, region * 5, type))
      let first = (image * channels + channel) * shape[2] * shape[3]
      func edge(_ column: Int) -> Double {
        Double(ElementAccess.clamped((ElementAccess.double(rois, region * 5 + column, type) * scale).rounded(), Int32.self))
      }
      /// The pixels of cell `index` of `count` along an axis on which the region goes from `start` to `end`.
      func pixels(_ index: Int, of count: Int, _ start: Double, _ end: Double, _ extent: Int) -> Range<Int> {
        let cell = max(end - start + 1, 1) / Double(count)
        func clamped(_ edge: Double) -> Int { Int(min(max(edge + start, 0), Double(extent))) }
        let low = clamped((Double(index) * cell).rounded(.down))
        return low..<max(clamped((Double(index + 1) * cell).rounded(.up)), low)
      }
      for row in 0..<height {
        let ys = pixels(row, of: height, edge(2), edge(4), shape[2])
        for column in 0..<width {
          let xs = pixels(column, of: width, edge(1), edge(3), shape[3])
          var greatest = ys.isEmpty || xs.isEmpty ? 0 : -Double.infinity
          for y in ys {
            for x in xs { greatest = max(greatest, ElementAccess.double(source, first + y * shape[3] + x, type)) }
          }
          ElementAccess.store(greatest, operands.rawOutput(0), (task * height + row) * width + column, type)
        }
      }
    }
  }
}

import GraphIR
import Tensors

/// ONNX `RoiAlign`: regions of images brought to one size, by averages (or maxima) of interpolated samples.
///
/// Before opset 16, coordinates are not shifted by half a pixel, and regions are at least one pixel wide and high.
public struct RoiAlign: Operator {
  public static let signatures = [Signature("RoiAlign", versions: 10...Signature.newestOpset)]

  /// Samples along one side of a cell of the output: far more than any region on an image needs.
  private static let largestGrid = 1 << 16

  private let height: Int
  private let width: Int
  private let samplingRatio: Int
  private let scale: Float
  private let takesMaximum: Bool
  private let shiftsHalf: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...3)
    height = try node.int("output_height", default: 1)
    width = try node.int("output_width", default: 1)
    samplingRatio = try node.int("sampling_ratio", default: 0)
    scale = try node.float("spatial_scale", default: 1)
    guard height >= 1, width >= 1, 0...Self.largestGrid ~= samplingRatio else {
      throw node.invalid("an output of \(height) x \(width) with \(samplingRatio) samples cannot be made")
    }
    switch try node.string("mode", default: "avg") {
    case "avg": takesMaximum = false
    case "max": takesMaximum = true
    case let other: throw node.invalid("the mode “\(other)” does not exist")
    }
    let transformation = node.version < 16 ? "output_half_pixel" : "half_pixel"
    switch try node.string("coordinate_transformation_mode", default: transformation) {
    case "half_pixel": shiftsHalf = true
    case "output_half_pixel": shiftsHalf = false
    case let other: throw node.invalid("attribute “coordinate_transformation_mode” is “\(other)”")
    }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    try context.expectSameElementType(0, 1)
    _ = try context.elementType(2, in: [.int64])
    let x = try context.dims(0, rank: 4...4), rois = try context.dims(1, rank: 2...2)
    let indices = try context.dims(2, rank: 1...1)
    if let columns = rois?[1].value, columns != 4 { throw context.invalid("a region has \(columns) numbers instead of 4") }
    let count = rois?[0].value == nil ? indices?[0] ?? rois?[0] ?? .unknown : rois?[0] ?? .unknown
    try context.expectVector(2, count: count)
    return [try context.outputType(type, [count, x?[1] ?? .unknown, .fixed(height), .fixed(width)])]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (input, output) = (try context.input(0), try context.output(0))
    let (type, shape) = (input.dataType, input.shape)
    let reader = IndexReader(type: .int64, extent: shape[0], input: 2, context)
    let (regions, channels) = (output.shape[0], shape[1])
    let rows = CellAxis(cells: height, extent: shape[2], first: 1, ratio: samplingRatio, scale: scale, shiftsHalf: shiftsHalf)
    let columns = CellAxis(cells: width, extent: shape[3], first: 0, ratio: samplingRatio, scale: scale, shiftsHalf: shiftsHalf)
    let (takesMaximum, plane, cells) = (takesMaximum, shape[2] * shape[3], height * width)
    let failure = context.invalid("a region in input 1 is too large, or not a number")
    return .tasks(
      regions * channels, threads: context.target.threads,
      check: { operands throws(OperatorError) in
        for region in 0..<regions {
          _ = try reader.index(operands.rawInput(2), region)
          for axis in [rows, columns] {
            let place = axis.place(operands.rawInput(1), region, type)
            guard place.start.isFinite, place.cell.isFinite, place.cell < Double(Self.largestGrid) else { throw failure }
          }
        }
      }
    ) { operands, task, _ in
      let (region, channel) = task.quotientAndRemainder(dividingBy: channels)
      let index = Int(operands.input(2, as: Int64.self)[region])
      let image = index < 0 ? index + shape[0] : index
      let (source, first) = (operands.rawInput(0), (image * channels + channel) * plane)
      let y = rows.place(operands.rawInput(1), region, type), x = columns.place(operands.rawInput(1), region, type)
      for cell in 0..<cells {
        let (row, column) = cell.quotientAndRemainder(dividingBy: columns.cells)
        var result = 0.0, isFirst = true
        for i in 0..<y.grid {
          let v = rows.sample(y, cell: row, i)
          for j in 0..<x.grid {
            let h = columns.sample(x, cell: column, j)
            func part(_ y: Int, _ x: Int, _ weight: Double) -> Double {
              weight == 0 ? 0 : weight * ElementAccess.double(source, first + y * columns.extent + x, type)
            }
            let parts = (
              part(v.low, h.low, v.lowWeight * h.lowWeight), part(v.low, h.high, v.lowWeight * h.highWeight),
              part(v.high, h.low, v.highWeight * h.lowWeight), part(v.high, h.high, v.highWeight * h.highWeight)
            )
            if takesMaximum {
              let greatest = max(max(parts.0, parts.1), max(parts.2, parts.3))
              result = isFirst ? greatest : max(result, greatest)
              isFirst = false
            } else {
              result += parts.0 + parts.1 + parts.2 + parts.3
            }
          }
        }
        if !takesMaximum { result /= Double(max(y.grid * x.grid, 1)) }
        ElementAccess.store(result, operands.rawOutput(0), task * cells + cell, type)
      }
    }
  }
}

/// The cells of a region along one axis of the image.
private struct CellAxis: Sendable {
  let cells: Int
  let extent: Int
  /// Which of a region's four numbers is its start.
  let first: Int
  let ratio: Int
  let scale: Float
  let shiftsHalf: Bool

  /// Where a region starts, the length of its cells, and how many samples each has.
  typealias Place = (start: Double, cell: Double, grid: Int)
  typealias Sample = (low: Int, high: Int, lowWeight: Double, highWeight: Double)

  func place(_ regions: UnsafeRawPointer, _ region: Int, _ type: DataType) -> Place {
    let shift = shiftsHalf ? 0.5 : 0
    let start = ElementAccess.double(regions, region * 4 + first, type) * Double(scale) - shift
    var length = ElementAccess.double(regions, region * 4 + first + 2, type) * Double(scale) - shift - start
    if !shiftsHalf { length = max(length, 1) }
    let cell = length / Double(cells)
    let grid = ratio > 0 ? ratio : Int(ElementAccess.clamped(cell.rounded(.up), Int32.self))
    return (start, cell, max(grid, 0))
  }

  /// The two pixels around sample `index` of a cell; both weigh nothing outside of the image.
  func sample(_ place: Place, cell: Int, _ index: Int) -> Sample {
    let position = place.start + Double(cell) * place.cell + (Double(index) + 0.5) * place.cell / Double(place.grid)
    guard position >= -1, position <= Double(extent), extent > 0 else { return (0, 0, 0, 0) }
    let inside = max(position, 0)
    let low = Int(inside)
    if low >= extent - 1 { return (extent - 1, extent - 1, 1, 0) }
    return (low, low + 1, Double(low + 1) - inside, inside - Double(low))
  }
}

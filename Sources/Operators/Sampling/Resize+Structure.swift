import GraphIR
import Tensors

extension Resize {
  /// What the resize does to rows and columns of images, or nil if it does anything else or depends on data.
  ///
  /// - Parameter constants: those of the node's inputs.
  func imageTables(_ node: Node, from x: Shape, constants: [Tensor?]) -> (h: ResampleTable, w: ResampleTable)? {
    guard x.rank == 4, coordinates != .tfCropAndResize,
      let given = try? self.constants({ $0 < constants.count ? constants[$0] : nil }),
      let chosen = try? chosenAxes(rank: 4, node), let axes = try? resampledAxes(x, chosen, given, node)
    else { return nil }
    var tables: [ResampleTable] = x.dims.map(ResampleTable.identity)
    for (axis, resampled) in axes where max(resampled.input, resampled.output) <= 1 << 16 {
      tables[axis] = ResampleTable(
        resampled, coordinates, interpolation, antialias: antialias, excludesOutside: excludesOutside)
    }
    guard axes.allSatisfy({ tables[$0.axis].output == $0.axes.output }), tables[0].isIdentity, tables[1].isIdentity,
      tables.allSatisfy({ $0.isOutside == nil })
    else { return nil }
    return (tables[2], tables[3])
  }

  /// Whether every channel of every image is resampled by itself, by numbers that do not depend on data.
  public func isSpatial(_ node: Node, from x: Shape, constants: [Tensor?]) -> Bool {
    imageTables(node, from: x, constants: constants) != nil
  }
}

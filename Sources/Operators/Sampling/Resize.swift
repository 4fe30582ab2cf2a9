import CKernels
import GraphIR
import Tensors

/// ONNX `Resize` (and its forerunner `Upsample`): resampling along some axes, to given extents or by given scales.
public struct Resize: Operator {
  public static let signatures = [
    Signature("Resize", versions: 10...Signature.newestOpset), Signature("Upsample", versions: 1...9),
  ]

  let interpolation: Interpolation
  let coordinates: CoordinateMode
  let antialias: Bool
  let excludesOutside: Bool
  let extrapolationValue: Float
  let aspectRatio: AspectRatio
  /// The axes that scales, sizes and region are for; all when nil.
  public let axes: [Int]?
  /// Where the node has what; nil where it never has it.
  let regionInput: Int?
  let scalesInput: Int?
  public let sizesInput: Int?
  /// The scales of `Upsample` before opset 9.
  let fixedScales: [Float]?

  enum AspectRatio: String, Hashable, Sendable {
    case stretch = "stretch"
    case notLarger = "not_larger"
    case notSmaller = "not_smaller"
  }

  public init(_ node: NodeReader) throws(OperatorError) {
    let isUpsample = node.node.operatorName == "Upsample"
    let isOld = isUpsample || node.version < 11
    if isOld {
      try node.expectInputs(isUpsample && node.version < 9 ? 1...1 : 2...2)
    } else {
      try node.expectInputs((node.version < 13 ? 3 : 1)...4)
    }
    fixedScales = isUpsample && node.version < 9 ? try Self.attributeScales(node) : nil
    scalesInput = isOld ? (fixedScales == nil ? 1 : nil) : node.hasInput(2) ? 2 : nil
    regionInput = !isOld && node.hasInput(1) ? 1 : nil
    sizesInput = !isOld && node.hasInput(3) ? 3 : nil
    coordinates = try Self.choice(
      node, "coordinate_transformation_mode", default: isOld ? CoordinateMode.asymmetric : .halfPixel)
    let rounding = try Self.choice(
      node, "nearest_mode", default: isOld ? Interpolation.Rounding.floor : .preferFloor)
    switch try node.string("mode", default: "nearest") {
    case "nearest": interpolation = .nearest(rounding)
    case "linear", "bilinear": interpolation = .linear
    case "cubic": interpolation = .cubic(a: try node.float("cubic_coeff_a", default: -0.75))
    case let other: throw node.invalid("attribute “mode” is “\(other)”")
    }
    antialias = try node.bool("antialias", default: false)
    excludesOutside = try node.bool("exclude_outside", default: false)
    extrapolationValue = try node.float("extrapolation_value", default: 0)
    aspectRatio = try Self.choice(node, "keep_aspect_ratio_policy", default: .stretch)
    axes = try node.ints("axes")
  }

  /// The scales of all axes; before opset 7, of the last two of four.
  private static func attributeScales(_ node: NodeReader) throws(OperatorError) -> [Float] {
    guard node.version < 7 else { return try node.floats("scales") ?? [] }
    guard let height = try node.float("height_scale"), let width = try node.float("width_scale") else {
      throw node.invalid("the attributes “height_scale” and “width_scale” are missing")
    }
    return [1, 1, height, width]
  }

  private static func choice<Choice: RawRepresentable<String>>(
    _ node: NodeReader, _ name: String, default fallback: Choice
  ) throws(OperatorError) -> Choice {
    guard let text = try node.string(name) else { return fallback }
    guard let choice = Choice(rawValue: text) else { throw node.invalid("attribute “\(name)” is “\(text)”") }
    return choice
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.tensor(0).dataType
    guard let dims = try context.tensor(0).dims else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
    let rank = dims.count
    let chosen = try chosenAxes(rank: rank, context.node)
    let constants = try constants(context.constant)
    let isKnown = constants.scales != nil || constants.sizes != nil
    func isGiven(_ input: Int?) -> Bool { input.map { context.has($0) && context.constant($0)?.count != 0 } ?? false }
    guard isKnown || isGiven(scalesInput) || isGiven(sizesInput) else {
      throw context.invalid("neither scales nor sizes are given")
    }
    var result = dims
    guard isKnown else {
      for axis in chosen { result[axis] = .unknown }
      return [.tensor(TensorType(type, result))]
    }
    if let shape = TensorType(nil, dims).shape {
      for (axis, resampled) in try resampledAxes(shape, chosen, constants, context.node) {
        result[axis] = .fixed(resampled.output)
      }
    } else {
      for (place, axis) in chosen.enumerated() {
        if let sizes = constants.sizes, sizes.count == chosen.count, aspectRatio == .stretch {
          result[axis] = .fixed(sizes[place])
        } else if let scales = constants.scales, scales.count == chosen.count {
          guard scales[place] != 1 else { continue }
          result[axis] = .unknown
          if let extent = dims[axis].value { result[axis] = .fixed(try Self.scaled(extent, scales[place], context.node)) }
        } else {
          result[axis] = .unknown
        }
      }
    }
    return [try context.outputType(type, result)]
  }

  /// What the node's small inputs say.
  struct Constants {
    var region: [Float]?
    var scales: [Float]?
    var sizes: [Int]?
  }

  func constants(_ constant: (Int) -> Tensor?) throws(OperatorError) -> Constants {
    var result = Constants()
    func floats(_ tensor: Tensor) -> [Float]? {
      switch tensor.dataType {
      case .float32: tensor.elements(as: Float.self)
      case .float64: tensor.elements(as: Double.self).map { Float($0) }
      default: nil
      }
    }
    result.region = regionInput.flatMap(constant).flatMap(floats)
    result.scales = fixedScales ?? scalesInput.flatMap(constant).flatMap(floats)
    result.sizes = sizesInput.flatMap(constant).flatMap(\.integers)
    // Exporters leave the unused one of both empty.
    if result.scales?.isEmpty == true, fixedScales == nil { result.scales = nil }
    if result.sizes?.isEmpty == true { result.sizes = nil }
    return result
  }

  func chosenAxes(rank: Int, _ node: Node) throws(OperatorError) -> [Int] {
    guard let axes else { return Array(0..<rank) }
    var chosen: [Int] = []
    for axis in axes {
      let resolved = axis < 0 ? axis + rank : axis
      guard 0..<rank ~= resolved, !chosen.contains(resolved) else {
        throw OperatorError(.invalid, node: node.label, "attribute “axes” is \(axes) for an input of rank \(rank)")
      }
      chosen.append(resolved)
    }
    return chosen
  }

  private static func scaled(_ extent: Int, _ scale: Float, _ node: Node) throws(OperatorError) -> Int {
    guard scale.isFinite, scale > 0 else {
      throw OperatorError(.invalid, node: node.label, "a scale is \(scale); it must be positive")
    }
    let result = (Float(extent) * scale).rounded(.down)
    guard result < Float(SlidingWindow.largestExtent) else {
      throw OperatorError(.tooLarge, node: node.label, "an extent of \(extent) scaled by \(scale) is too large")
    }
    return Int(result)
  }

  /// The axes to resample, with their extents.
  func resampledAxes(
    _ shape: Shape, _ chosen: [Int], _ constants: Constants, _ node: Node
  ) throws(OperatorError) -> [(axis: Int, axes: ResampledAxis)] {
    func invalid(_ reason: String) -> OperatorError { OperatorError(.invalid, node: node.label, reason) }
    var result: [(axis: Int, axes: ResampledAxis)] = []
    guard chosen.allSatisfy({ shape[$0] < SlidingWindow.largestExtent }) else {
      throw OperatorError(.tooLarge, node: node.label, "an input of shape \(shape) is too large")
    }
    if let sizes = constants.sizes {
      guard sizes.count == chosen.count, sizes.allSatisfy({ 0..<SlidingWindow.largestExtent ~= $0 }) else {
        throw invalid("the sizes are \(sizes) for \(chosen.count) axes of an input of shape \(shape)")
      }
      var ratio: Double?
      if aspectRatio != .stretch {
        let ratios = chosen.indices.map { Double(sizes[$0]) / Double(max(shape[chosen[$0]], 1)) }
        ratio = aspectRatio == .notLarger ? ratios.min() : ratios.max()
      }
      for (place, axis) in chosen.enumerated() {
        var resampled = ResampledAxis(input: shape[axis], output: sizes[place])
        if let ratio {
          let extent = (ratio * Double(shape[axis]) + 0.5).rounded(.down)
          guard extent < Double(SlidingWindow.largestExtent) else { throw invalid("the sizes \(sizes) are too large") }
          resampled.output = Int(extent)
          resampled.givenScale = ratio
        }
        result.append((axis, resampled))
      }
    } else if let scales = constants.scales {
      guard scales.count == chosen.count else {
        throw invalid("the scales are \(scales) for \(chosen.count) axes of an input of shape \(shape)")
      }
      for (place, axis) in chosen.enumerated() {
        let output = try Self.scaled(shape[axis], scales[place], node)
        result.append((axis, ResampledAxis(input: shape[axis], output: output, givenScale: Double(scales[place]))))
      }
    } else {
      throw invalid("neither scales nor sizes are given")
    }
    guard result.allSatisfy({ $0.axes.input > 0 || $0.axes.output == 0 }) else {
      throw invalid("an input of shape \(shape) has nothing to resample")
    }
    if coordinates == .tfCropAndResize {
      guard let region = constants.region, region.count == 2 * chosen.count,
        region.allSatisfy({ abs($0) <= 1e6 })
      else {
        throw invalid("tf_crop_and_resize needs a region of \(2 * chosen.count) finite numbers in input 1")
      }
      for place in chosen.indices {
        result[place].axes.region = .init(begin: Double(region[place]), end: Double(region[place + chosen.count]))
      }
    }
    return result
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy {
    guard let x = context.inputs.first ?? nil, (3...5).contains(x.shape.rank), coordinates != .tfCropAndResize,
      let constants = try? constants({ $0 < context.inputs.count ? context.inputs[$0]?.constant : nil }),
      let chosen = try? chosenAxes(rank: x.shape.rank, context.node),
      let axes = try? resampledAxes(x.shape, chosen, constants, context.node)
    else { return .rowMajor }
    // Images and channels stay as they are, so that only pixels are mixed.
    let isSpatial = axes.allSatisfy { $0.axis >= 2 || ($0.axes.input == $0.axes.output && ($0.axes.givenScale ?? 1) == 1) }
    return isSpatial ? .any : .rowMajor
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    // Nearest elements move as they are, whatever they are.
    let converted = interpolation.isNearest ? Widening.narrow : Widening.floats.union(DataType.wholeIntegers)
    if let kernel = try Widening.kernel(self, context, of: converted, inputs: [0]) { return kernel }
    let x = try context.input(0), y = try context.output(0)
    let constants = try constants(context.constant)
    let unread = Set((1..<max(context.inputs.count, 1)).filter { context.has($0) })
    for input in unread where context.constant(input) == nil {
      throw context.unsupported("scales, sizes and region must be known before the run")
    }
    let chosen = try chosenAxes(rank: x.shape.rank, context.node)
    let axes = try resampledAxes(x.shape, chosen, constants, context.node)
    for (axis, resampled) in axes where y.shape[axis] != resampled.output {
      throw context.invalid("the output has shape \(y.shape), but axis \(axis) must be \(resampled.output)")
    }
    guard y.count > 0 else { return Kernel(unreadInputs: unread) { _ in } }
    var tables: [(axis: Int, table: ResampleTable)] = []
    guard axes.allSatisfy({ max($0.axes.input, $0.axes.output) <= 1 << 24 }) else {
      throw context.unsupported("resizing \(x.shape) to \(y.shape) is not implemented")
    }
    for (axis, resampled) in axes {
      let table = ResampleTable(
        resampled, coordinates, interpolation, antialias: antialias, excludesOutside: excludesOutside)
      if !table.isIdentity { tables.append((axis, table)) }
    }
    let run = try ResampleRun(
      x: x, y: y, tables: tables, isNearest: interpolation.isNearest, fill: extrapolationValue, context)
    return run.kernel(unread: unread)
  }
}

extension Interpolation {
  var isNearest: Bool {
    guard case .nearest = self else { return false }
    return true
  }
}

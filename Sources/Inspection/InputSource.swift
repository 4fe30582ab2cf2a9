import Files
import GraphIR
import NumPyFormat
import ONNXFormat
import Tensors
import Viseme

/// Where a model's inputs come from: recorded values, files, or random numbers.
public struct InputSource: Sendable {
  /// A folder with `input_0.pb` and so on, in the order of the model's inputs.
  public var folder: String?
  /// Files (`.npy`, `.npz`, `.pb`) with the input each holds; nil for the next input that has none, or for the names
  /// that an archive gives its arrays.
  public var files: [(input: String?, path: String)] = []
  /// Seed of random contents for the inputs that nothing else gives; nil to refuse those.
  public var seed: UInt64?
  /// Shapes of random inputs that the model leaves open, and values of the extents it names.
  public var shapes: [String: Shape] = [:]
  /// Bytes that all inputs may take together.
  public var byteLimit = 16 << 30

  public init() {}

  /// The inputs of `model` in its order; throws for a model that wants others than tensors.
  public func tensors(for model: Model) throws -> [Tensor] {
    var tensors: [Tensor] = []
    for (value, input) in zip(try values(for: model), model.inputValues) {
      guard let tensor = value.tensor else {
        throw InspectionError("\(model.name): the input “\(input.name)” is \(input.type); only “viseme run” takes such inputs")
      }
      tensors.append(tensor)
    }
    return tensors
  }

  /// The inputs of `model` in its order.
  public func values(for model: Model) throws -> [RuntimeValue] {
    var given: [String: RuntimeValue] = [:]
    if let folder {
      for (index, input) in model.inputValues.enumerated() {
        given[input.name] = try ONNXValueFile.load(path: "\(folder)/input_\(index).pb", type: input.type).value
      }
    }
    for file in files { try read(file.path, for: file.input, model, &given) }
    try checkNames(of: shapes, model)
    var numbers = SeededNumbers(seed: seed ?? 0)
    var values: [RuntimeValue] = []
    var budget = byteLimit
    for (name, valueType) in model.inputValues {
      if let value = given[name] {
        values.append(value.forRunning)
        continue
      }
      guard seed != nil else {
        throw InspectionError(
          "\(model.name): the input “\(name)” (\(valueType)) is not given; use --input-dir, --inputs \(name)=FILE or --random SEED"
        )
      }
      guard let type = valueType.tensor else {
        throw InspectionError(
          "\(model.name): the input “\(name)” is \(valueType), which is not made at random; give it with --inputs \(name)=FILE.pb")
      }
      let shape = try self.shape(of: name, type, model)
      let dataType = type.dataType ?? .float32
      guard let count = shape.checkedCount, let byteCount = dataType.byteCount(of: count), byteCount <= budget else {
        throw InspectionError("\(model.name): the input “\(name)” of shape \(shape) does not fit the memory limit")
      }
      budget -= byteCount
      values.append(.tensor(Tensor.random(dataType, shape, &numbers)))
    }
    return values
  }

  /// The types of the inputs when only shapes matter; nil when the model leaves some open and none is given.
  public func types(for model: Model) throws -> [TensorType]? {
    try checkNames(of: shapes, model)
    var types: [TensorType] = []
    for (name, type) in model.inputs {
      guard let shape = knownShape(of: name, type) else { return nil }
      types.append(TensorType(type.dataType ?? .float32, shape))
    }
    return types
  }

  private func knownShape(of name: String, _ type: TensorType) -> Shape? {
    if let shape = shapes[name] { return shape }
    guard let dims = type.dims else { return nil }
    var extents: [Int] = []
    for dim in dims {
      switch dim {
      case .fixed(let extent): extents.append(extent)
      case .symbol(let symbol):
        guard let value = shapes[symbol], value.rank == 1 else { return nil }
        extents.append(value[0])
      case .unknown: return nil
      }
    }
    return Shape(extents)
  }

  private func shape(of name: String, _ type: TensorType, _ model: Model) throws(InspectionError) -> Shape {
    if let shape = knownShape(of: name, type) { return shape }
    let example = type.dims.map { $0.map { $0.value.map(String.init) ?? "N" }.joined(separator: ",") } ?? "1,3,224,224"
    throw InspectionError(
      "\(model.name): the input “\(name)” is \(type): its extents are open, or more than memory holds; say them with --shape \(name)=\(example)")
  }

  private func checkNames(of shapes: [String: Shape], _ model: Model) throws(InspectionError) {
    let inputs = model.inputs
    for name in shapes.keys.sorted() {
      let isExtent = inputs.contains { $0.type.dims?.contains(.symbol(name)) ?? false }
      guard isExtent || inputs.contains(where: { $0.name == name }) else {
        throw InspectionError(
          "\(model.name): --shape names “\(name)”, which is neither an input nor an extent of one; there are "
            + inputs.map { "\($0.name) (\($0.type))" }.joined(separator: ", "))
      }
    }
  }

  private func read(
    _ path: String, for input: String?, _ model: Model, _ given: inout [String: RuntimeValue]
  ) throws {
    let names = model.inputs.map(\.name)
    func place(_ value: RuntimeValue, _ name: String) throws(InspectionError) {
      guard names.contains(name) else {
        throw InspectionError(
          "\(path): the model has no input “\(name)”; there are \(names.joined(separator: ", "))")
      }
      guard given.updateValue(value, forKey: name) == nil else {
        throw InspectionError("\(path): the input “\(name)” is given twice")
      }
    }
    func next() throws(InspectionError) -> String {
      guard let name = names.first(where: { given[$0] == nil }) else {
        throw InspectionError("\(path): all \(names.count) inputs of the model are given already")
      }
      return name
    }
    if path.hasSuffix(".npz") {
      let arrays = try NumPyArchive.load(path: path, byteLimit: byteLimit)
      if let input {
        guard arrays.count == 1 else {
          throw InspectionError("\(path): it holds \(arrays.count) arrays; name the file alone, or one .npy for “\(input)”")
        }
        return try place(.tensor(arrays[0].tensor), input)
      }
      // numpy.savez calls arrays without a name arr_0, arr_1, ….
      for (index, array) in arrays.enumerated() {
        try place(.tensor(array.tensor), array.name == "arr_\(index)" && !names.contains(array.name) ? next() : array.name)
      }
      return
    }
    if path.hasSuffix(".pb") {
      // What the file holds is said by its input alone; a name inside a tensor may say which input that is.
      let name = try input ?? next()
      let type = model.inputValues.first { $0.name == name }?.type ?? .unknown
      if input == nil, type.tensor != nil, let file = try? ONNXTensorFile.load(path: path), names.contains(file.name) {
        return try place(.tensor(file.tensor), file.name)
      }
      return try place(try ONNXValueFile.load(path: path, type: type).value, name)
    }
    guard path.hasSuffix(".npy") else {
      throw InspectionError("\(path): the name must end in .npy, .npz or .pb, so that its format is known")
    }
    try place(.tensor(try NumPyArray.load(path: path, byteLimit: byteLimit)), input ?? next())
  }
}

extension RuntimeValue {
  /// The value with all tensors as `Tensor.forRunning` says.
  fileprivate var forRunning: RuntimeValue {
    switch self {
    case .tensor(let tensor): .tensor(tensor.forRunning)
    case .sequence(let elements, let type): .sequence(elements.map(\.forRunning), of: type)
    case .optional(let value, let type): .optional(value?.forRunning, of: type)
    }
  }
}

extension Tensor {
  /// The tensor itself, or a copy where its bytes do not start at a multiple of what kernels like best.
  var forRunning: Tensor {
    guard dataType != .string, !isAligned(to: TensorBuffer.alignment) else { return self }
    var copy = Tensor(dataType, shape)
    copy.withUnsafeMutableBytes { target in withUnsafeBytes { target.copyMemory(from: $0) } }
    return copy
  }
}

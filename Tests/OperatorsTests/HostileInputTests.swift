import GraphIR
import Operators
import Tensors
import Testing

/// Whatever attributes and shapes a model claims, operators answer with outputs or with an error, and never trap.
@Suite struct HostileInputTests {
  private static let numbers = [0, 1, 1, 1, 2, 2, 3, 4, -1, -2, 7, 1 << 31, 1 << 40, Int.max, Int.min]

  /// Attributes that say something to the operator, with values of their type.
  private static let attributes: [String: [String]] = [
    "Conv": ["group:i", "strides:is", "pads:is", "dilations:is", "kernel_shape:is", "auto_pad:p"],
    "ConvTranspose": [
      "group:i", "strides:is", "pads:is", "dilations:is", "kernel_shape:is", "auto_pad:p", "output_padding:is",
      "output_shape:is",
    ],
    "MaxPool": ["strides:is", "pads:is", "dilations:is", "kernel_shape:ks", "auto_pad:p", "ceil_mode:i", "storage_order:i"],
    "AveragePool": ["strides:is", "pads:is", "dilations:is", "kernel_shape:ks", "auto_pad:p", "ceil_mode:i"],
    "LpPool": ["strides:is", "pads:is", "dilations:is", "kernel_shape:ks", "auto_pad:p", "p:i"],
    "MaxUnpool": ["strides:is", "pads:is", "kernel_shape:ks"], "GlobalAveragePool": [], "GlobalMaxPool": [],
    "GlobalLpPool": ["p:i"], "Gemm": ["transA:i", "transB:i", "alpha:f"], "MatMul": [],
    "BatchNormalization": ["epsilon:f", "training_mode:b"], "InstanceNormalization": [],
    "GroupNormalization": ["num_groups:i"], "LayerNormalization": ["axis:i"], "RMSNormalization": ["axis:i"],
    "LRN": ["size:i"], "MeanVarianceNormalization": ["axes:is"], "Softmax": ["axis:i"], "LogSoftmax": ["axis:i"],
    "Resize": ["mode:r", "coordinate_transformation_mode:c", "axes:is", "antialias:b"], "GridSample": ["mode:r"],
    "DepthToSpace": ["blocksize:i"], "SpaceToDepth": ["blocksize:i"],
    "LSTM": ["hidden_size:i", "layout:i", "clip:f"], "GRU": ["hidden_size:i", "layout:i"], "RNN": ["hidden_size:i"],
  ]

  private func attribute(_ kind: Substring, rank: Int, _ random: inout RandomSource) -> Attribute {
    func list(_ count: Int) -> Attribute { .ints((0..<count).map { _ in random.pick(Self.numbers) }) }
    func text(_ choices: [String]) -> Attribute { .string(Array(random.pick(choices).utf8)) }
    switch kind {
    case "i": return .int(random.pick(Self.numbers))
    case "b": return .int(random.int(0...1))
    case "f": return .float(random.pick([0, 1, -1, 1e-5, .infinity, .nan, 1e30]))
    case "p": return text(["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "x"])
    case "r": return text(["nearest", "linear", "cubic"])
    case "c": return text(["half_pixel", "align_corners", "tf_crop_and_resize", "asymmetric", "half_pixel_symmetric"])
    case "ks": return .ints((0..<max(rank - 2, 0)).map { _ in random.pick([1, 2, 3, 1, 2, 0, 1 << 24]) })
    default: return list(random.pick([max(rank - 2, 0), max(rank - 2, 0), 2 * max(rank - 2, 0), 1, 0, 9]))
    }
  }

  private func runner(_ name: String, rank: Int, _ random: inout RandomSource) -> OperatorRunner {
    var chosen: [String: Attribute] = [:]
    for entry in Self.attributes[name]! {
      let parts = entry.split(separator: ":")
      if parts[1] == "ks" || random.int(0...2) == 0 { chosen[String(parts[0])] = attribute(parts[1], rank: rank, &random) }
    }
    return OperatorRunner(name, version: 23, attributes: chosen)
  }

  private func inputCount(_ name: String) -> Int {
    switch name {
    case "Conv", "ConvTranspose", "Gemm", "InstanceNormalization", "GroupNormalization", "LayerNormalization": 3
    case "MatMul", "RMSNormalization", "GridSample", "MaxUnpool": 2
    case "BatchNormalization": 5
    case "Resize": 4
    case "LSTM", "GRU", "RNN": 3
    default: 1
    }
  }

  @Test(arguments: attributes.keys.sorted()) func smallTensorsRunOrAreRefused(name: String) {
    for seed in 0..<150 {
      var random = RandomSource(seed: seed)
      let rank = random.int(0...5)
      let runner = runner(name, rank: rank, &random)
      let inputs: [Tensor?] = (0..<inputCount(name)).map { index in
        if index > 1, random.int(0...3) == 0 { return nil }
        let own = index == 0 || random.bool() ? rank : random.int(0...3)
        let shape = Shape((0..<own).map { _ in random.pick([0, 1, 1, 2, 2, 3, 4]) })
        if name == "Resize", index == 3 { return Tensor(shape.dims.map(Int64.init)) }
        if name == "MaxUnpool", index == 1 { return random.tensor(shape, in: -3...30 as ClosedRange<Int64>) }
        return random.tensor(shape)
      }
      do {
        _ = try runner.run(inputs, constants: Set(1..<max(inputs.count, 2)), on: .reference)
      } catch {
        let isFair = error.operatorError != nil || error.description.contains("leaves output")
        #expect(isFair, "\(name), seed \(seed): \(error)")
      }
    }
  }

  /// The operand, unless its extents are not known or no run could ever hold it.
  private func operand(_ type: TensorType, _ constant: Tensor?) -> Operand? {
    guard let shape = type.shape, let count = Shape(shape.dims.map { max($0, 1) }).checkedCount, count <= 1 << 42,
      shape.dims.allSatisfy({ $0 <= 1 << 20 })
    else { return nil }
    return Operand(dataType: type.dataType ?? .float32, shape: shape, constant: constant)
  }

  @Test(arguments: attributes.keys.sorted()) func hugeShapesAreInferredOrRefused(name: String) {
    for seed in 0..<150 {
      var random = RandomSource(seed: seed)
      let rank = random.int(1...5)
      let runner = runner(name, rank: rank, &random)
      let count = inputCount(name), node = runner.makeNode(inputCount: count)
      guard let operation = try? OperatorRegistry.standard.implementation(of: node) else { continue }
      let inputs: [InferenceContext.Input?] = (0..<count).map { index in
        let own = index == 0 || random.bool() ? rank : random.int(0...3)
        let extents = [0, 1, 2, 3, 1 << 20, 1 << 31, 1 << 40, 1 << 62, Int.max]
        let dims = (0..<own).map { _ in random.int(0...8) == 0 ? .unknown : Dimension.fixed(random.pick(extents)) }
        let type: DataType = name == "MaxUnpool" && index == 1 ? .int64 : .float32
        let isSizes = name == "Resize" && index == 3
        let sizes = Tensor((0..<rank).map { _ in Int64(random.pick(Self.numbers)) })
        return .init(
          type: .tensor(isSizes ? TensorType(.int64, sizes.shape) : TensorType(type, dims)), constant: isSizes ? sizes : nil)
      }
      guard let types = try? operation.infer(InferenceContext(node: node, inputs: inputs)) else { continue }
      for type in types {
        guard let shape = type.tensor?.shape else { continue }
        #expect(shape.checkedCount != nil, "\(name), seed \(seed): \(shape)")
      }
      // Kernels of large operands can be asked for, or are refused; nothing of that size is ever allocated.
      let operands = inputs.map { input in input?.type.tensor.flatMap { operand($0, input?.constant) } }
      let results = types.prefix(1).map { $0.tensor.flatMap { operand($0, nil) } }
      guard !operands.contains(where: { $0 == nil }), results.first.map({ $0 != nil }) ?? false else { continue }
      _ = try? operation.kernel(
        KernelContext(
          node: node, inputs: operands, outputs: results, target: Target(threads: 2), weights: WeightCache(names: [])))
    }
  }

  /// An empty name stands for an input that is absent.
  @Test(arguments: [("Add", 2), ("Max", 3), ("Concat", 2), ("MatMul", 2), ("Where", 3), ("Relu", 1)])
  func requiredInputsMustBeThere(name: String, count: Int) {
    for absent in 0..<count {
      let inputs = (0..<count).map { index -> ValueID? in index == absent ? nil : ValueID(index: index) }
      let node = Node(
        operatorName: name, version: 13, inputs: inputs, outputs: [ValueID(index: count)], attributes: ["axis": .int(0)])
      #expect(throws: OperatorError.self, "\(name) without input \(absent)") {
        try OperatorRegistry.standard.implementation(of: node)
      }
    }
  }
}

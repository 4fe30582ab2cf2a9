import CKernels
import GraphIR
import Operators
import Tensors

/// One run of one node's kernel over guarded, poisoned memory.
struct Run {
  let node: Node
  let implementation: any Operator
  let inputs: [Tensor?]
  let constants: Set<Int>
  /// Which outputs the node names.
  let wanted: [Bool]
  let outputTypes: [TensorType]
  let setting: OperatorRunner.Setting

  func outputs() throws(RunnerError) -> [Tensor] {
    let (sources, results) = try operands()
    let target = Target(level: setting.level, threads: setting.threads, isReference: setting.isReference)
    let cache = WeightCache(names: (0..<(inputs.count + wanted.count)).map { "value\($0)" })
    let context = KernelContext(node: node, inputs: sources, outputs: results, target: target, weights: cache)
    let kernel = try wrap { () throws(OperatorError) in try implementation.kernel(context) }
    switch kernel.effect {
    case .view(let input, let byteOffset):
      let operand = sources[input]!, result = results[0]!
      let block = Block(operand, holding: inputs[input]!)
      guard byteOffset + result.byteCount <= operand.byteCount else { throw RunnerError("the view leaves its input") }
      return [block.tensor(as: result, byteOffset: byteOffset)]
    case .compute(let body):
      let first = try execute(kernel, body, sources, results, inPlace: nil)
      let again = try execute(kernel, body, sources, results, inPlace: nil)
      guard same(first, again) else { throw RunnerError("a second run gives other bits") }
      for input in kernel.inPlaceInputs.sorted() where input < sources.count {
        guard let operand = sources[input], operand.byteCount == results[0]!.byteCount else { continue }
        guard same(first, try execute(kernel, body, sources, results, inPlace: input)) else {
          throw RunnerError("in place of input \(input) the kernel gives other bits")
        }
      }
      return first
    }
  }

  private func same(_ a: [Tensor], _ b: [Tensor]) -> Bool {
    zip(a, b).allSatisfy { x, y in
      x.withUnsafeBytes { left in y.withUnsafeBytes { right in left.elementsEqual(right) } }
    }
  }

  /// The operands with the layouts that the operator's policy and the setting lead to.
  private func operands() throws(RunnerError) -> (inputs: [Operand?], outputs: [Operand?]) {
    var sources = inputs.enumerated().map { index, tensor in
      tensor.map {
        Operand(dataType: $0.dataType, shape: $0.shape, constant: constants.contains(index) ? $0 : nil)
      }
    }
    var results: [Operand?] = []
    for (index, isWanted) in wanted.enumerated() {
      guard isWanted else { results.append(nil); continue }
      guard let type = outputTypes[index].dataType, let shape = outputTypes[index].shape else {
        throw RunnerError("infer leaves output \(index) open: \(outputTypes[index])")
      }
      results.append(Operand(dataType: type, shape: shape))
    }
    func channelsLast(_ operand: Operand) -> Layout { .channelsLast(pixelStride: operand.shape[1] + setting.padding) }
    switch implementation.layout(LayoutContext(node: node, inputs: sources, outputs: results)) {
    case .rowMajor: break
    case .channelsLast(let chosenInputs, let chosenOutputs):
      guard setting.channelsLast else { break }
      for index in chosenInputs where index < sources.count {
        sources[index] = sources[index].map { with($0, channelsLast($0)) }
      }
      for index in chosenOutputs where index < results.count {
        results[index] = results[index].map { with($0, channelsLast($0)) }
      }
    case .any:
      guard setting.channelsLast, let leader = sources.lazy.compactMap({ $0 }).first(where: { $0.constant == nil }),
        (3...5).contains(leader.shape.rank)
      else { break }
      func follow(_ operand: Operand) -> Operand {
        operand.shape.rank == leader.shape.rank ? with(operand, channelsLast(operand)) : operand
      }
      sources = sources.map { $0.map(follow) }
      results = results.map { $0.map(follow) }
    }
    return (sources, results)
  }

  private func with(_ operand: Operand, _ layout: Layout) -> Operand {
    var changed = operand
    changed.layout = layout
    return changed
  }

  private func execute(
    _ kernel: Kernel, _ body: @Sendable (Operands) throws(OperatorError) -> Void, _ sources: [Operand?],
    _ results: [Operand?], inPlace: Int?
  ) throws(RunnerError) -> [Tensor] {
    let given = sources.enumerated().map { index, operand in
      kernel.unreadInputs.contains(index) ? nil : operand.map { Block($0, holding: inputs[index]!) }
    }
    let made = results.enumerated().map { index, operand in
      operand.map { inPlace.flatMap { index == 0 ? given[$0] : nil } ?? Block(byteCount: $0.byteCount) }
    }
    let before = given.map { $0?.bytes }
    let scratch = Block(byteCount: kernel.scratchByteCount)
    let pool = setting.threads > 1 ? vz_pool_create(UInt32(setting.threads)) : nil
    defer { vz_pool_destroy(pool) }
    var exec = vz_exec()
    exec.kernels = vz_kernels_at(setting.isReference ? VZ_CPU_SCALAR : setting.level)
    exec.pool = pool
    exec.scratch = scratch.base
    exec.scratch_bytes = kernel.scratchByteCount
    let pointers = given.map { $0?.base } + made.map { $0?.base }
    // Buffers of arrays forget the type of an error before Swift 6.1.
    var failure: RunnerError?
    withExtendedLifetime(kernel.retained) {
      withUnsafePointer(to: exec) { exec in
        pointers.withUnsafeBufferPointer { pointers in
          let operands = Operands(pointers: pointers.baseAddress!, inputCount: given.count, exec: exec)
          do throws(RunnerError) {
            try wrap { () throws(OperatorError) in try body(operands) }
          } catch {
            failure = error
          }
        }
      }
    }
    if let failure { throw failure }
    for (index, block) in given.enumerated() where index != inPlace && block?.bytes != before[index] {
      throw RunnerError("the kernel changed input \(index)")
    }
    for (index, (block, operand)) in zip(made, results).enumerated() where index > 0 || inPlace == nil {
      guard let block, let operand, !block.hasUntouchedPadding(operand) else { continue }
      throw RunnerError("the kernel wrote between the pixels of output \(index)")
    }
    for (index, block) in (given + made).enumerated() where block?.isIntact == false {
      throw RunnerError("the kernel wrote outside operand \(index)")
    }
    guard scratch.isIntact else { throw RunnerError("the kernel wrote outside its scratch memory") }
    return zip(made, results).compactMap { block, operand in
      guard let block, let operand else { return nil }
      return block.tensor(as: operand, byteOffset: 0)
    }
  }
}

/// Memory with margins that must stay as they are. Fresh bytes are all ones: NaN as floats, -1 as integers.
final class Block {
  private static let margin = 256
  private let memory: UnsafeMutableRawPointer
  private let byteCount: Int

  init(byteCount: Int) {
    self.byteCount = byteCount
    memory = .allocate(byteCount: byteCount + 2 * Self.margin, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0xFF, count: byteCount + 2 * Self.margin)
  }

  /// The elements of `tensor` laid out as `operand` says.
  convenience init(_ operand: Operand, holding tensor: Tensor) {
    self.init(byteCount: operand.byteCount)
    copy(between: operand, rowMajor: UnsafeMutableRawPointer(mutating: tensor.baseAddress), toBlock: true, byteOffset: 0)
    withExtendedLifetime(tensor) {}
  }

  deinit { memory.deallocate() }

  var base: UnsafeMutableRawPointer { memory + Self.margin }
  var bytes: [UInt8] { [UInt8](UnsafeRawBufferPointer(start: base, count: byteCount)) }

  var isIntact: Bool {
    let whole = UnsafeRawBufferPointer(start: memory, count: byteCount + 2 * Self.margin)
    return whole.prefix(Self.margin).allSatisfy { $0 == 0xFF } && whole.suffix(Self.margin).allSatisfy { $0 == 0xFF }
  }

  /// Whether what lies between the pixels is as it was made.
  func hasUntouchedPadding(_ operand: Operand) -> Bool {
    guard case .channelsLast(let pixel) = operand.layout, let width = operand.dataType.elementByteCount else { return true }
    let own = operand.shape[1] * width
    guard own < pixel * width else { return true }
    let bytes = UnsafeRawBufferPointer(start: base, count: byteCount)
    return stride(from: 0, to: byteCount, by: pixel * width).allSatisfy { start in
      bytes[(start + own)..<min(start + pixel * width, byteCount)].allSatisfy { $0 == 0xFF }
    }
  }

  /// The elements, row-major again.
  func tensor(as operand: Operand, byteOffset: Int) -> Tensor {
    let buffer = TensorBuffer(byteCount: operand.dataType.byteCount(of: operand.shape.count)!)
    copy(between: operand, rowMajor: buffer.base, toBlock: false, byteOffset: byteOffset)
    return Tensor(operand.dataType, operand.shape, buffer: buffer)
  }

  private func copy(between operand: Operand, rowMajor: UnsafeMutableRawPointer, toBlock: Bool, byteOffset: Int) {
    let base = base + byteOffset
    guard operand.layout.isChannelsLast, let width = operand.dataType.elementByteCount else {
      let count = operand.dataType.byteCount(of: operand.shape.count)!
      (toBlock ? base : rowMajor).copyMemory(from: toBlock ? rowMajor : base, byteCount: count)
      return
    }
    let strides = operand.strides
    var index = [Int](repeating: 0, count: operand.shape.rank)
    for position in 0..<operand.shape.count {
      let offset = zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 } * width
      let (here, there) = (base + offset, rowMajor + position * width)
      (toBlock ? here : there).copyMemory(from: toBlock ? there : here, byteCount: width)
      for axis in index.indices.reversed() {
        index[axis] += 1
        if index[axis] < operand.shape[axis] { break }
        index[axis] = 0
      }
    }
  }
}

import CKernels
import GraphIR
import Tensors

/// A recurrent layer of fixed shapes, ready to run.
///
/// The products with the input are one product over all times; then every time step adds the product with the state
/// and goes through the gates.
struct RecurrentRun: @unchecked Sendable {
  private let layer: RecurrentLayer
  private let time: Int
  private let batch: Int
  private let inputSize: Int
  private let hidden: Int
  private let kernels: UnsafePointer<vz_kernels>
  private let inputWeights: PackedMatrix
  private let stateWeights: PackedMatrix
  /// The candidate's weights of a GRU that resets the state before the product.
  private let candidateWeights: PackedMatrix?
  private let wanted: [Bool]
  private let hasInput: [Bool]
  private let lengthType: DataType
  private let isEmpty: Bool

  /// Offsets of scratch memory.
  private struct Places: Sendable {
    var driver = 0, projected = 0, gates = 0, state = 0, cell = 0, reset = 0, bias = 0, packed = 0
  }
  private var places = Places()
  private var plan = ScratchPlan()

  init(_ layer: RecurrentLayer, _ context: KernelContext) throws(OperatorError) {
    self.layer = layer
    let x = try context.input(0).shape, r = try context.input(2).shape
    (time, batch) = layer.isBatchFirst ? (x[1], x[0]) : (x[0], x[1])
    (inputSize, hidden) = (x[2], r[2])
    kernels = context.target.kernels
    let directions = layer.isReverse.count, width = layer.cell.gates * hidden
    inputWeights = try PackedMatrix(context, input: 1, k: inputSize, n: width, count: directions, isTransposed: true)
    if layer.cell == .gru(resetsAfterProduct: false) {
      stateWeights = try PackedMatrix(
        context, input: 2, k: hidden, n: 2 * hidden, count: directions, matrixStride: width * hidden,
        isTransposed: true)
      candidateWeights = try PackedMatrix(
        context, input: 2, k: hidden, n: hidden, count: directions, offset: 2 * hidden * hidden,
        matrixStride: width * hidden, isTransposed: true)
    } else {
      stateWeights = try PackedMatrix(context, input: 2, k: hidden, n: width, count: directions, isTransposed: true)
      candidateWeights = nil
    }
    wanted = (0..<3).map { $0 < context.outputs.count && context.outputs[$0] != nil }
    hasInput = (0..<8).map { context.has($0) }
    lengthType = context.has(4) ? try context.input(4).dataType : .int32
    guard lengthType == .int32 || lengthType == .int64 else {
      throw context.invalid("input 4 (sequence lengths) holds \(lengthType) instead of int32")
    }
    isEmpty = batch == 0

    let threads = UInt32(context.target.threads)
    places.driver = plan.reserve(
      max(
        vz_gemm_scratch_bytes(time * batch, width, inputSize, threads),
        vz_gemm_scratch_bytes(batch, width, hidden, threads)))
    places.projected = plan.reserve(floats: time * batch * width)
    places.gates = plan.reserve(floats: batch * width)
    places.state = plan.reserve(floats: batch * hidden)
    places.cell = plan.reserve(floats: batch * hidden)
    places.reset = plan.reserve(floats: batch * hidden)
    places.bias = plan.reserve(floats: 2 * width)
    places.packed = plan.reserve(
      max(inputWeights.scratchByteCount, stateWeights.scratchByteCount + (candidateWeights?.scratchByteCount ?? 0)))
  }

  func kernel(_ context: KernelContext) -> Kernel {
    var unread: Set<Int> = []
    if inputWeights.constant != nil { unread.insert(1) }
    if stateWeights.constant != nil { unread.insert(2) }
    return Kernel(
      scratchByteCount: plan.byteCount,
      retained: [inputWeights.constant, stateWeights.constant, candidateWeights?.constant].compactMap { $0 },
      unreadInputs: unread
    ) { operands throws(OperatorError) in
      try run(operands)
    }
  }

  private func run(_ operands: Operands) throws(OperatorError) {
    if wanted[0], hasInput[4] || isEmpty {
      let count = time * layer.isReverse.count * batch * hidden
      operands.output(0, as: Float.self).update(repeating: 0, count: count)
    }
    guard !isEmpty else { return }
    let memory = operands.exec.pointee.scratch!
    for direction in layer.isReverse.indices {
      Direction(self, direction, operands, memory).execute()
    }
  }

  /// One direction of one run. Lives on the stack while the layer runs.
  private struct Direction {
    let run: RecurrentRun
    let direction: Int
    let operands: Operands
    let memory: UnsafeMutableRawPointer
    let projected: UnsafeMutablePointer<Float>
    let gates: UnsafeMutablePointer<Float>
    let state: UnsafeMutablePointer<Float>
    let cell: UnsafeMutablePointer<Float>
    let reset: UnsafeMutablePointer<Float>
    let bias: UnsafeMutablePointer<Float>
    let width: Int
    let hidden: Int

    init(_ run: RecurrentRun, _ direction: Int, _ operands: Operands, _ memory: UnsafeMutableRawPointer) {
      self.run = run
      self.direction = direction
      self.operands = operands
      self.memory = memory
      func floats(_ offset: Int) -> UnsafeMutablePointer<Float> {
        (memory + offset).assumingMemoryBound(to: Float.self)
      }
      projected = floats(run.places.projected)
      gates = floats(run.places.gates)
      state = floats(run.places.state)
      cell = floats(run.places.cell)
      reset = floats(run.places.reset)
      bias = floats(run.places.bias)
      hidden = run.hidden
      width = run.layer.cell.gates * run.hidden
    }

    func execute() {
      load(5, state)
      load(6, cell)
      addBiases()
      project()
      let packed = memory + run.places.packed
      let matrix = run.stateWeights.matrix(
        direction, of: run.stateWeights.constant == nil ? operands.input(2) : nil, packed)
      let candidate = run.candidateWeights.map {
        $0.matrix(
          direction, of: $0.constant == nil ? operands.input(2) : nil, packed + run.stateWeights.scratchByteCount)
      }
      for step in 0..<run.time {
        if run.layer.roundsState {
          roundState()
          multiply(reset, matrix, run.stateWeights, gates, ld: width)
        } else {
          multiply(state, matrix, run.stateWeights, gates, ld: width)
        }
        switch run.layer.cell {
        case .plain: forEachRow(step) { row, x in plain(row, x) }
        case .lstm(let couples): forEachRow(step) { row, x in lstm(row, x, couples) }
        case .gru(resetsAfterProduct: true): forEachRow(step) { row, x in gru(row, x) }
        case .gru(resetsAfterProduct: false):
          forEachRow(step) { row, x in resetState(row, x) }
          multiply(reset, candidate!, run.candidateWeights!, gates + 2 * hidden, ld: width)
          forEachRow(step) { row, x in finishReset(row, x) }
        }
        forEachRow(step) { row, _ in store(row, at: position(step, row)) }
      }
      storeLast(1, state)
      storeLast(2, cell)
    }

    /// The initial state of every image, or zeros.
    private func load(_ input: Int, _ target: UnsafeMutablePointer<Float>) {
      let count = run.batch * hidden
      guard run.hasInput[input] else { return target.update(repeating: 0, count: count) }
      for row in 0..<run.batch {
        (target + row * hidden).update(from: operands.input(input) + stateOffset(row), count: hidden)
      }
    }

    private func stateOffset(_ row: Int) -> Int {
      let directions = run.layer.isReverse.count
      return (run.layer.isBatchFirst ? row * directions + direction : direction * run.batch + row) * hidden
    }

    private func storeLast(_ output: Int, _ source: UnsafeMutablePointer<Float>) {
      guard run.wanted[output] else { return }
      for row in 0..<run.batch {
        (operands.output(output, as: Float.self) + stateOffset(row)).update(from: source + row * hidden, count: hidden)
      }
    }

    /// Both biases, summed, except the recurrent one of a candidate that is reset after the product: that one comes
    /// after them.
    private func addBiases() {
      guard run.hasInput[3] else { return bias.update(repeating: 0, count: 2 * width) }
      let given = operands.input(3, as: Float.self) + direction * 2 * width
      for j in 0..<width { (bias[j], bias[width + j]) = (given[j] + given[width + j], 0) }
      guard run.layer.cell == .gru(resetsAfterProduct: true) else { return }
      for j in (2 * hidden)..<width { (bias[j], bias[width + j]) = (given[j], given[width + j]) }
    }

    /// The products of all inputs with their weights.
    private func project() {
      let matrix = run.inputWeights.matrix(
        direction, of: run.inputWeights.constant == nil ? operands.input(1) : nil, memory + run.places.packed)
      var ending = vz_epilogue()
      ending.bias = UnsafePointer(bias)
      vz_gemm_f32(
        operands.exec, run.time * run.batch, width, run.inputSize, operands.input(0), run.inputSize, matrix, &ending,
        projected, width)
    }

    private func multiply(
      _ source: UnsafeMutablePointer<Float>, _ matrix: UnsafeRawPointer, _ weights: PackedMatrix,
      _ target: UnsafeMutablePointer<Float>, ld: Int
    ) {
      var ending = vz_epilogue()
      ending.bias = run.candidateWeights == nil ? UnsafePointer(bias + width) : nil
      vz_gemm_f32(operands.exec, run.batch, weights.n, weights.k, source, hidden, matrix, &ending, target, ld)
    }

    /// The states of all images as eight bits say them, by the rules of `DynamicQuantizeLinear`, in `reset`.
    private func roundState() {
      let count = run.batch * hidden
      var least: Float = 0, greatest: Float = 0
      for i in 0..<count { (least, greatest) = (min(least, state[i]), max(greatest, state[i])) }
      let scale = (greatest - least) / 255
      guard scale > 0 else { return reset.update(from: state, count: count) }
      let zero = min(max(-least / scale, 0), 255).rounded(.toNearestOrEven)
      for i in 0..<count {
        let level = (state[i] / scale).rounded(.toNearestOrEven) + zero
        reset[i] = (min(max(level, 0), 255) - zero) * scale
      }
    }

    private func length(_ row: Int) -> Int {
      guard run.hasInput[4] else { return run.time }
      let given = run.lengthType == .int32
        ? Int(operands.input(4, as: Int32.self)[row]) : Int(operands.input(4, as: Int64.self)[row])
      return min(max(given, 0), run.time)
    }

    /// The time that step `step` of an image is about.
    private func position(_ step: Int, _ row: Int) -> Int {
      run.layer.isReverse[direction] ? length(row) - 1 - step : step
    }

    /// Calls `body` for every image whose sequence has the step, with what its input adds to the gates.
    private func forEachRow(_ step: Int, _ body: (Int, UnsafeMutablePointer<Float>) -> Void) {
      for row in 0..<run.batch where step < length(row) {
        let t = position(step, row)
        body(row, projected + (run.layer.isBatchFirst ? row * run.time + t : t * run.batch + row) * width)
      }
    }

    private func store(_ row: Int, at t: Int) {
      guard run.wanted[0] else { return }
      let directions = run.layer.isReverse.count
      let place = run.layer.isBatchFirst
        ? (row * run.time + t) * directions + direction : (t * directions + direction) * run.batch + row
      (operands.output(0, as: Float.self) + place * hidden).update(from: state + row * hidden, count: hidden)
    }

    /// Clips `count` values and applies an activation of this direction.
    private func activate(_ which: Int, _ x: UnsafeMutablePointer<Float>, count: Int) {
      if let clip = run.layer.clip { for i in 0..<count { x[i] = min(max(x[i], -clip), clip) } }
      run.layer.activations[direction][which].apply(run.kernels, x, count: count)
    }

    private func plain(_ row: Int, _ x: UnsafeMutablePointer<Float>) {
      let h = state + row * hidden, g = gates + row * width
      for j in 0..<hidden { h[j] = x[j] + g[j] }
      activate(0, h, count: hidden)
    }

    /// Gates in the order input, output, forget, candidate.
    private func lstm(_ row: Int, _ x: UnsafeMutablePointer<Float>, _ couplesForget: Bool) {
      let h = state + row * hidden, c = cell + row * hidden
      let input = gates + row * width, output = input + hidden, forget = output + hidden, candidate = forget + hidden
      for j in 0..<width { input[j] += x[j] }
      let peepholes = run.hasInput[7] ? operands.input(7, as: Float.self) + direction * 3 * hidden : nil
      if let peepholes {
        for j in 0..<hidden {
          input[j] += peepholes[j] * c[j]
          forget[j] += peepholes[2 * hidden + j] * c[j]
        }
      }
      activate(0, input, count: hidden)
      if couplesForget {
        for j in 0..<hidden { forget[j] = 1 - input[j] }
      } else {
        activate(0, forget, count: hidden)
      }
      activate(1, candidate, count: hidden)
      for j in 0..<hidden { c[j] = forget[j] * c[j] + input[j] * candidate[j] }
      if let peepholes { for j in 0..<hidden { output[j] += peepholes[hidden + j] * c[j] } }
      activate(0, output, count: hidden)
      h.update(from: c, count: hidden)
      activate(2, h, count: hidden)
      for j in 0..<hidden { h[j] *= output[j] }
    }

    /// Gates in the order update, reset, candidate; the candidate's product with the state is reset.
    private func gru(_ row: Int, _ x: UnsafeMutablePointer<Float>) {
      let h = state + row * hidden
      let update = gates + row * width, reset = update + hidden, candidate = reset + hidden
      for j in 0..<(2 * hidden) { update[j] += x[j] }
      activate(0, update, count: 2 * hidden)
      for j in 0..<hidden { candidate[j] = x[2 * hidden + j] + reset[j] * candidate[j] }
      activate(1, candidate, count: hidden)
      for j in 0..<hidden { h[j] = (1 - update[j]) * candidate[j] + update[j] * h[j] }
    }

    /// The state times the reset gate, which the candidate's weights multiply.
    private func resetState(_ row: Int, _ x: UnsafeMutablePointer<Float>) {
      let h = state + row * hidden, update = gates + row * width
      for j in 0..<(2 * hidden) { update[j] += x[j] }
      activate(0, update, count: 2 * hidden)
      for j in 0..<hidden { reset[row * hidden + j] = update[hidden + j] * h[j] }
    }

    private func finishReset(_ row: Int, _ x: UnsafeMutablePointer<Float>) {
      let h = state + row * hidden, update = gates + row * width, candidate = update + 2 * hidden
      for j in 0..<hidden { candidate[j] += x[2 * hidden + j] }
      activate(1, candidate, count: hidden)
      for j in 0..<hidden { h[j] = (1 - update[j]) * candidate[j] + update[j] * h[j] }
    }
  }
}

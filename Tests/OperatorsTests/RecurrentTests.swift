#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif
import GraphIR
import Operators
import Tensors
import Testing

@Suite struct RecurrentTests {
  private func text(_ s: String) -> Attribute { .string(Array(s.utf8)) }
  private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  /// The operands of one layer as nested functions of indices.
  private struct Layer {
    var name: String
    var time: Int, batch: Int, input: Int, hidden: Int, directions: Int
    var x: [Double], w: [Double], r: [Double], b: [Double]?, h: [Double]?, c: [Double]?, p: [Double]?
    var lengths: [Int]?
    var resetsAfter = false
    var gates: Int { ["RNN": 1, "GRU": 3, "LSTM": 4][name]! }
  }

  /// The layer written out: outputs of all times, then the last state and cell state; batch second.
  private func expected(_ it: Layer, reverse: [Bool]) -> (y: [Double], h: [Double], c: [Double]) {
    let (H, G) = (it.hidden, it.gates)
    var y = [Double](repeating: 0, count: it.time * it.directions * it.batch * H)
    var last = [Double](repeating: 0, count: it.directions * it.batch * H), cells = last
    for d in 0..<it.directions {
      for n in 0..<it.batch {
        var h = (0..<H).map { it.h?[(d * it.batch + n) * H + $0] ?? 0 }
        var c = (0..<H).map { it.c?[(d * it.batch + n) * H + $0] ?? 0 }
        let length = it.lengths?[n] ?? it.time
        for step in 0..<length {
          let t = reverse[d] ? length - 1 - step : step
          func fromInput(_ g: Int, _ j: Int) -> Double {
            let row = (d * G + g) * H + j
            var result = it.b?[d * 2 * G * H + g * H + j] ?? 0
            for k in 0..<it.input { result += it.x[(t * it.batch + n) * it.input + k] * it.w[row * it.input + k] }
            return result
          }
          func fromState(_ g: Int, _ j: Int, _ state: [Double]) -> Double {
            let row = (d * G + g) * H + j
            var result = 0.0
            for k in 0..<H { result += state[k] * it.r[row * H + k] }
            return result
          }
          func stateBias(_ g: Int, _ j: Int) -> Double { it.b?[d * 2 * G * H + (G + g) * H + j] ?? 0 }
          func sum(_ g: Int, _ j: Int) -> Double { fromInput(g, j) + fromState(g, j, h) + stateBias(g, j) }
          func peephole(_ k: Int, _ j: Int) -> Double { it.p?[d * 3 * H + k * H + j] ?? 0 }
          var next = h
          switch it.name {
          case "RNN": for j in 0..<H { next[j] = tanh(sum(0, j)) }
          case "GRU":
            let z = (0..<H).map { sigmoid(sum(0, $0)) }, reset = (0..<H).map { sigmoid(sum(1, $0)) }
            let masked = (0..<H).map { reset[$0] * h[$0] }
            for j in 0..<H {
              let candidate = it.resetsAfter
                ? fromInput(2, j) + reset[j] * (fromState(2, j, h) + stateBias(2, j))
                : fromInput(2, j) + fromState(2, j, masked) + stateBias(2, j)
              next[j] = (1 - z[j]) * tanh(candidate) + z[j] * h[j]
            }
          default:
            var cell = c
            for j in 0..<H {
              let i = sigmoid(sum(0, j) + peephole(0, j) * c[j]), f = sigmoid(sum(2, j) + peephole(2, j) * c[j])
              cell[j] = f * c[j] + i * tanh(sum(3, j))
              next[j] = sigmoid(sum(1, j) + peephole(1, j) * cell[j]) * tanh(cell[j])
            }
            c = cell
          }
          h = next
          for j in 0..<H { y[((t * it.directions + d) * it.batch + n) * H + j] = h[j] }
        }
        for j in 0..<H {
          last[(d * it.batch + n) * H + j] = h[j]
          cells[(d * it.batch + n) * H + j] = c[j]
        }
      }
    }
    return (y, last, cells)
  }

  @Test(arguments: ["RNN", "GRU", "LSTM"]) func followsItsEquations(name: String) {
    for seed in 0..<16 {
      var random = RandomSource(seed: seed)
      let direction = random.pick(["forward", "reverse", "bidirectional"])
      let reverse = direction == "forward" ? [false] : direction == "reverse" ? [true] : [false, true]
      let D = reverse.count, T = random.int(1...5), N = random.int(1...3), I = random.int(1...9), H = random.pick([1, 4, 9, 33])
      let G = ["RNN": 1, "GRU": 3, "LSTM": 4][name]!, isBatchFirst = random.bool(), resetsAfter = random.bool()
      let x = random.tensor([T, N, I]), w = random.tensor([D, G * H, I]), r = random.tensor([D, G * H, H])
      let b = random.bool() ? random.tensor([D, 2 * G * H]) : nil
      let lengths = random.bool() ? (0..<N).map { _ in random.int(0...T) } : nil
      let h = random.bool() ? random.tensor([D, N, H]) : nil
      let c = name == "LSTM" && random.bool() ? random.tensor([D, N, H]) : nil
      let p = name == "LSTM" && random.bool() ? random.tensor([D, 3 * H]) : nil
      let layer = Layer(
        name: name, time: T, batch: N, input: I, hidden: H, directions: D, x: x.doubles!, w: w.doubles!, r: r.doubles!,
        b: b?.doubles, h: h?.doubles, c: c?.doubles, p: p?.doubles, lengths: lengths, resetsAfter: resetsAfter)
      let result = expected(layer, reverse: reverse)
      func swapped(_ t: Tensor) -> Tensor {
        let (a, b, inner) = (t.shape[0], t.shape[1], t.shape[2]), v = t.elements(as: Float.self)
        var moved: [Float] = []
        forEachIndex([b, a, inner]) { moved.append(v[($0[1] * b + $0[0]) * inner + $0[2]]) }
        return Tensor(moved, shape: [b, a, inner])
      }
      func outer(_ values: [Double]) -> Expected {
        guard isBatchFirst else { return Expected([D, N, H], values) }
        var moved: [Double] = []
        forEachIndex([N, D, H]) { moved.append(values[($0[1] * N + $0[0]) * H + $0[2]]) }
        return Expected([N, D, H], moved)
      }
      var all = Expected([T, D, N, H], result.y)
      if isBatchFirst {
        var moved: [Double] = []
        forEachIndex([N, T, D, H]) { moved.append(result.y[(($0[1] * D + $0[2]) * N + $0[0]) * H + $0[3]]) }
        all = Expected([N, T, D, H], moved)
      }
      var operands: [Tensor?] = [
        isBatchFirst ? swapped(x) : x, w, r, b, lengths.map { Tensor($0.map(Int32.init)) },
        isBatchFirst ? h.map(swapped) : h,
      ]
      if name == "LSTM" { operands += [isBatchFirst ? c.map(swapped) : c, p] }
      OperatorRunner(
        name, version: 14,
        attributes: [
          "direction": text(direction), "hidden_size": .int(H), "layout": .int(isBatchFirst ? 1 : 0),
          "linear_before_reset": .int(resetsAfter ? 1 : 0),
        ], outputs: name == "LSTM" ? [true, true, true] : [true, true]
      ).expect(
        operands, constants: random.bool() ? [1, 2, 3] : [],
        gives: [all, outer(result.h)] + (name == "LSTM" ? [outer(result.c)] : []), relative: 2e-5, absolute: 2e-5,
        "seed \(seed): \(direction) T\(T) N\(N) I\(I) H\(H) batch first \(isBatchFirst) lengths \(lengths ?? [])")
    }
  }

  @Test func otherActivationsAndClip() {
    // One number in, one state: h = relu(clip(x)), then h = relu(clip(x + h)).
    let x = Tensor([2, -3, 0.5] as [Float], shape: [3, 1, 1]), one = Tensor([1] as [Float], shape: [1, 1, 1])
    OperatorRunner(
      "RNN", version: 14,
      attributes: ["hidden_size": .int(1), "activations": .strings([Array("Relu".utf8)]), "clip": .float(1)]
    ).expect([x, one, one], gives: [Expected([3, 1, 1, 1], [1, 0, 0.5])])
    OperatorRunner(
      "RNN", version: 14,
      attributes: [
        "hidden_size": .int(1), "activations": .strings([Array("Affine".utf8)]), "activation_alpha": .floats([2]),
        "activation_beta": .floats([1]),
      ]
    ).expect([x, one, one], gives: [Expected([3, 1, 1, 1], [5, 5, 12])])
  }

  @Test func refusesWhatDoesNotFit() {
    func refused(_ shapes: [Shape], _ attributes: [String: Attribute] = [:]) {
      OperatorRunner("LSTM", version: 14, attributes: attributes.merging(["hidden_size": .int(2)]) { own, _ in own })
        .expectRefusal(shapes.map { Tensor(.float32, $0) }, "\(shapes) \(attributes)")
    }
    refused([[3, 1, 4], [1, 8, 5], [1, 8, 2]])
    refused([[3, 1, 4], [1, 6, 4], [1, 8, 2]])
    refused([[3, 1, 4], [1, 8, 4], [1, 8, 3]])
    refused([[3, 1, 4], [1, 8, 4], [1, 8, 2], [1, 15]])
    refused([[3, 1, 4], [1, 8, 4], [1, 8, 2]], ["direction": text("sideways")])
    refused([[3, 1, 4], [1, 8, 4], [1, 8, 2]], ["activations": .strings([Array("Tanh".utf8)])])
    refused([[3, 1, 4], [1, 8, 4], [1, 8, 2]], ["hidden_size": .int(0)])
  }
}

import GraphIR
import Operators
import Tensors
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite struct AttentionTests {
  /// Attention by its formula: `bias` gives what is added to a score; `q`, `k`, `v` are `[batch, heads, length, size]`.
  private func attention(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, scale: Double? = nil, cap: Double = 0,
    bias: (_ b: Int, _ h: Int, _ i: Int, _ j: Int) -> Double = { _, _, _, _ in 0 }
  ) -> (y: Expected, products: Expected, weights: Expected) {
    let (batch, heads, rows, size) = (q.shape[0], q.shape[1], q.shape[2], q.shape[3])
    let (group, keys, width) = (heads / k.shape[1], k.shape[2], v.shape[3])
    let (qs, ks, vs) = (q.doubles!, k.doubles!, v.doubles!)
    var (y, all, weights): ([Double], [Double], [Double]) = ([], [], [])
    for b in 0..<batch {
      for h in 0..<heads {
        let own = b * k.shape[1] + h / group
        for i in 0..<rows {
          let query: Int = ((b * heads + h) * rows + i) * size
          let factor: Double = scale ?? 1 / Double(size).squareRoot()
          let products = (0..<keys).map { (j: Int) -> Double in
            let key: Int = (own * keys + j) * size
            var product = 0.0
            for d in 0..<size { product += qs[query + d] * ks[key + d] }
            return product * factor
          }
          let biases = (0..<keys).map { bias(b, h, i, $0) }
          let scores = zip(products, biases).map { (product: Double, bias: Double) -> Double in
            (cap > 0 ? cap * tanh(product / cap) : product) + bias
          }
          let total: Double = scores.reduce(0.0) { $0 + exp($1) }
          let isMasked = biases.allSatisfy { $0 == -.infinity }
          let p = scores.map { (score: Double) -> Double in isMasked ? 0 : exp(score) / total }
          all += products
          weights += p
          for d in 0..<width {
            var sum = 0.0
            for j in 0..<keys { sum += p[j] * vs[(own * keys + j) * width + d] }
            y.append(sum)
          }
        }
      }
    }
    let scores: Shape = [batch, heads, rows, keys]
    return (Expected([batch, heads, rows, width], y), Expected(scores, all), Expected(scores, weights))
  }

  /// `[batch, heads, length, size]` as `[batch, length, heads · size]`.
  private func packed(_ shape: Shape, _ values: [Double]) -> Expected {
    let out: Shape = [shape[0], shape[2], shape[1] * shape[3]]
    var result = [Double](repeating: 0, count: shape.count)
    for (index, value) in zip(indices(of: shape), values) {
      result[position(of: [index[0], index[2], index[1] * shape[3] + index[3]], in: out)] = value
    }
    return Expected(out, result)
  }

  private func packed(_ x: Tensor) -> Tensor {
    let e = packed(x.shape, x.doubles!)
    return Tensor(floats: e.values, e.shape)
  }

  @Test func headsShareKeysInBothForms() {
    var random = RandomSource(seed: 1)
    for (heads, shared) in [(2, 2), (6, 3), (4, 1)] {
      let q = random.tensor([2, heads, 3, 9]), k = random.tensor([2, shared, 5, 9]), v = random.tensor([2, shared, 5, 4])
      let expected = attention(q, k, v)
      OperatorRunner("Attention", version: 23).expect([q, k, v], gives: [expected.y])
      OperatorRunner("Attention", version: 24, attributes: ["q_num_heads": .int(heads), "kv_num_heads": .int(shared)])
        .expect([packed(q), packed(k), packed(v)], gives: [packed(expected.y.shape, expected.y.values)])
    }
  }

  @Test func stagesOfTheScores() {
    var random = RandomSource(seed: 2)
    let q = random.tensor([1, 2, 3, 4]), k = random.tensor([1, 2, 5, 4]), v = random.tensor([1, 2, 5, 3])
    let expected = attention(q, k, v, scale: 0.3, cap: 0.7)
    for (stage, scores) in [(0, expected.products), (3, expected.weights)] {
      OperatorRunner(
        "Attention", version: 23,
        attributes: ["scale": .float(0.3), "softcap": .float(0.7), "qk_matmul_output_mode": .int(stage)],
        outputs: [true, false, false, true]
      ).expect([q, k, v], gives: [expected.y, scores])
    }
  }

  @Test func masksBroadcastAndMayBeShort() {
    var random = RandomSource(seed: 3)
    let q = random.tensor([2, 2, 3, 4]), k = random.tensor([2, 2, 5, 4]), v = random.tensor([2, 2, 5, 3])
    let whole = random.tensor([3, 5]), numbers = whole.doubles!
    OperatorRunner("Attention", version: 23)
      .expect([q, k, v, whole], gives: [attention(q, k, v) { _, _, i, j in numbers[i * 5 + j] }.y])
    let perBatch = Tensor([true, false, true, true, true, true, false, true, true, false], shape: [2, 1, 1, 5])
    OperatorRunner("Attention", version: 23).expect(
      [q, k, v, perBatch],
      gives: [attention(q, k, v) { b, _, _, j in perBatch.integers![b * 5 + j] != 0 ? 0 : -.infinity }.y])
    let short = Tensor([true, false, true], shape: [1, 3])
    OperatorRunner("Attention", version: 24).expect(
      [q, k, v, short], gives: [attention(q, k, v) { _, _, _, j in j == 0 || j == 2 ? 0 : -.infinity }.y])
    OperatorRunner("Attention", version: 23).expectRefusal([q, k, v, random.tensor([2, 5])])
  }

  @Test func rowsWithoutKeysAreZero() {
    var random = RandomSource(seed: 4)
    let q = random.tensor([1, 1, 2, 4]), k = random.tensor([1, 1, 3, 4]), v = random.tensor([1, 1, 3, 2])
    let mask = Tensor([false, false, false, true, true, false], shape: [2, 3])
    OperatorRunner("Attention", version: 23).expect(
      [q, k, v, mask], gives: [attention(q, k, v) { _, _, i, j in i == 1 && j < 2 ? 0 : -.infinity }.y])
  }

  @Test func pastKeysComeFirstAndShiftCausality() {
    var random = RandomSource(seed: 5)
    let q = random.tensor([1, 2, 3, 4]), k = random.tensor([1, 2, 3, 4]), v = random.tensor([1, 2, 3, 2])
    let pastK = random.tensor([1, 2, 2, 4]), pastV = random.tensor([1, 2, 2, 2])
    func joined(_ a: Tensor, _ b: Tensor) -> Tensor {
      let size = a.shape[3]
      var values: [Double] = []
      for h in 0..<2 {
        values += a.doubles!.dropFirst(h * 2 * size).prefix(2 * size)
        values += b.doubles!.dropFirst(h * 3 * size).prefix(3 * size)
      }
      return Tensor(floats: values, [1, 2, 5, size])
    }
    let (allK, allV) = (joined(pastK, k), joined(pastV, v))
    let expected = attention(q, allK, allV) { _, _, i, j in j <= i + 2 ? 0 : -.infinity }
    OperatorRunner("Attention", version: 23, attributes: ["is_causal": .int(1)], outputs: [true, true, true])
      .expect(
        [q, k, v, nil, pastK, pastV],
        gives: [expected.y, Expected(allK.shape, allK.doubles!), Expected(allV.shape, allV.doubles!)])
    OperatorRunner("Attention", version: 23).expectRefusal([q, k, v, nil, pastK, nil])
  }

  @Test func lengthsAndWindowsHideKeys() {
    var random = RandomSource(seed: 6)
    let q = random.tensor([2, 1, 2, 4]), k = random.tensor([2, 1, 6, 4]), v = random.tensor([2, 1, 6, 3])
    let lengths = int64s([6, 1])
    let expected = attention(q, k, v) { b, _, i, j in
      let length = b == 0 ? 6 : 1
      return j < length && j <= i + length - 2 ? 0 : -.infinity
    }
    OperatorRunner("Attention", version: 24, attributes: ["is_causal": .int(1)])
      .expect([q, k, v, nil, nil, nil, lengths], gives: [expected.y])
    let window = attention(q, k, v) { _, _, i, j in j >= i - 1 && j <= i + 2 ? 0 : -.infinity }
    OperatorRunner("Attention", version: 25, attributes: ["left_window_size": .int(1), "right_window_size": .int(2)])
      .expect([q, k, v], gives: [window.y])
  }

  @Test func doublesKeepTheirPrecision() {
    var random = RandomSource(seed: 7)
    func made(_ shape: Shape) -> Tensor {
      Tensor((0..<shape.count).map { _ in Double.random(in: -1...1, using: &random) }, shape: shape)
    }
    let q = made([1, 1, 2, 3]), k = made([1, 1, 4, 3]), v = made([1, 1, 4, 2])
    OperatorRunner("Attention", version: 23)
      .expect([q, k, v], gives: [attention(q, k, v).y], relative: 1e-13, absolute: 1e-14)
  }

  @Test func badAttentionIsRefused() {
    let q = numbered([1, 3, 2, 4])
    OperatorRunner("Attention", version: 23).expectRefusal([q, numbered([1, 2, 5, 4]), numbered([1, 2, 5, 4])])
    OperatorRunner("Attention", version: 23).expectRefusal([q, numbered([1, 3, 5, 3]), numbered([1, 3, 5, 4])])
    OperatorRunner("Attention", version: 23).expectRefusal([q, numbered([1, 3, 5, 4]), numbered([1, 3, 4, 4])])
    OperatorRunner("Attention", version: 23)
      .expectRefusal([numbered([1, 2, 8]), numbered([1, 2, 8]), numbered([1, 2, 8])], "without heads")
    OperatorRunner("Attention", version: 23, attributes: ["qk_matmul_output_mode": .int(4)]).expectRefusal([q, q, q])
    OperatorRunner("Attention", version: 25, attributes: ["left_window_size": .int(-2)]).expectRefusal([q, q, q])
  }

  @Test func positionsTurnPairs() {
    var random = RandomSource(seed: 8)
    let x = random.tensor([2, 3, 4, 8]), angles = random.tensor([10, 3], in: -3...3)
    let cosines = Tensor(floats: angles.doubles!.map(cos), [10, 3]), sines = Tensor(floats: angles.doubles!.map(sin), [10, 3])
    let places = [0, 3, 9, 1, 2, 2, 5, 7]
    for interleaved in [false, true] {
      var y = x.doubles!
      for b in 0..<2 {
        for h in 0..<3 {
          for t in 0..<4 {
            for pair in 0..<3 {
              let first = ((b * 3 + h) * 4 + t) * 8, a = first + (interleaved ? 2 * pair : pair)
              let c = interleaved ? a + 1 : a + 3, angle = angles.doubles![places[b * 4 + t] * 3 + pair]
              let (u, w) = (x.doubles![a], x.doubles![c])
              (y[a], y[c]) = (cos(angle) * u - sin(angle) * w, sin(angle) * u + cos(angle) * w)
            }
          }
        }
      }
      let attributes: [String: Attribute] = [
        "rotary_embedding_dim": .int(6), "interleaved": .int(interleaved ? 1 : 0), "num_heads": .int(3),
      ]
      let positions = int64s(places, shape: [2, 4])
      OperatorRunner("RotaryEmbedding", version: 23, attributes: attributes)
        .expect([x, cosines, sines, positions], gives: [Expected(x.shape, y)])
      OperatorRunner("RotaryEmbedding", version: 23, attributes: attributes)
        .expect([packed(x), cosines, sines, positions], gives: [packed(x.shape, y)])
      OperatorRunner("RotaryEmbedding", version: 23, attributes: attributes)
        .expectRefusal([x, cosines, sines, int64s([0, 3, 10, 1, 2, 2, 5, 7], shape: [2, 4])])
    }
    OperatorRunner("RotaryEmbedding", version: 23).expectRefusal([packed(x), cosines, sines], "without heads")
    OperatorRunner("RotaryEmbedding", version: 23)
      .expectRefusal([numbered([1, 1, 2, 3]), numbered([1, 2, 1]), numbered([1, 2, 1])], "an odd head")
  }

  @Test func linearAttentionFollowsItsRecurrence() {
    var random = RandomSource(seed: 9)
    let (batch, tokens, heads, shared, dk, dv) = (2, 4, 4, 2, 3, 5)
    let q = random.tensor([batch, tokens, heads * dk]), k = random.tensor([batch, tokens, shared * dk])
    let v = random.tensor([batch, tokens, shared * dv]), past = random.tensor([batch, shared, dk, dv])
    let decay = random.tensor([batch, tokens, shared * dk], in: -1...0), beta = random.tensor([batch, tokens, shared], in: 0...1)
    let (queries, keys, values, pasts) = (q.doubles!, k.doubles!, v.doubles!, past.doubles!)
    let (decays, betas) = (decay.doubles!, beta.doubles!)
    let norm: Double = Double(dk).squareRoot()
    for rule in ["linear", "gated", "delta", "gated_delta"] {
      let (gated, delta) = (rule.hasPrefix("gated"), rule.hasSuffix("delta"))
      var (y, states): ([Double], [Double]) = ([Double](repeating: 0, count: batch * tokens * heads * dv), [])
      for b in 0..<batch {
        for h in 0..<shared {
          var s = (0..<dk).map { (i: Int) -> [Double] in
            let row: Int = ((b * shared + h) * dk + i) * dv
            return Array(pasts[row..<row + dv])
          }
          for t in 0..<tokens {
            let token = b * tokens + t
            let place: Int = token * shared + h
            let key = Array(keys[place * dk..<(place + 1) * dk])
            for i in 0..<dk where gated {
              let factor: Double = exp(decays[place * dk + i])
              s[i] = s[i].map { $0 * factor }
            }
            for j in 0..<dv {
              var value = values[place * dv + j]
              if delta {
                var known = 0.0
                for i in 0..<dk { known += s[i][j] * key[i] }
                value = betas[place] * (value - known)
              }
              for i in 0..<dk { s[i][j] += key[i] * value }
            }
            for head in (h * 2)..<(h * 2 + 2) {
              for j in 0..<dv {
                let row: Int = token * heads + head
                var sum = 0.0
                for i in 0..<dk { sum += queries[row * dk + i] * s[i][j] }
                y[row * dv + j] = sum / norm
              }
            }
          }
          states += s.joined()
        }
      }
      OperatorRunner(
        "LinearAttention", version: 27,
        attributes: [
          "q_num_heads": .int(heads), "kv_num_heads": .int(shared), "update_rule": .string(Array(rule.utf8)),
        ], outputs: [true, true]
      ).expect(
        [q, k, v, past, gated ? decay : nil, delta ? beta : nil],
        gives: [Expected([batch, tokens, heads * dv], y), Expected(past.shape, states)], relative: 1e-4, rule)
      OperatorRunner("LinearAttention", version: 27, attributes: ["q_num_heads": .int(3), "kv_num_heads": .int(2)])
        .expectRefusal([q, k, v, past, decay, beta])
      OperatorRunner("LinearAttention", version: 27, attributes: ["q_num_heads": .int(4), "kv_num_heads": .int(2)])
        .expectRefusal([q, k, v, past], "without decay")
    }
  }

  @Test func causalConvolutionCarriesItsState() {
    var random = RandomSource(seed: 10)
    for (length, taps) in [(6, 3), (1, 4), (3, 1)] {
      let x = random.tensor([2, 3, length]), w = random.tensor([3, 1, taps]), bias = random.tensor([3])
      let past = random.tensor([2, 3, taps - 1])
      for silu in [false, true] {
        var (y, state): ([Double], [Double]) = ([], [])
        for line in 0..<6 {
          var all = Array(past.doubles!.dropFirst(line * (taps - 1)).prefix(taps - 1))
          all += x.doubles!.dropFirst(line * length).prefix(length)
          for t in 0..<length {
            let sum = (0..<taps).reduce(bias.doubles![line % 3]) { $0 + w.doubles![line % 3 * taps + $1] * all[t + $1] }
            y.append(silu ? sum / (1 + exp(-sum)) : sum)
          }
          state += all.suffix(taps - 1)
        }
        OperatorRunner(
          "CausalConvWithState", version: 27, attributes: ["activation": .string(Array((silu ? "silu" : "none").utf8))],
          outputs: [true, true]
        ).expect([x, w, bias, past], gives: [Expected(x.shape, y), Expected(past.shape, state)])
      }
    }
    OperatorRunner("CausalConvWithState", version: 27).expectRefusal([numbered([1, 2, 3]), numbered([3, 1, 2])])
  }

  @Test func cachesAreWrittenFromAnIndexOn() {
    let cache = Tensor([Float](repeating: 0, count: 2 * 4), shape: [2, 1, 4, 1]), update = numbered([2, 1, 2, 1])
    OperatorRunner("TensorScatter", version: 24).expect(
      [cache, update, int64s([0, 2])], equals: [Tensor([0, 1, 0, 0, 0, 0, 2, 3] as [Float], shape: [2, 1, 4, 1])])
    OperatorRunner("TensorScatter", version: 24, attributes: ["mode": .string(Array("circular".utf8))]).expect(
      [cache, update, int64s([3, 6])], equals: [Tensor([1, 0, 0, 0, 0, 0, 2, 3] as [Float], shape: [2, 1, 4, 1])])
    OperatorRunner("TensorScatter", version: 24).expectRefusal([cache, update, int64s([0, 3])])
    OperatorRunner("TensorScatter", version: 24).expectRefusal([cache, update, int64s([-1, 0])])
    OperatorRunner("TensorScatter", version: 24, attributes: ["axis": .int(0)]).expectRefusal([cache, update])
  }

  @Test func subgraphsChangeScoresAndProbabilities() throws {
    var random = RandomSource(seed: 11)
    let q = random.tensor([1, 2, 2, 4]), k = random.tensor([1, 1, 3, 4]), v = random.tensor([1, 1, 3, 2])
    let plain = OperatorRunner("FlexAttention", domain: "ai.onnx.preview", version: 1)
    plain.expect([q, k, v], gives: [attention(q, k, v).y])
    let mod = OperatorRunner(
      "FlexAttention", domain: "ai.onnx.preview", version: 1,
      attributes: ["score_mod": .graph(Graph()), "prob_mod": .graph(Graph())])
    // Scores become their own opposites, probabilities twice themselves.
    let y = try mod.evaluate([q, k, v].map(RuntimeValue.tensor)) { name, inputs in
      let x = inputs[0].tensor!
      return [.tensor(Tensor(floats: x.doubles!.map { name == "score_mod" ? -$0 : 2 * $0 }, x.shape))]
    }[0].tensor!
    let opposite = attention(q, Tensor(floats: k.doubles!.map { -$0 }, k.shape), v).y
    #expect(difference(y, Expected(opposite.shape, opposite.values.map { 2 * $0 }), relative: 1e-5, absolute: 1e-6) == nil)
    plain.expectRefusal([q, numbered([1, 1, 3, 3]), v])
    plain.expectRefusal([numbered([2, 2, 4]), k, v])
  }
}

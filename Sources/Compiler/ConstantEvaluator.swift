import CKernels
import GraphIR
import Tensors

/// Runs single nodes on constants while a graph is compiled.
struct ConstantEvaluator {
  let target: Target

  /// The outputs of `node`, whose operator knows their exact types; nil when it has no kernel for them.
  func evaluate(_ node: Node, inputs: [Tensor?], graph: Graph) throws(OperatorError) -> [Tensor]? {
    let outputs = node.outputs.map { id in
      id.flatMap { id -> Operand? in
        guard let type = graph[id].type.tensor, let shape = type.shape, let dataType = type.dataType else { return nil }
        return Operand(dataType: dataType, shape: shape)
      }
    }
    let operands = inputs.map { tensor in
      tensor.map { Operand(dataType: $0.dataType, shape: $0.shape, constant: $0) }
    }
    let context = KernelContext(
      node: node, inputs: operands, outputs: outputs, target: target, weights: WeightCache(names: []))
    let kernel = try node.implementation!.kernel(context)
    switch kernel.effect {
    case .view(let input, let byteOffset):
      guard let source = inputs[input], let output = outputs[0] else { return nil }
      return [
        Tensor(output.dataType, output.shape, buffer: source.buffer, byteOffset: source.byteOffset + byteOffset)
      ]
    case .compute(let run):
      return try compute(kernel, run, inputs: inputs, outputs: outputs)
    }
  }

  private func compute(
    _ kernel: Kernel, _ run: @Sendable (Operands) throws(OperatorError) -> Void, inputs: [Tensor?],
    outputs: [Operand?]
  ) throws(OperatorError) -> [Tensor] {
    let inputs = inputs.map { $0?.aligned }
    let results = outputs.map { $0.map { Tensor($0.dataType, $0.shape) } }
    let scratch = TensorBuffer(byteCount: kernel.scratchByteCount)
    var exec = vz_exec(
      kernels: target.kernels, pool: nil, scratch: scratch.base, scratch_bytes: kernel.scratchByteCount)
    let pointers = inputs.map { $0.map { UnsafeMutableRawPointer(mutating: $0.baseAddress) } }
      + results.map { $0?.buffer.base }
    var failure: OperatorError?
    withExtendedLifetime((inputs, results, scratch)) {
      pointers.withUnsafeBufferPointer { pointers in
        withUnsafePointer(to: &exec) { exec in
          do throws(OperatorError) {
            try run(Operands(pointers: pointers.baseAddress!, inputCount: inputs.count, exec: exec))
          } catch {
            failure = error
          }
        }
      }
    }
    if let failure { throw failure }
    return results.map { $0 ?? Tensor(.float32, [0]) }
  }
}

extension Tensor {
  /// The tensor itself, or a copy where its elements do not start at a multiple of their size.
  var aligned: Tensor {
    guard dataType != .string, !isAligned(to: min(dataType.elementByteCount ?? 1, 16)) else { return self }
    let copy = TensorBuffer(byteCount: byteCount)
    copy.base.copyMemory(from: baseAddress, byteCount: byteCount)
    return Tensor(dataType, shape, buffer: copy)
  }
}

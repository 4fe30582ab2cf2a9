import CKernels
import GraphIR
import Tensors

/// Sees every step of a run; for profiles.
public protocol StepObserver: AnyObject {
  /// Called right before and right after the step runs, on the thread that runs it.
  func willRun(step: Int)
  func didRun(step: Int)
}

/// A plan with its memory: runs it, again and again, without allocating.
///
/// Used by one thread at a time.
public final class Executor {
  public let plan: Plan
  private let program: Program
  private let arena: TensorBuffer
  private let constants: [Tensor]
  private let pointers: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private let pointerCount: Int
  private let firstPointer: [Int]
  private var patches: [Patch] = []
  private var exec: vz_exec
  public weak var observer: (any StepObserver)?

  /// A pointer to set anew for each run, because the caller owns the memory.
  private struct Patch {
    var slot: Int
    var index: Int
    var offset: Int
    var isOutput: Bool
  }

  /// - Parameter pool: threads to share the work with; borrowed, and used by one run at a time.
  public init(_ plan: Plan, program: Program, pool: OpaquePointer?) {
    self.plan = plan
    self.program = program
    program.weights.pack(pool)
    arena = TensorBuffer(byteCount: plan.arenaByteCount, isZeroed: false)
    constants = plan.constants.map(\.aligned)
    pointerCount = plan.steps.reduce(0) { $0 + $1.inputs.count + $1.outputs.count }
    pointers = .allocate(capacity: max(pointerCount, 1))
    pointers.initialize(repeating: nil, count: max(pointerCount, 1))
    exec = vz_exec(
      kernels: program.target.kernels, pool: pool, scratch: arena.base + plan.scratchOffset,
      scratch_bytes: plan.scratchByteCount)
    var first: [Int] = []
    var slot = 0
    for step in plan.steps {
      first.append(slot)
      slot += step.inputs.count + step.outputs.count
    }
    firstPointer = first
    slot = 0
    for step in plan.steps {
      for place in step.inputs + step.outputs {
        resolve(place, slot)
        slot += 1
      }
    }
  }

  deinit { pointers.deallocate() }

  private func resolve(_ place: Plan.Place, _ slot: Int) {
    switch place {
    case .absent: break
    case .arena(let offset): pointers[slot] = arena.base + offset
    case .constant(let index, let offset):
      pointers[slot] = UnsafeMutableRawPointer(mutating: constants[index].baseAddress) + offset
    case .input(let index, let offset):
      patches.append(Patch(slot: slot, index: index, offset: offset, isOutput: false))
    case .output(let index, let offset):
      patches.append(Patch(slot: slot, index: index, offset: offset, isOutput: true))
    }
  }

  /// Where output `slot` of step `step` lies; its bytes are what the step left there until a later step reuses them.
  public func address(ofOutput slot: Int, ofStep step: Int) -> UnsafeRawPointer? {
    pointers[firstPointer[step] + plan.steps[step].inputs.count + slot].map { UnsafeRawPointer($0) }
  }

  /// Bytes of the arena.
  public var arenaByteCount: Int { plan.arenaByteCount }

  /// Runs the plan on the bytes at `inputs` and writes the results to `outputs`.
  ///
  /// - Precondition: there is one pointer for each input and output, to as many bytes as its type takes, and no output
  ///   overlaps an input or another output.
  /// - Parameter control: asked before each step whether to go on.
  public func run(
    inputs: UnsafePointer<UnsafeRawPointer>, outputs: UnsafePointer<UnsafeMutableRawPointer>,
    control: RunControl? = nil
  ) throws(OperatorError) {
    for patch in patches {
      let base = patch.isOutput ? outputs[patch.index] : UnsafeMutableRawPointer(mutating: inputs[patch.index])
      pointers[patch.slot] = base + patch.offset
    }
    // Pointers to `exec` go to C drivers only, and only for the length of a step.
    try withUnsafePointer(to: &exec) { exec throws(OperatorError) in
      for index in plan.steps.indices {
        if let control { try control.check(plan.steps[index].label) }
        observer?.willRun(step: index)
        let operands = Operands(
          pointers: pointers + firstPointer[index], inputCount: plan.steps[index].inputs.count, exec: exec)
        try plan.steps[index].run(operands)
        observer?.didRun(step: index)
      }
    }
  }
}

extension Executor {
  /// Runs the plan on tensors of its input types and returns its outputs.
  func run(_ inputs: [Tensor], control: RunControl) throws(OperatorError) -> [Tensor] {
    let inputs = inputs.map(\.aligned)
    var outputs: [Tensor] = []
    for output in plan.outputs {
      let byteCount = output.dataType.byteCount(of: output.count)!
      guard let buffer = TensorBuffer(byteCount: byteCount, isZeroed: false, budget: control.budget) else {
        throw OperatorError(
          .tooLarge, node: "an output of shape \(output.shape)",
          "does not fit in what is left of \(control.budget.limit >> 20) MiB of memory")
      }
      outputs.append(Tensor(output.dataType, output.shape, buffer: buffer))
    }
    let sources = inputs.map(\.baseAddress)
    let targets = outputs.map(\.buffer.base)
    var failure: OperatorError?
    withExtendedLifetime((inputs, outputs)) {
      sources.withUnsafeBufferPointer { sources in
        targets.withUnsafeBufferPointer { targets in
          do throws(OperatorError) {
            // An empty list has no base address; then nothing is read through it.
            try run(
              inputs: sources.baseAddress ?? UnsafePointer(bitPattern: 64)!,
              outputs: targets.baseAddress ?? UnsafePointer(bitPattern: 64)!, control: control)
          } catch {
            failure = error
          }
        }
      }
    }
    if let failure { throw failure }
    return outputs
  }
}

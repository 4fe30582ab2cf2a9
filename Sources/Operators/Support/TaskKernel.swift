import CKernels
import GraphIR

/// One run of a kernel that consists of independent tasks.
private struct TaskRun {
  let operands: Operands
  let scratchPerWorker: Int
  let body: @Sendable (Operands, Int, UnsafeMutableRawPointer?) -> Void

  static let run: @Sendable @convention(c) (UnsafeMutableRawPointer?, Int, Int, UInt32) -> Void = {
    context, begin, end, worker in
    let call = context!.assumingMemoryBound(to: TaskRun.self)
    let scratch = call.pointee.operands.exec.pointee.scratch.map { $0 + Int(worker) * call.pointee.scratchPerWorker }
    for task in begin..<end { call.pointee.body(call.pointee.operands, task, scratch) }
  }
}

extension Kernel {
  /// A kernel of `count` tasks that write different elements and may run at the same time.
  ///
  /// - Parameters:
  ///   - scratchPerWorker: bytes of scratch memory that `task` gets, aligned to a cache line.
  ///   - check: looks at the inputs' contents before the first task.
  ///   - task: computes the task of that number.
  static func tasks(
    _ count: Int, threads: Int, scratchPerWorker: Int = 0, inPlaceInputs: Set<Int> = [], unreadInputs: Set<Int> = [],
    check: @escaping @Sendable (Operands) throws(OperatorError) -> Void = { _ in },
    _ task: @escaping @Sendable (Operands, Int, UnsafeMutableRawPointer?) -> Void
  ) -> Kernel {
    let perWorker = (scratchPerWorker + 63) / 64 * 64
    // A single task can run on any thread, but is not worth sharing out.
    let workers = count > 1 ? max(threads, 1) : 1
    return Kernel(
      scratchByteCount: perWorker * workers, inPlaceInputs: inPlaceInputs, unreadInputs: unreadInputs
    ) { operands throws(OperatorError) in
      try check(operands)
      var run = TaskRun(operands: operands, scratchPerWorker: perWorker, body: task)
      withUnsafeMutablePointer(to: &run) { run in
        if workers > 1, let pool = operands.exec.pointee.pool {
          vz_pool_run(pool, count, 1, TaskRun.run, run)
        } else {
          TaskRun.run(run, 0, count, 0)
        }
      }
    }
  }
}

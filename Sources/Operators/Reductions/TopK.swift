import GraphIR
import Tensors

/// ONNX `TopK`: the `k` largest (or smallest) elements along an axis, and where they are.
///
/// Equal elements keep their order. `k` is an attribute before opset 10 and an input since.
public struct TopK: Operator {
  public static let signatures = [Signature("TopK")]

  private let axis: Int
  private let attribute: Int?
  private let takesLargest: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    let isAttribute = node.version < 10
    try node.expectInputs(isAttribute ? 1...1 : 2...2)
    axis = try node.int("axis", default: -1)
    attribute = isAttribute ? try node.int("k") : nil
    if isAttribute, attribute == nil { throw node.invalid("the attribute “k” is missing") }
    takesLargest = try node.bool("largest", default: true)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    guard var dims = input.dims else {
      let unknown = nil as [Dimension]?
      return [.tensor(TensorType(input.dataType, unknown)), .tensor(TensorType(.int64, unknown))]
    }
    let axis = try context.axis(axis, rank: dims.count)
    var count = attribute
    if attribute == nil, let values = try context.integers(1) {
      guard values.count == 1 else { throw context.invalid("k must be one number") }
      count = values[0]
    }
    if let count {
      guard count >= 0, count <= dims[axis].value ?? .max else {
        throw context.invalid("k is \(count), which axis \(axis) of extent \(dims[axis]) does not have")
      }
    }
    dims[axis] = count.map { .fixed($0) } ?? .unknown
    return [.tensor(TensorType(input.dataType, dims)), .tensor(TensorType(.int64, dims))]
  }

  private struct Entry {
    var key: UInt64
    var index: Int

    /// Whether the entry comes later in the result.
    static func > (a: Entry, b: Entry) -> Bool { a.key == b.key ? a.index > b.index : a.key > b.key }
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let input = try context.input(0)
    let (type, shape) = (input.dataType, input.shape)
    let width = try context.movableByteCount(type)
    guard ElementAccess.supports(type) else { throw context.unsupported("elements of type \(type) are not supported") }
    let axis = try context.axis(axis, rank: shape.rank)
    guard let chosen = context.outputs.lazy.compactMap({ $0?.shape[axis] }).first else { return Kernel { _ in } }
    let (outer, length, inner) = (shape.count(0..<axis), shape[axis], shape.count((axis + 1)..<shape.rank))
    let takesLargest = takesLargest
    let (wantsValues, wantsIndices) = (
      context.outputs[0] != nil, context.outputs.count > 1 && context.outputs[1] != nil
    )
    let scratch = max(chosen, 1) * MemoryLayout<Entry>.stride
    return Kernel(scratchByteCount: scratch, unreadInputs: context.has(1) ? [1] : []) { operands in
      guard chosen > 0 else { return }
      let source = operands.rawInput(0)
      let heap = UnsafeMutableRawPointer(operands.exec.pointee.scratch!).assumingMemoryBound(to: Entry.self)
      for o in 0..<outer {
        for i in 0..<inner {
          for k in 0..<length {
            let key = SortKey.of(source, (o * length + k) * inner + i, type, descending: takesLargest)
            let entry = Entry(key: key, index: k)
            if k < chosen {
              heap[k] = entry
              Self.siftUp(heap, k)
            } else if heap[0] > entry {
              heap[0] = entry
              Self.siftDown(heap, chosen)
            }
          }
          // The worst of the chosen is on top: taking it off again and again sorts them from the end.
          for end in (1..<chosen).reversed() {
            (heap[0], heap[end]) = (heap[end], heap[0])
            Self.siftDown(heap, end)
          }
          for k in 0..<chosen {
            let place = (o * chosen + k) * inner + i
            if wantsValues {
              (operands.rawOutput(0) + place * width).copyMemory(
                from: source + ((o * length + heap[k].index) * inner + i) * width, byteCount: width)
            }
            if wantsIndices { operands.output(1, as: Int64.self)[place] = Int64(heap[k].index) }
          }
        }
      }
    }
  }

  private static func siftUp(_ heap: UnsafeMutablePointer<Entry>, _ start: Int) {
    var child = start
    while child > 0, heap[child] > heap[(child - 1) / 2] {
      (heap[child], heap[(child - 1) / 2]) = (heap[(child - 1) / 2], heap[child])
      child = (child - 1) / 2
    }
  }

  private static func siftDown(_ heap: UnsafeMutablePointer<Entry>, _ count: Int) {
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < count else { return }
      if child + 1 < count, heap[child + 1] > heap[child] { child += 1 }
      guard heap[child] > heap[parent] else { return }
      (heap[parent], heap[child]) = (heap[child], heap[parent])
      parent = child
    }
  }
}

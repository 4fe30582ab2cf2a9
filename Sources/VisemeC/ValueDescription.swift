import CViseme
import GraphIR
import Viseme

/// What a model declares of an input or output, in memory that C may read as long as this object lives.
final class ValueDescription: @unchecked Sendable {
  private let name: CString
  private let type: CString
  private let kind: Int
  private let elementType: Int32
  private let rank: Int32
  private let dims: UnsafeMutablePointer<Int64>
  private let dimNames: UnsafeMutablePointer<UnsafePointer<CChar>?>
  private let texts: [CString]

  init(_ name: String, _ type: ValueType) {
    self.name = CString(name)
    self.type = CString(type.onnxName)
    switch type {
    case .tensor, .unknown: kind = Int(VISEME_TENSOR)
    case .sequence: kind = Int(VISEME_SEQUENCE)
    case .optional: kind = Int(VISEME_OPTIONAL)
    }
    let tensor = type.innermostTensor
    elementType = tensor?.dataType?.rawValue ?? Int32(VISEME_UNDEFINED)
    let extents = tensor?.dims ?? []
    rank = tensor?.dims.map { Int32($0.count) } ?? -1
    dims = .allocate(capacity: max(extents.count, 1))
    dimNames = .allocate(capacity: max(extents.count, 1))
    var texts: [CString] = []
    for (axis, extent) in extents.enumerated() {
      (dims + axis).initialize(to: extent.value.map(Int64.init) ?? -1)
      var dimName: UnsafePointer<CChar>?
      if case .symbol(let symbol) = extent {
        texts.append(CString(symbol))
        dimName = UnsafePointer(texts[texts.count - 1].pointer)
      }
      (dimNames + axis).initialize(to: dimName)
    }
    self.texts = texts
  }

  deinit {
    dims.deallocate()
    dimNames.deallocate()
  }

  func fill(_ info: inout viseme_value_info) {
    info.name = UnsafePointer(name.pointer)
    info.type = UnsafePointer(type.pointer)
    info.kind = Int32(kind)
    info.element_type = elementType
    info.rank = rank
    info.dims = UnsafePointer(dims)
    info.dim_names = UnsafePointer(dimNames)
  }
}

extension ValueType {
  /// The type in the spelling of ONNX's type strings.
  fileprivate var onnxName: String {
    switch self {
    case .tensor(let type): "tensor(\(type.dataType?.description ?? "undefined"))"
    case .sequence(let element): "seq(\(element.onnxName))"
    case .optional(let element): "optional(\(element.onnxName))"
    case .unknown: "tensor(undefined)"
    }
  }

  fileprivate var innermostTensor: TensorType? {
    switch self {
    case .tensor(let type): type
    case .sequence(let element), .optional(let element): element.innermostTensor
    case .unknown: nil
    }
  }
}

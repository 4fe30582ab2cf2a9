import CViseme
import Viseme

extension viseme_model_options: SizedStructure {}
extension viseme_value_info: SizedStructure {}
extension viseme_tensor_info: SizedStructure {}

/// The object behind a `viseme_model`.
final class ModelHandle: Sendable {
  let model: Model
  let inputs: [ValueDescription]
  let outputs: [ValueDescription]

  init(_ model: Model) {
    self.model = model
    let graph = model.program.graph
    inputs = graph.inputs.map { ValueDescription(graph[$0].name, graph[$0].type) }
    outputs = graph.outputs.map { ValueDescription(graph[$0].name, graph[$0].type) }
  }
}

extension ModelOptions {
  init(_ given: UnsafePointer<viseme_model_options>?) throws(Failure) {
    let options = try options(
      given,
      default: viseme_model_options(
        struct_size: MemoryLayout<viseme_model_options>.size, threads: 1, is_reference: 0, memory_limit_bytes: 0,
        cache_directory: nil, is_low_memory: 0))
    guard (0...1024).contains(options.threads) else {
      throw .argument("threads is \(options.threads); give 0 for one per core, or 1 to 1024")
    }
    self.init(
      threads: Int(options.threads), isReference: options.is_reference != 0,
      memoryLimit: options.memory_limit_bytes == 0 ? nil : Int(clamping: options.memory_limit_bytes))
    cacheFolder = options.cache_directory.map { String(cString: $0) }
    savesMemory = options.is_low_memory != 0
  }
}

@_cdecl("viseme_model_open")
public func modelOpen(
  _ path: UnsafePointer<CChar>?, _ options: UnsafePointer<viseme_model_options>?,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  handOut(out) { () throws(Failure) in
    guard let path else { throw .argument("path is null") }
    let options = try ModelOptions(options)
    return ModelHandle(try translating { () throws(VisemeError) in try Model(path: String(cString: path), options: options) })
  }
}

@_cdecl("viseme_model_read")
public func modelRead(
  _ bytes: UnsafeRawPointer?, _ byteCount: Int, _ baseDirectory: UnsafePointer<CChar>?,
  _ options: UnsafePointer<viseme_model_options>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  handOut(out) { () throws(Failure) in
    guard bytes != nil || byteCount == 0 else { throw .argument("bytes is null") }
    let options = try ModelOptions(options)
    let folder = baseDirectory.map { String(cString: $0) }
    return ModelHandle(
      try translating { () throws(VisemeError) in
        try Model(
          bytes: UnsafeRawBufferPointer(start: bytes, count: byteCount), baseDirectory: folder, options: options)
      })
  }
}

@_cdecl("viseme_model_destroy")
public func modelDestroy(_ model: OpaquePointer?) { release(model) }

@_cdecl("viseme_model_input_count")
public func modelInputCount(_ model: OpaquePointer?) -> Int {
  model.map { object($0, as: ModelHandle.self).inputs.count } ?? 0
}

@_cdecl("viseme_model_output_count")
public func modelOutputCount(_ model: OpaquePointer?) -> Int {
  model.map { object($0, as: ModelHandle.self).outputs.count } ?? 0
}

@_cdecl("viseme_model_input")
public func modelInput(_ model: OpaquePointer?, _ index: Int, _ info: UnsafeMutablePointer<viseme_value_info>?) -> Int32 {
  reporting { () throws(Failure) in
    let model: ModelHandle = try object(model, "model")
    try describe(model.inputs, index, info)
  }
}

@_cdecl("viseme_model_output")
public func modelOutput(
  _ model: OpaquePointer?, _ index: Int, _ info: UnsafeMutablePointer<viseme_value_info>?
) -> Int32 {
  reporting { () throws(Failure) in
    let model: ModelHandle = try object(model, "model")
    try describe(model.outputs, index, info)
  }
}

private func describe(
  _ descriptions: [ValueDescription], _ index: Int, _ info: UnsafeMutablePointer<viseme_value_info>?
) throws(Failure) {
  guard descriptions.indices.contains(index) else {
    throw .argument("there is no index \(index); there are \(descriptions.count)")
  }
  try fill(info) { descriptions[index].fill(&$0) }
}

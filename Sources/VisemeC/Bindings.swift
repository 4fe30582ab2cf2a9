import CViseme
import Viseme

/// The object behind a `viseme_binding`.
final class BindingHandle {
  let session: SessionHandle
  let binding: Binding
  let outputs: [ValueHandle]
  /// Keeps wrapped tensors.
  private let inputs: [ValueHandle]

  init(session: SessionHandle, binding: Binding, inputs: [ValueHandle], outputs: [ValueHandle]) {
    self.session = session
    self.binding = binding
    self.inputs = inputs
    self.outputs = outputs
  }
}

@_cdecl("viseme_binding_create")
public func bindingCreate(
  _ session: OpaquePointer?, _ inputCount: Int, _ inputs: UnsafePointer<OpaquePointer?>?, _ outputCount: Int,
  _ outputs: UnsafePointer<OpaquePointer?>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  handOut(out) { () throws(Failure) in
    let session: SessionHandle = try object(session, "session")
    let model = session.model.model
    guard inputCount == model.inputs.count, outputCount == model.outputs.count else {
      throw .argument(
        "the model has \(model.inputs.count) inputs and \(model.outputs.count) outputs, "
          + "not \(inputCount) and \(outputCount)")
    }
    var sources: [ValueHandle] = []
    for index in 0..<inputCount { sources.append(try object(inputs?[index], "input \(index)")) }
    var targets: [ValueHandle?] = []
    for index in 0..<outputCount { targets.append(outputs?[index].map { object($0) }) }
    var given: [Tensor] = [], bound: [Tensor?] = []
    for (index, source) in sources.enumerated() { given.append(try source.tensor("input \(index)")) }
    for (index, target) in targets.enumerated() { bound.append(try target?.tensor("output \(index)")) }
    try checkOverlap(inputs: given, outputs: bound.compactMap { $0 })
    let binding = try translating { () throws(VisemeError) in try session.session.binding(given, outputs: bound) }
    let results = zip(targets, binding.outputs).map { target, tensor in target ?? ValueHandle(.tensor(tensor)) }
    return BindingHandle(session: session, binding: binding, inputs: sources, outputs: results)
  }
}

@_cdecl("viseme_binding_destroy")
public func bindingDestroy(_ binding: OpaquePointer?) { release(binding) }

@_cdecl("viseme_binding_run")
public func bindingRun(_ binding: OpaquePointer?, _ options: UnsafePointer<viseme_run_options>?) -> Int32 {
  reporting { () throws(Failure) in
    let binding: BindingHandle = try object(binding, "binding")
    try binding.session.running(options) { options throws(VisemeError) in try binding.binding.run(options: options) }
  }
}

@_cdecl("viseme_binding_output")
public func bindingOutput(
  _ binding: OpaquePointer?, _ index: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  handOut(out) { () throws(Failure) in
    let binding: BindingHandle = try object(binding, "binding")
    guard binding.outputs.indices.contains(index) else {
      throw .argument("there is no output \(index); there are \(binding.outputs.count)")
    }
    return binding.outputs[index]
  }
}

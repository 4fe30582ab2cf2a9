import COnnx
import GraphIR
import Tensors

/// Builds an `ONNXModel` from its message.
final class ModelReader {
  let tensors: TensorReader
  private(set) var irVersion = 0
  private var functionIDs: Set<ONNXFunction.ID> = []

  init(tensors: TensorReader) { self.tensors = tensors }

  func read(_ decoded: DecodedModel) throws(ImportError) -> ONNXModel {
    let proto = decoded.model.pointee
    defer { withExtendedLifetime(decoded) {} }
    guard let graph = proto.graph else { throw problem("", .missingGraph) }
    irVersion = Int(proto.ir_version)
    var opsets = try self.opsets(proto.opset_import, proto.n_opset_import, place: "")
    // Before IR version 3 models did not say.
    if irVersion < 3, opsets[""] == nil { opsets[""] = 1 }

    let functions = UnsafeBufferPointer(start: proto.functions, count: proto.n_functions)
    for case let function? in functions {
      let id = functionID(function.pointee)
      guard functionIDs.insert(id).inserted else {
        throw problem("function \(quoted(id.operatorName))", .repeatedName(id.operatorName))
      }
    }
    var model = ONNXModel(
      graph: try GraphReader(self, opsets: opsets).read(graph.pointee), opsets: opsets, irVersion: irVersion)
    for case let function? in functions { model.functions.append(try read(function.pointee)) }
    model.producerName = string(proto.producer_name) ?? ""
    model.producerVersion = string(proto.producer_version) ?? ""
    model.domain = string(proto.domain) ?? ""
    model.modelVersion = Int(proto.model_version)
    for case let entry? in UnsafeBufferPointer(start: proto.metadata_props, count: proto.n_metadata_props) {
      model.metadata[string(entry.pointee.key) ?? ""] = string(entry.pointee.value) ?? ""
    }
    return model
  }

  func problem(_ place: String, _ problem: ImportError.Problem) -> ImportError {
    ImportError(path: tensors.path, place: place, problem: problem)
  }

  /// What a node's operator is called: with the overload only if the model defines that function.
  func operatorName(_ name: String, domain: String, overload: String?) -> String {
    guard let overload else { return name }
    let id = ONNXFunction.ID(domain: domain, name: name, overload: overload)
    return functionIDs.contains(id) ? id.operatorName : name
  }

  private func functionID(_ proto: Onnx__FunctionProto) -> ONNXFunction.ID {
    ONNXFunction.ID(
      domain: normalizedDomain(proto.domain), name: string(proto.name) ?? "", overload: string(proto.overload) ?? "")
  }

  private func read(_ proto: Onnx__FunctionProto) throws(ImportError) -> ONNXFunction {
    let id = functionID(proto)
    let place = "function \(quoted(id.operatorName))"
    guard !id.name.isEmpty else { throw problem(place, .missingName(of: "a function")) }
    let opsets = try self.opsets(proto.opset_import, proto.n_opset_import, place: place)
    let body = try GraphReader(self, opsets: opsets).read(proto, name: id.operatorName, place: place)
    var defaults: [String: Attribute] = [:]
    let reader = GraphReader(self, opsets: opsets)
    for case let attribute? in UnsafeBufferPointer(start: proto.attribute_proto, count: proto.n_attribute_proto) {
      let (name, value) = try reader.attribute(attribute.pointee, place: place)
      defaults[name] = value
    }
    let names = UnsafeBufferPointer(start: proto.attribute, count: proto.n_attribute).compactMap { string($0) }
    return ONNXFunction(id: id, attributeNames: names, attributeDefaults: defaults, opsets: opsets, body: body)
  }

  private func opsets(
    _ entries: UnsafeMutablePointer<UnsafeMutablePointer<Onnx__OperatorSetIdProto>?>?, _ count: Int, place: String
  ) throws(ImportError) -> [String: Int] {
    var versions: [String: Int] = [:]
    for case let entry? in UnsafeBufferPointer(start: entries, count: count) {
      let domain = normalizedDomain(entry.pointee.domain)
      let version = Int(entry.pointee.version)
      if let other = versions.updateValue(version, forKey: domain), other != version {
        throw problem(place, .conflictingOpsets(domain: domain))
      }
    }
    return versions
  }
}

/// The domain, ONNX's own by its short name.
func normalizedDomain(_ domain: UnsafePointer<CChar>?) -> String {
  let domain = string(domain) ?? ""
  return domain == "ai.onnx" ? "" : domain
}

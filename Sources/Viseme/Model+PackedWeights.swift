import CKernels
import Compiler
import ONNXFormat
import WeightStore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension ModelOptions {
  /// The folder that keeps packed weights, as the options or the environment name it; nil for none.
  var resolvedCacheFolder: String? {
    func variable(_ name: String) -> String? {
      getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
    guard let folder = cacheFolder ?? variable("VISEME_CACHE"), !folder.isEmpty else { return nil }
    guard folder == Self.userCache else { return folder }
    if let base = variable("XDG_CACHE_HOME"), base.hasPrefix("/") { return base + "/viseme" }
    return variable("HOME").map { $0 + "/.cache/viseme" }
  }

  /// What in these options changes how weights are packed.
  fileprivate var packing: String {
    "\(savesMemory ? "small" : "fast") \(withoutPasses.sorted().joined(separator: ","))"
  }
}

extension PackedWeightStore {
  /// Where the packed weights of a model are or may be; nil where there are none and will be none.
  ///
  /// - Parameter isWanted: whether it is to be there in any case.
  convenience init?(_ origin: Model.Origin, isWanted: Bool = false) {
    let (path, options, model) = (origin.path, origin.options, origin.model)
    guard !options.isReference, let structure = model.structureHash, !model.mappings.isEmpty else { return nil }
    let level = String(cString: vz_cpu_name(options.compileOptions.level))
    let folder = options.resolvedCacheFolder
    guard isWanted || folder != nil || access(Self.path(beside: path, level: level), R_OK) == 0 else { return nil }
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let identity = ModelIdentity(
      structure: structure, files: model.mappings, options: "\(level) \(options.packing)",
      now: Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec))
    self.init(model: path, level: level, identity: identity, cacheFolder: folder)
  }
}

extension Model {
  /// What became of files of packed weights, one sentence each.
  public var packedWeightNotes: [String] { store?.findings.map { "\($0)" } ?? [] }

  /// Keeps what was packed, if a folder is given for it.
  func keepPackedWeights() { store?.keep(program.weights.lastingEntries) }

  /// Packs the weights for inputs of these shapes and writes them beside the model, whose sessions then map them.
  ///
  /// - Parameter shapes: the shape of every input whose extents the model leaves open.
  /// - Returns: the path of the file.
  public func writePackedWeights(_ shapes: [String: Shape] = [:]) throws(VisemeError) -> String {
    guard let origin, let store = store ?? PackedWeightStore(origin, isWanted: true) else {
      throw .packedWeights(
        model: name, reason: "only a model that was opened by its path, not as a reference, has a place for them")
    }
    _ = try Session(self).invocation(shapes)
    if let problem = store.writeBeside(program.weights.lastingEntries) {
      throw .packedWeights(model: name, reason: "\(store.besidePath) cannot be written (\(problem)); check the folder")
    }
    return store.besidePath
  }
}

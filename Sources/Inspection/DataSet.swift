import Files
import GraphIR
import ONNXFormat
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Folders in the form of ONNX's test data: `input_0.pb` and so on beside `output_0.pb` and so on.
public enum DataSet {
  /// Writes `output_<i>.pb`; each file appears whole, and the folder is made if it is missing.
  public static func writeOutputs(_ values: [(name: String, value: RuntimeValue)], to folder: String) throws {
    guard mkdir(folder, 0o777) == 0 || errno == EEXIST else {
      throw FileError(path: folder, "cannot be made (\(String(cString: strerror(errno)))); make its parent folder first")
    }
    for (index, output) in values.enumerated() {
      try ONNXValueFile(name: output.name, value: output.value).write(to: "\(folder)/output_\(index).pb")
    }
  }

  /// The recorded outputs of a folder, in order, without gaps; those beyond `types` are read as tensors.
  public static func outputs(in folder: String, types: [ValueType]) throws -> [RuntimeValue] {
    var values: [RuntimeValue] = []
    while exists("\(folder)/output_\(values.count).pb") {
      let type = values.count < types.count ? types[values.count] : .unknown
      // A recording of another element type than the model's is a difference, not a damaged file.
      let kind = type.tensor == nil ? type : .unknown
      values.append(try ONNXValueFile.load(path: "\(folder)/output_\(values.count).pb", type: kind).value)
    }
    return values
  }

  /// The folder itself if it holds recorded tensors, or else its `test_data_set_<i>`.
  public static func folders(in folder: String) throws -> [String] {
    if exists("\(folder)/input_0.pb") || exists("\(folder)/output_0.pb") { return [folder] }
    var found: [String] = []
    while exists("\(folder)/test_data_set_\(found.count)") { found.append("\(folder)/test_data_set_\(found.count)") }
    guard !found.isEmpty else {
      throw FileError(path: folder, "holds neither output_0.pb nor a folder test_data_set_0")
    }
    return found
  }

  private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}

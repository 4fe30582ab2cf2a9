import Files
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
  public static func writeOutputs(_ tensors: [(name: String, tensor: Tensor)], to folder: String) throws {
    guard mkdir(folder, 0o777) == 0 || errno == EEXIST else {
      throw FileError(path: folder, "cannot be made (\(String(cString: strerror(errno)))); make its parent folder first")
    }
    for (index, output) in tensors.enumerated() {
      try ONNXTensorFile(name: output.name, tensor: output.tensor).write(to: "\(folder)/output_\(index).pb")
    }
  }

  /// The recorded outputs of a folder, in order, without gaps.
  public static func outputs(in folder: String) throws -> [Tensor] {
    var tensors: [Tensor] = []
    while exists("\(folder)/output_\(tensors.count).pb") {
      tensors.append(try ONNXTensorFile.load(path: "\(folder)/output_\(tensors.count).pb").tensor)
    }
    return tensors
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

import Files
import Tensors

/// Arrays in NumPy's format (`.npy`).
public enum NumPyArray {
  /// Reads the array at `path`. Contents in order stay in the mapped file.
  public static func load(path: String, byteLimit: Int = 16 << 30) throws(FileError) -> Tensor {
    let file = try MappedFile(path: path)
    do {
      return try decode(file.bytes, owner: file, byteLimit: byteLimit)
    } catch {
      throw FileError(path: path, error.reason)
    }
  }

  /// Writes `tensor`; readers see the old file or the new one, never a part.
  public static func write(_ tensor: Tensor, to path: String) throws(FileError) {
    let encoded: [UInt8]
    do {
      encoded = try encode(tensor)
    } catch {
      throw FileError(path: path, error.reason)
    }
    var result: Result<Void, FileError> = .success(())
    encoded.withUnsafeBytes { bytes in
      do throws(FileError) { try AtomicFile.writeWhole([bytes], to: path) } catch { result = .failure(error) }
    }
    try result.get()
  }

  /// - Parameter owner: keeps `bytes` alive.
  package static func decode(
    _ bytes: UnsafeRawBufferPointer, owner: AnyObject, byteLimit: Int
  ) throws(NumPyHeader.Fault) -> Tensor {
    let header = try NumPyHeader(bytes)
    guard let (kind, isSwapped) = NumPyElements.kind(of: header.descriptor) else {
      throw NumPyHeader.Fault(
        "holds elements of NumPy's type “\(header.descriptor.prefix(40))”, for which ONNX has none; save another type")
    }
    let stride = NumPyElements.byteCount(of: kind)
    guard let count = header.shape.checkedCount, case let (byteCount, overflow) = count.multipliedReportingOverflow(by: stride),
      !overflow, byteCount <= byteLimit, count <= byteLimit / 16 || stride > 0
    else { throw NumPyHeader.Fault("has the impossible or too large shape \(header.shape)") }
    guard bytes.count - header.byteCount >= byteCount else {
      throw NumPyHeader.Fault(
        "ends after \(bytes.count - header.byteCount) of the \(byteCount) bytes that its shape \(header.shape) needs")
    }
    let content = UnsafeRawBufferPointer(rebasing: bytes[header.byteCount..<header.byteCount + byteCount])
    let order = header.isFortranOrder ? sourceOrder(header.shape) : nil
    guard case .plain(let type) = kind else {
      guard count <= byteLimit / 16 else { throw NumPyHeader.Fault("has the too large shape \(header.shape)") }
      let strings = (0..<count).map { index in
        let at = (order?[index] ?? index) * stride
        return NumPyElements.text(
          UnsafeRawBufferPointer(rebasing: content[at..<at + stride]), kind, isSwapped: isSwapped)
      }
      return Tensor(strings: strings, shape: header.shape)
    }
    guard order != nil || isSwapped else {
      return Tensor(type, header.shape, buffer: TensorBuffer(borrowing: content, owner: owner))
    }
    return reordered(content, type, header.shape, order, isSwapped: isSwapped)
  }

  package static func encode(_ tensor: Tensor) throws(NumPyHeader.Fault) -> [UInt8] {
    if tensor.dataType == .string { return encodeStrings(tensor) }
    guard let descriptor = NumPyElements.descriptor(of: tensor.dataType) else {
      throw NumPyHeader.Fault("cannot hold \(tensor.dataType) elements: NumPy has no such type; write .pb files instead")
    }
    var bytes = NumPyHeader.encode(descriptor: descriptor, shape: tensor.shape)
    tensor.withUnsafeBytes { bytes += $0 }
    return bytes
  }

  private static func encodeStrings(_ tensor: Tensor) -> [UInt8] {
    let length = max(tensor.strings.map(\.unicodeScalars.count).max() ?? 1, 1)
    var bytes = NumPyHeader.encode(descriptor: "<U\(length)", shape: tensor.shape)
    for text in tensor.strings {
      for scalar in text.unicodeScalars { withUnsafeBytes(of: scalar.value.littleEndian) { bytes += $0 } }
      bytes += repeatElement(0, count: 4 * (length - text.unicodeScalars.count))
    }
    return bytes
  }

  /// For each element in row-major order: its place in column-major order.
  private static func sourceOrder(_ shape: Shape) -> [Int] {
    var strides: [Int] = []
    var step = 1
    for extent in shape.dims {
      strides.append(step)
      step *= max(extent, 1)
    }
    var index = [Int](repeating: 0, count: shape.rank)
    var order: [Int] = []
    order.reserveCapacity(shape.count)
    var position = 0
    for _ in 0..<shape.count {
      order.append(position)
      for axis in shape.dims.indices.reversed() {
        index[axis] += 1
        position += strides[axis]
        guard index[axis] == shape[axis] else { break }
        position -= strides[axis] * shape[axis]
        index[axis] = 0
      }
    }
    return order
  }

  private static func reordered(
    _ content: UnsafeRawBufferPointer, _ type: DataType, _ shape: Shape, _ order: [Int]?, isSwapped: Bool
  ) -> Tensor {
    let stride = type.elementByteCount ?? 1
    // Both halves of a complex number are swapped by themselves.
    let unit = type == .complex64 || type == .complex128 ? stride / 2 : stride
    var tensor = Tensor(type, shape)
    let count = tensor.count
    tensor.withUnsafeMutableBytes { target in
      for index in 0..<count {
        let source = (order?[index] ?? index) * stride
        for byte in 0..<stride {
          let from = isSwapped ? byte / unit * unit + (unit - 1 - byte % unit) : byte
          target[index * stride + byte] = content[source + from]
        }
      }
    }
    return tensor
  }
}

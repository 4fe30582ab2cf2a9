import Tensors
import Testing

import NumPyFormat

struct NumPyArrayTests {
  private func decode(_ bytes: [UInt8], byteLimit: Int = 1 << 20) throws -> Tensor {
    let buffer = TensorBuffer(byteCount: bytes.count)
    bytes.withUnsafeBytes { if let start = $0.baseAddress { buffer.base.copyMemory(from: start, byteCount: $0.count) } }
    return try NumPyArray.decode(
      UnsafeRawBufferPointer(start: buffer.base, count: bytes.count), owner: buffer, byteLimit: byteLimit)
  }

  private func array(_ header: String, _ content: [UInt8] = []) -> [UInt8] {
    NumPyHeader.magic + [1, 0, UInt8(header.utf8.count & 0xff), UInt8(header.utf8.count >> 8)] + Array(header.utf8) + content
  }

  @Test func whatIsWrittenIsRead() throws {
    let tensor = Tensor([1.5, -2, .infinity, 0, 4, 5] as [Float], shape: [2, 3])
    let copy = try decode(try NumPyArray.encode(tensor))
    #expect(copy.shape == [2, 3] && copy.elements(as: Float.self) == tensor.elements(as: Float.self))
    let scalar = try decode(try NumPyArray.encode(Tensor(scalar: Int64(-7))))
    #expect(scalar.shape == [] && scalar.elements(as: Int64.self) == [-7])
    let empty = try decode(try NumPyArray.encode(Tensor(.uint8, [0, 5])))
    #expect(empty.shape == [0, 5] && empty.count == 0)
  }

  @Test func elementsStartAtAMultipleOf64() throws {
    for rank in 0..<9 {
      let bytes = try NumPyArray.encode(Tensor(.uint8, Shape([Int](repeating: 1, count: rank))))
      #expect((bytes.count - 1).isMultiple(of: 64), "rank \(rank)")
    }
  }

  @Test func stringsComeBack() throws {
    let tensor = Tensor(strings: ["", "abc", "ü→𝄞"], shape: [3, 1])
    let copy = try decode(try NumPyArray.encode(tensor))
    #expect(copy.strings == tensor.strings && copy.shape == [3, 1])
    let bytes = try decode(array("{'descr': '|S3', 'fortran_order': False, 'shape': (2,), }", Array("ab\0xyz".utf8)))
    #expect(bytes.strings == ["ab", "xyz"])
  }

  @Test func orderIsTakenCareOf() throws {
    let header = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3)}"
    // Columns (0, 3), (1, 4), (2, 5), high byte first.
    let tensor = try decode(array(header, [0, 0, 0, 3, 0, 1, 0, 4, 0, 2, 1, 5]))
    #expect(tensor.elements(as: Int16.self) == [0, 1, 2, 3, 4, 0x105])
  }

  @Test func headersThatLieAreRefused() {
    for header in [
      "", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "{'descr': '|O', 'fortran_order': False, 'shape': ()}",
      "{'descr': '<U0', 'fortran_order': False, 'shape': (9223372036854775807,), }",
      "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}",
      String(repeating: "{", count: 30000), "{'descr': {'descr': {'descr': ", "{'descr': '", "{'shape': (1,,), }",
    ] {
      #expect(throws: NumPyHeader.Fault.self, "\(header.prefix(60))") { try decode(array(header, [1, 2, 3])) }
    }
    #expect(throws: NumPyHeader.Fault.self) { try decode(Array("\u{93}NUMPY".utf8)) }
  }

  @Test func theLimitHolds() {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }"
    let bytes = array(header, [UInt8](repeating: 0, count: 20))
    #expect(throws: Never.self) { try decode(bytes, byteLimit: 20) }
    #expect(throws: NumPyHeader.Fault.self) { try decode(bytes, byteLimit: 19) }
  }
}

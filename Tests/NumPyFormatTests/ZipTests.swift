import Testing

import NumPyFormat

struct ZipTests {
  @Test func whatIsWrittenIsFound() throws {
    var writer = ZipWriter()
    writer.add(name: "a.npy", [1, 2, 3])
    writer.add(name: "ordner/ü.npy", [])
    let bytes = try #require(writer.finished())
    try bytes.withUnsafeBytes { bytes in
      let entries = try ZipDirectory(bytes).entries
      #expect(entries.map(\.name) == ["a.npy", "ordner/ü.npy"])
      #expect(entries.map { Array($0.content) } == [[1, 2, 3], []])
    }
  }

  @Test func damagedDirectoriesAreRefusedOrHarmless() throws {
    var writer = ZipWriter()
    writer.add(name: "a.npy", [UInt8](repeating: 7, count: 40))
    let whole = try #require(writer.finished())
    for end in 0..<whole.count {
      whole[..<end].withUnsafeBytes { bytes in
        #expect(throws: NumPyHeader.Fault.self, "cut at \(end)") { try ZipDirectory(bytes) }
      }
    }
    for position in whole.indices {
      for value in [0, 0x7f, 0xff] as [UInt8] {
        var bytes = whole
        bytes[position] = value
        bytes.withUnsafeBytes { bytes in
          // Whatever is found lies inside.
          for entry in (try? ZipDirectory(bytes).entries) ?? [] { _ = Array(entry.content) }
        }
      }
    }
  }
}

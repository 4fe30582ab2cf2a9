/// What a file that is not an ONNX model looks like; nil when its first bytes say nothing.
func foreignKind(of bytes: UnsafeRawBufferPointer) -> String? {
  let head = Array(bytes.prefix(1024))
  func starts(with text: String, at offset: Int = 0) -> Bool { head.dropFirst(offset).starts(with: text.utf8) }

  if starts(with: "PK\u{3}\u{4}") { return "a zip archive (PyTorch .pt, NumPy .npz)" }
  if starts(with: "version https://git-lfs") { return "a Git LFS pointer whose file was not fetched" }
  if starts(with: "GGUF") { return "a GGUF model" }
  if starts(with: "TFL3", at: 4) { return "a TensorFlow Lite model" }
  if head.starts(with: [0x89, 0x48, 0x44, 0x46]) { return "an HDF5 file" }
  if head.starts(with: [0x1f, 0x8b]) { return "a gzip archive" }
  if head.count > 1, head[0] == 0x80, (2...5).contains(head[1]) { return "a Python pickle" }
  if head.count > 8, head[8] == UInt8(ascii: "{"), head[4..<8].allSatisfy({ $0 == 0 }) { return "a safetensors file" }
  // The cut may have gone through a character.
  let text = String(decoding: head, as: UTF8.self).lowercased()
  let isUnicode = !text.dropLast(3).unicodeScalars.contains("\u{fffd}")
  guard !head.isEmpty, isUnicode, head.allSatisfy(isText) else { return nil }
  // `String.contains` would link the whole of regular expressions.
  let characters = Array(text.utf8)
  func holds(_ part: String) -> Bool { characters.indices.contains { characters[$0...].starts(with: part.utf8) } }
  if holds("<!doctype html") || holds("<html") { return "a web page" }
  if text.first(where: { !$0.isWhitespace }) == "{" { return "a JSON file" }
  return "a text file"
}

private func isText(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7f || (0x09...0x0d).contains(byte) }

/// The operators of ONNX Runtime's own operator set, which its optimizer and its quantizer write.
enum Contributed {
  static let domain = "com.microsoft"
}

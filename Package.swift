// swift-tools-version:6.0
import PackageDescription

/// The rooms of the house and who may lean on whom: see CONTRIBUTING.md. Arrows only run towards `CKernels`.
let package = Package(
  name: "viseme",
  products: [
    .library(name: "Viseme", targets: ["Viseme"]),
    .library(name: "VisemeHead", targets: ["Head"]),
    .library(name: "VisemeC", type: .dynamic, targets: ["VisemeC"]),
    .executable(name: "viseme", targets: ["VisemeCLI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
  ],
  targets: [
    .target(
      name: "CKernels", path: "Kernels",
      linkerSettings: [.linkedLibrary("m"), .linkedLibrary("pthread"), .linkedLibrary("dl")]),
    .target(name: "Tensors", dependencies: ["CKernels"]),
    .target(name: "GraphIR", dependencies: ["Tensors", "CKernels"]),
    .target(name: "Operators", dependencies: ["GraphIR", "Tensors", "CKernels"]),
    .target(name: "Compiler", dependencies: ["Operators", "GraphIR", "Tensors", "CKernels"]),
    .target(
      name: "COnnx", exclude: ["onnx.proto"],
      linkerSettings: [.linkedLibrary("protobuf-c")]),
    .target(name: "Files"),
    .target(name: "ONNXFormat", dependencies: ["COnnx", "Files", "GraphIR", "Tensors"]),
    .systemLibrary(name: "CZlib"),
    .target(name: "NumPyFormat", dependencies: ["CZlib", "Files", "Tensors"]),
    .target(name: "WeightStore", dependencies: ["Files", "GraphIR", "Tensors"]),
    .target(
      name: "Viseme",
      dependencies: ["Compiler", "ONNXFormat", "WeightStore", "Operators", "GraphIR", "Tensors", "CKernels"]),
    .target(name: "Conversion", dependencies: ["Compiler", "ONNXFormat", "GraphIR", "Tensors"]),
    .target(
      name: "Inspection",
      dependencies: ["Viseme", "Compiler", "ONNXFormat", "NumPyFormat", "Operators", "GraphIR", "Files", "CKernels"]),
    .target(
      name: "CMedia",
      linkerSettings: [
        .linkedLibrary("jpeg"), .linkedLibrary("png"), .linkedLibrary("sndfile"), .linkedLibrary("samplerate"),
      ]),
    .target(name: "Media", dependencies: ["CMedia", "CKernels", "Tensors"]),
    .target(name: "Head", dependencies: ["Viseme", "Media", "CKernels"]),
    .target(name: "CViseme", exclude: ["viseme.pc.in", "exports.map"]),
    .target(
      name: "VisemeC",
      dependencies: ["CViseme", "Viseme", "Compiler", "ONNXFormat", "GraphIR", "Tensors"]),
    .executableTarget(
      name: "VisemeCLI",
      dependencies: [
        "Head", "Conversion", "Inspection", "NumPyFormat", "ONNXFormat", "Compiler", "Files", "Media", "Viseme",
        "CKernels",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .executableTarget(name: "KernelCheck", dependencies: ["CKernels"], path: "Tests/KernelCheck"),
    .executableTarget(
      name: "Fuzz",
      dependencies: [
        "Viseme", "Conversion", "Inspection", "ONNXFormat", "Compiler", "Operators", "GraphIR", "Tensors", "COnnx",
      ],
      path: "Tests/Fuzz"),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors"]),
    .testTarget(name: "GraphIRTests", dependencies: ["GraphIR"]),
    .testTarget(name: "OperatorsTests", dependencies: ["Operators"]),
    .testTarget(name: "CompilerTests", dependencies: ["Compiler"]),
    .testTarget(name: "ONNXFormatTests", dependencies: ["ONNXFormat", "COnnx"], exclude: ["Fixtures"]),
    .testTarget(name: "NumPyFormatTests", dependencies: ["NumPyFormat"]),
    .testTarget(name: "VisemeTests", dependencies: ["Viseme", "GraphIR", "CKernels"]),
    .testTarget(name: "ConversionTests", dependencies: ["Conversion"]),
    .testTarget(name: "InspectionTests", dependencies: ["Inspection"]),
    .testTarget(name: "MediaTests", dependencies: ["Media"], exclude: ["Fixtures", "Golden"]),
    .testTarget(name: "HeadTests", dependencies: ["Head"]),
  ],
  cLanguageStandard: .gnu11
)

"""ONNX's backend test suite on Viseme and on other runtimes: see Tools/conformance --help."""

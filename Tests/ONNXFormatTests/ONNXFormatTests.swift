import Testing
import ONNXFormat

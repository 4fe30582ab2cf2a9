import CKernels
import GraphIR
import Tensors

extension ElementwiseKernel {
  /// The kernel of a quantizer with one scale: constants go into its code.
  static func quantization(
    _ quantizer: some ElementwiseOperator, _ context: KernelContext
  ) throws(OperatorError) -> Kernel {
    let output = try context.output(0)
    var program = ElementwiseProgram()
    var read: [Int] = []
    var registers: [ElementwiseProgram.Register] = []
    for index in context.inputs.indices where context.has(index) {
      if index > 0, let number = context.constant(index)?.elementwiseConstant {
        registers.append(program.constant(number))
      } else {
        registers.append(program.addInput())
        read.append(index)
      }
    }
    program.outputs = [quantizer.emit(&program, registers, output: output.dataType)]
    let unread = Set(context.inputs.indices.filter(context.has)).subtracting(read)
    guard let kernel = ElementwiseKernel.make(program, sources: read, axis: nil, context, unread: unread) else {
      throw context.unsupported("an input of shape \(output.shape) in this layout is not implemented")
    }
    return kernel
  }
}

extension Tensor {
  /// The only element of a tensor whose type elementwise kernels know.
  public var elementwiseConstant: Float? {
    guard count == 1, dataType == .float32 || dataType.isElementwiseInteger else { return nil }
    return Float(ElementAccess.double(baseAddress, 0, dataType))
  }
}

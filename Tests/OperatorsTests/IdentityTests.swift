import Tensors
import Testing

@Suite struct IdentityTests {
  @Test func givesItsInputBack() {
    let x = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [1, 2, 3])
    OperatorRunner("Identity", version: 13).expect([x], equals: [x])
  }

  @Test func reshapeKeepsTheOrder() {
    let x = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [1, 2, 3])
    OperatorRunner("Reshape", version: 13).expect(
      [x, Tensor([3, -1] as [Int64])], constants: [1], equals: [x.reshaped([3, 2])])
  }

  @Test func shapeFolds() {
    let x = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [1, 2, 3])
    OperatorRunner("Shape", version: 15, attributes: ["start": .int(1)]).expect([x], equals: [Tensor([2, 3] as [Int64])])
  }

  @Test func aWrongReshapeIsRefused() {
    OperatorRunner("Reshape", version: 13).expectRefusal(
      [Tensor([1, 2, 3] as [Float]), Tensor([2, 2] as [Int64])], constants: [1])
  }
}

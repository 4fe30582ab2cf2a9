import Tensors
import Testing

import Inspection

struct ComparisonTests {
  @Test func equalTensorsDifferByNothing() {
    let tensor = Tensor([1, -2, .nan, .infinity] as [Float])
    let comparison = TensorComparison("x", tensor, reference: tensor)
    #expect(comparison.isWithin(0) && comparison.psnr == nil && comparison.maximumError == 0 && comparison.cosine == 1)
  }

  @Test func whatIsNotANumberCountsByItself() {
    let reference = Tensor([1, .nan, .infinity, -.infinity, 0] as [Float])
    let tensor = Tensor([.nan, .nan, -.infinity, -.infinity, 0] as [Float])
    let comparison = TensorComparison("x", tensor, reference: reference)
    #expect(comparison.unlikeNonFinite == 2 && !comparison.isWithin(.infinity))
  }

  @Test func aLargeErrorInOneElementIsNotAveragedAway() {
    let reference = [Float](repeating: 1, count: 10_000)
    var values = reference
    values[17] = 1.05
    let comparison = TensorComparison("x", Tensor(values), reference: Tensor(reference))
    #expect(comparison.rmsRelative < 1e-3 && !comparison.isWithin(1e-3) && comparison.isWithin(0.1))
  }

  @Test func whatCannotBeComparedIsSaid() {
    let x = Tensor([1, 2] as [Float])
    #expect(TensorComparison("x", x, reference: Tensor([1, 2] as [Double])).mismatch?.contains("double") == true)
    #expect(TensorComparison("x", x, reference: x.reshaped([2, 1])).mismatch?.contains("[2,1]") == true)
    let words = Tensor(strings: ["a", "b"])
    #expect(TensorComparison("x", words, reference: Tensor(strings: ["a", "c"])).mismatch == "1 of 2 strings differ")
    #expect(TensorComparison("x", words, reference: words).isWithin(0))
  }

  @Test func everyTypeWidens() {
    var numbers = SeededNumbers(seed: 1)
    for type in DataType.allCases where type != .string {
      let tensor = Tensor.random(type, [3, 5], &numbers)
      let isComplex = type == .complex64 || type == .complex128
      let values = tensor.doubles ?? []
      #expect(values.count == (isComplex ? 30 : 15), "\(type)")
      #expect(values.allSatisfy { $0.isFinite && $0.magnitude <= 2 }, "\(type)")
      #expect(Set(values).count > 1, "\(type)")
      #expect(TensorComparison("x", tensor, reference: tensor).isWithin(0))
    }
  }

  @Test func packedElementsStartAtTheLowEnd() {
    var tensor = Tensor(.int4, [3])
    tensor.withUnsafeMutableBytes { $0[0] = 0x8f; $0[1] = 0x07 }
    #expect(tensor.doubles == [-1, -8, 7])
    var pairs = Tensor(.int2, [4])
    pairs.withUnsafeMutableBytes { $0[0] = 0b11_10_01_00 }
    #expect(pairs.doubles == [0, 1, -2, -1])
  }

  @Test func quantilesLieBetweenNumbers() {
    #expect(quantile(0.5, of: [1, 2, 4]) == 2 && quantile(0.5, of: [1, 2]) == 1.5)
    #expect(quantile(0.99, of: [3]) == 3 && quantile(1, of: [1, 9]) == 9 && quantile(0, of: [1, 9]) == 1)
  }
}

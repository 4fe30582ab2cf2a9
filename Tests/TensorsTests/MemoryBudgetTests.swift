import Tensors
import Testing

struct MemoryBudgetTests {
  @Test func aBufferTakesItsBytesAndGivesThemBack() {
    let budget = MemoryBudget(limit: 1000)
    do {
      let kept = TensorBuffer(byteCount: 600, budget: budget)
      #expect(kept != nil && budget.byteCount == 600)
      #expect(TensorBuffer(byteCount: 401, budget: budget) == nil)
      #expect(TensorBuffer(byteCount: 400, budget: budget) != nil)
    }
    #expect(budget.byteCount == 0)
    do {
      let small = TensorBuffer(byteCount: 1, budget: budget)
      #expect(small != nil && budget.byteCount == TensorBuffer.leastReserved)
    }
    #expect(!budget.reserve(-1) && !budget.reserve(.max))
    #expect(budget.byteCount == 0)
  }
}

import Tensors
import Testing

struct MemoryBudgetTests {
  @Test func aBufferTakesItsBytesAndGivesThemBack() {
    let budget = MemoryBudget(limit: 100)
    do {
      let kept = TensorBuffer(byteCount: 60, budget: budget)
      #expect(kept != nil && budget.byteCount == 60)
      #expect(TensorBuffer(byteCount: 41, budget: budget) == nil)
      #expect(TensorBuffer(byteCount: 40, budget: budget) != nil)
    }
    #expect(budget.byteCount == 0)
    #expect(!budget.reserve(-1) && !budget.reserve(.max))
    #expect(budget.byteCount == 0)
  }
}

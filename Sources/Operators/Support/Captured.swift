/// What a kernel's code captures: parameter blocks of C, whose pointers reach memory that the kernel retains.
struct Captured<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

/// Arrays of three, as parameter blocks of C hold them.
typealias Triple<Element> = (Element, Element, Element)

/// `values` at the end of a triple: the axes (depth, height, width) of volumes, images and sequences.
func triple<Element>(_ values: [Element], filledWith filler: Element) -> Triple<Element> {
  precondition(values.count <= 3)
  let all = [Element](repeating: filler, count: 3 - values.count) + values
  return (all[0], all[1], all[2])
}

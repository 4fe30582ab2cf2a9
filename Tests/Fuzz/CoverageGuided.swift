#if LIBFUZZER
  import Glibc

  /// The corpus whose parts mutations put into cases.
  private let donors = Donors(files(in: getenv("VISEME_FUZZ_CORPUS").map { String(cString: $0) } ?? ".").map(read))

  @_cdecl("LLVMFuzzerTestOneInput")
  public func testOneInput(_ data: UnsafePointer<UInt8>?, _ byteCount: Int) -> CInt {
    _ = Case(Array(UnsafeBufferPointer(start: data, count: byteCount))).run()
    return 0
  }

  @_cdecl("LLVMFuzzerCustomMutator")
  public func mutate(_ data: UnsafeMutablePointer<UInt8>, _ byteCount: Int, _ limit: Int, _ seed: UInt32) -> Int {
    var mutator = Mutator(seed: UInt64(seed), donors: donors)
    let result = mutator.mutated(Array(UnsafeBufferPointer(start: data, count: byteCount)), limit: limit)
    result.withUnsafeBufferPointer { data.update(from: $0.baseAddress!, count: $0.count) }
    return result.count
  }

  @_cdecl("LLVMFuzzerCustomCrossOver")
  public func crossOver(
    _ first: UnsafePointer<UInt8>, _ firstCount: Int, _ second: UnsafePointer<UInt8>, _ secondCount: Int,
    _ target: UnsafeMutablePointer<UInt8>, _ limit: Int, _ seed: UInt32
  ) -> Int {
    var mutator = Mutator(seed: UInt64(seed), donors: donors)
    let result = mutator.crossed(
      Array(UnsafeBufferPointer(start: first, count: firstCount)),
      Array(UnsafeBufferPointer(start: second, count: secondCount)), limit: limit)
    result.withUnsafeBufferPointer { target.update(from: $0.baseAddress!, count: $0.count) }
    return result.count
  }
#endif

import CKernels
import Glibc
import Testing

import Viseme

struct CoreSelectionTests {
  @Test func listsAreNumbersAndRanges() {
    #expect(CoreSelection("all") == .all && CoreSelection("big") == .big)
    #expect(CoreSelection("3") == .list([3]))
    #expect(CoreSelection("0,4-6,5") == .list([0, 4, 5, 6]))
    for text in ["", "x", "-1", "3-", "1-2-3", "5-4", "1,,2", " 1", "+1", "1024", "99999999999999999999", "BIG"] {
      #expect(CoreSelection(text) == nil, "“\(text)”")
    }
  }

  /// The boards people have: what Linux publishes there, and which cores are the big ones.
  @Test func bigCoresAreThoseWithTheMostCapacity() throws {
    // Four A55 and four A76, as on an RK3588.
    try expectBig([4, 5, 6, 7], capacities: [530, 530, 530, 530, 1024, 1024, 1024, 1024])
    // A prime core is not alone.
    try expectBig([4, 5, 6, 7], capacities: [250, 250, 250, 250, 870, 870, 870, 1024])
    try expectBig([0, 1, 2, 3], capacities: [1024, 1024, 1024, 1024])
    // Capacity counts more than frequency.
    try expectBig([2, 3], capacities: [400, 400, 1024, 1024], frequencies: [2_000_000, 2_000_000, 1_800_000, 1_800_000])
    // Without capacities, frequencies.
    try expectBig([2, 3], frequencies: [1_000_000, 1_000_000, 2_000_000, 1_900_000])
    // What one core does not tell is no measure.
    try expectBig([0, 1, 2], capacities: [1024, nil, 200])
    try expectBig([0, 1], capacities: [nil, nil], frequencies: [nil, nil])
  }

  @Test func onlyAllowedCoresCount() throws {
    let folder = try FakeCores(capacities: [500, 500, 1024, 1024])
    // With the big cores taken away, the little ones are the fastest there are.
    #expect(CoreSelection.big.resolve(of: vz_cores([0, 1]), folder: folder.path).numbers == [0, 1])
    #expect(CoreSelection.big.resolve(of: vz_cores([1, 3]), folder: folder.path).numbers == [3])
    #expect(CoreSelection.list([0, 3, 900]).resolve(of: vz_cores([1, 3]), folder: folder.path).numbers == [3])
    #expect(CoreSelection.list([0]).resolve(of: vz_cores([1, 3])).numbers.isEmpty)
  }

  @Test func threadsStayOnTheCoresChosen() throws {
    let before = vz_cores_allowed()
    defer { _ = withUnsafePointer(to: before) { vz_cores_pin($0) } }
    let first = try #require(CoreSelection.all.cores.first)
    #expect(!CoreSelection.list([Int(VZ_CORES) - 1]).pin(), "a core that is not there")
    #expect(vz_cores_allowed().numbers == before.numbers)
    #expect(CoreSelection.list([first]).pin())
    #expect(CoreSelection.all.cores == [first])
    #expect(vz_pool_default_threads() == 1)
  }

  private func expectBig(
    _ expected: [Int], capacities: [Int?] = [], frequencies: [Int?] = [], at location: SourceLocation = #_sourceLocation
  ) throws {
    let folder = try FakeCores(capacities: capacities, frequencies: frequencies)
    let all = vz_cores(0..<max(capacities.count, frequencies.count))
    #expect(CoreSelection.big.resolve(of: all, folder: folder.path).numbers == expected, sourceLocation: location)
  }
}

/// A folder like /sys/devices/system/cpu, removed with its last use.
private final class FakeCores {
  let path: String

  init(capacities: [Int?] = [], frequencies: [Int?] = []) throws {
    var template = Array("/tmp/viseme-cores-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure.folder(errno) }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    for core in 0..<max(capacities.count, frequencies.count) {
      mkdir("\(path)/cpu\(core)", 0o755)
      if core < capacities.count, let value = capacities[core] { try write(value, to: "cpu\(core)/cpu_capacity") }
      if core < frequencies.count, let value = frequencies[core] {
        mkdir("\(path)/cpu\(core)/cpufreq", 0o755)
        try write(value, to: "cpu\(core)/cpufreq/cpuinfo_max_freq")
      }
    }
  }

  deinit {
    for core in 0..<16 {
      for name in ["cpu_capacity", "cpufreq/cpuinfo_max_freq"] { unlink("\(path)/cpu\(core)/\(name)") }
      for name in ["/cpufreq", ""] { rmdir("\(path)/cpu\(core)\(name)") }
    }
    rmdir(path)
  }

  private func write(_ value: Int, to name: String) throws {
    guard let file = fopen("\(path)/\(name)", "w") else { throw Failure.file(name) }
    defer { fclose(file) }
    fputs("\(value)\n", file)
  }

  private enum Failure: Error {
    case folder(Int32)
    case file(String)
  }
}

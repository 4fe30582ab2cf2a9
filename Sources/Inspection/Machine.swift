import CKernels
import Viseme

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The machine that something was measured on, in the words that people compare machines by.
public struct Machine: Sendable, Encodable {
  /// Cores of one kind.
  public struct Cores: Sendable, Encodable {
    /// Such as `Cortex-A76`, or the processor's own name on x86-64.
    public var kind: String
    public var numbers: [Int]
    /// The most they can do, where Linux knows it.
    public var megahertz: Int?
  }

  /// The board's name in its device tree.
  public var board: String?
  public var architecture: String
  public var cores: [Cores]
  /// The instruction set that kernels are chosen for.
  public var level: String
  /// How the cores' frequency is chosen: anything but `performance` makes short runs slower.
  public var governor: String?
  public var memoryByteCount: Int
  public var pageByteCount: Int
  /// The system's kernel.
  public var kernel: String

  /// - Parameter root: the folder that stands for `/`: what it has of `/proc` and `/sys` describes the machine.
  public init(root: String = "") {
    let folder = MachineFolder(root: root)
    board = folder.text("/proc/device-tree/model") ?? folder.text("/sys/firmware/devicetree/base/model")
    level = String(cString: vz_cpu_name(vz_cpu_default()))
    governor = folder.text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    memoryByteCount = folder.memoryByteCount
    pageByteCount = Int(sysconf(Int32(_SC_PAGESIZE)))
    var names = utsname()
    uname(&names)
    architecture = withUnsafeBytes(of: names.machine) { text($0) }
    kernel = withUnsafeBytes(of: names.release) { text($0) }
    cores = folder.cores
  }

  /// The hottest part that Linux knows of, in degrees Celsius.
  public static func temperature(root: String = "") -> Double? {
    let folder = MachineFolder(root: root)
    return (0..<64).lazy.compactMap { folder.number("/sys/class/thermal/thermal_zone\($0)/temp") }
      .map { Double($0) / 1000 }.filter { (-40...200).contains($0) }.max()
  }

  /// What the fastest of some cores runs at now, in megahertz. Less than it can do: the machine is idle, or throttled.
  public static func megahertz(of cores: [Int], root: String = "") -> Int? {
    let folder = MachineFolder(root: root)
    return cores.compactMap { folder.number("/sys/devices/system/cpu/cpu\($0)/cpufreq/scaling_cur_freq") }.max()
      .map { $0 / 1000 }
  }
}

/// What Linux says of a machine, read from its files.
private struct MachineFolder {
  let root: String

  /// A small file, without what is not printed at its end; nil if there is none.
  func text(_ path: String) -> String? {
    guard let file = fopen(root + path, "r") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = fread(&bytes, 1, bytes.count, file)
    return bytes[..<count].lastIndex { $0 > UInt8(ascii: " ") }.map { String(decoding: bytes[...$0], as: UTF8.self) }
  }

  func number(_ path: String) -> Int? { text(path).flatMap { Int($0) } }

  var memoryByteCount: Int {
    for (key, value) in fields(text("/proc/meminfo") ?? "") where key == "MemTotal" {
      return (Int(value.prefix { $0 != " " }) ?? 0) << 10
    }
    return 0
  }

  /// Cores by kind: on ARM by the parts that /proc/cpuinfo lists for each of them.
  var cores: [Machine.Cores] {
    var result: [Machine.Cores] = []
    var number = 0, implementer = ""
    func add(_ kind: String) {
      let megahertz = self.number("/sys/devices/system/cpu/cpu\(number)/cpufreq/cpuinfo_max_freq").map { $0 / 1000 }
      if let index = result.firstIndex(where: { $0.kind == kind && $0.megahertz == megahertz }) {
        result[index].numbers.append(number)
      } else {
        result.append(Machine.Cores(kind: kind, numbers: [number], megahertz: megahertz))
      }
    }
    for (key, value) in fields(text("/proc/cpuinfo") ?? "") {
      switch key {
      case "processor": number = Int(value) ?? number
      case "CPU implementer": implementer = value
      case "CPU part": add(partNames[value].flatMap { implementer == "0x41" ? $0 : nil } ?? "\(implementer)/\(value)")
      case "model name": add(value)
      default: break
      }
    }
    return result
  }

  /// Lines of a name, a colon and a value.
  private func fields(_ text: String) -> [(key: String, value: String)] {
    text.split(separator: "\n").compactMap { line in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      return (trimmed(line[..<colon]), trimmed(line[line.index(after: colon)...]))
    }
  }

  private func trimmed(_ text: Substring) -> String {
    let isBlank = { (character: Character) in character == " " || character == "\t" }
    let rest = text.drop(while: isBlank)
    return String(rest[..<(rest.lastIndex { !isBlank($0) }.map(rest.index(after:)) ?? rest.startIndex)])
  }
}

/// Arm's own cores by their number in the main ID register.
private let partNames = [
  "0xd03": "Cortex-A53", "0xd04": "Cortex-A35", "0xd05": "Cortex-A55", "0xd07": "Cortex-A57", "0xd08": "Cortex-A72",
  "0xd09": "Cortex-A73", "0xd0a": "Cortex-A75", "0xd0b": "Cortex-A76", "0xd0c": "Neoverse-N1", "0xd0d": "Cortex-A77",
  "0xd40": "Neoverse-V1", "0xd41": "Cortex-A78", "0xd42": "Cortex-A78AE", "0xd44": "Cortex-X1", "0xd46": "Cortex-A510",
  "0xd47": "Cortex-A710", "0xd49": "Neoverse-N2", "0xd4d": "Cortex-A715", "0xd4f": "Neoverse-V2", "0xd80": "Cortex-A520",
  "0xd81": "Cortex-A720",
]

/// A text of C in a buffer of fixed size.
private func text(_ buffer: UnsafeRawBufferPointer) -> String {
  String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
}

import Glibc
import Testing

import Inspection

struct MachineTests {
  /// What /proc and /sys say on a board with two kinds of cores.
  @Test func aBoardIsDescribed() throws {
    let root = try FakeRoot([
      "proc/device-tree/model": "Some Board 5\0",
      "proc/meminfo": "MemFree:  5 kB\nMemTotal:        8052440 kB\n",
      "proc/cpuinfo": """
        processor\t: 0
        BogoMIPS\t: 48.00
        CPU implementer\t: 0x41
        CPU part\t: 0xd05

        processor\t: 1
        CPU implementer\t: 0x41
        CPU part\t: 0xd0b

        processor\t: 2
        CPU implementer\t: 0x41
        CPU part\t: 0xd0b

        processor\t: 3
        CPU implementer\t: 0x61
        CPU part\t: 0xd0b
        """,
      "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
      "sys/devices/system/cpu/cpu1/cpufreq/cpuinfo_max_freq": "2400000\n",
      "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1800000\n",
      "sys/devices/system/cpu/cpu2/cpufreq/cpuinfo_max_freq": "2400000\n",
      "sys/class/thermal/thermal_zone0/temp": "48500\n",
      "sys/class/thermal/thermal_zone1/temp": "61250\n",
      "sys/class/thermal/thermal_zone2/temp": "999999999\n",
    ])
    let machine = Machine(root: root.path)
    #expect(machine.board == "Some Board 5" && machine.governor == "schedutil")
    #expect(machine.memoryByteCount == 8_052_440 << 10)
    #expect(
      machine.cores.map { "\($0.kind) \($0.numbers) \($0.megahertz ?? 0)" }
        == ["Cortex-A55 [0] 0", "Cortex-A76 [1, 2] 2400", "0x61/0xd0b [3] 0"])
    #expect(Machine.temperature(root: root.path) == 61.25)
    #expect(Machine.megahertz(of: [0, 1], root: root.path) == 1800)
    #expect(Machine.megahertz(of: [0], root: root.path) == nil)
  }

  @Test func whatAMachineDoesNotTellIsLeftOut() throws {
    let root = try FakeRoot(["proc/device-tree/model": "\0 \n"])
    let machine = Machine(root: root.path)
    #expect(machine.board == nil && machine.cores.isEmpty && machine.memoryByteCount == 0)
    #expect(Machine.temperature(root: root.path) == nil)
    #expect(machine.pageByteCount >= 4096 && !machine.architecture.isEmpty && !machine.kernel.isEmpty)
  }
}

/// A folder that stands for `/`, removed with its last use.
private final class FakeRoot {
  let path: String
  private var made: [String] = []

  init(_ files: [String: String]) throws {
    var template = Array("/tmp/viseme-machine-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure(what: "mkdtemp") }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    for (name, text) in files {
      var place = path
      for folder in name.split(separator: "/").dropLast() {
        place += "/\(folder)"
        if mkdir(place, 0o755) == 0 { made.append(place) }
      }
      made.append("\(path)/\(name)")
      guard let file = fopen("\(path)/\(name)", "w") else { throw Failure(what: name) }
      defer { fclose(file) }
      let bytes = Array(text.utf8)
      guard fwrite(bytes, 1, bytes.count, file) == bytes.count else { throw Failure(what: name) }
    }
  }

  deinit { for place in made.reversed() + [path] { remove(place) } }

  private struct Failure: Error { var what: String }
}

import Inspection
import Viseme

/// One line that says what was measured and on what: for lists of boards.
struct MeasuredLine<Figures: Encodable>: Encodable {
  let viseme = VisemeCommand.configuration.version
  let machine: Machine
  let threads: Int
  let cores: [Int]
  let celsiusBefore: Double?
  let celsiusAfter: Double?
  /// Right after the last run.
  let megahertzAfter: Int?
  let figures: Figures

  var json: String { jsonText(self, isOneLine: true) }
}

/// Looks at the machine before and after something is measured.
struct MachineWatch {
  private let machine = Machine()
  private let cores = CoreSelection.all.cores
  private let celsius = Machine.temperature()

  /// - Parameter threads: that worked.
  func line<Figures: Encodable>(threads: Int, _ figures: Figures) -> MeasuredLine<Figures> {
    let megahertz = Machine.megahertz(of: cores)
    return MeasuredLine(
      machine: machine, threads: threads, cores: cores, celsiusBefore: celsius, celsiusAfter: Machine.temperature(),
      megahertzAfter: megahertz, figures: figures)
  }
}

import ArgumentParser
import CKernels

@main
struct VisemeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "viseme",
    abstract: "Talking heads from speech and a portrait, on machines without a GPU.",
    version: "0.1.0",
    subcommands: [
      TalkCommand.self, RunCommand.self, BenchCommand.self, ProfileCommand.self, InspectCommand.self,
      ValidateCommand.self, ConvertCommand.self,
    ])

  static func main() {
    if let warning = vz_cpu_warning() { printLine("viseme: \(String(cString: warning))") }
    main(nil)
  }
}

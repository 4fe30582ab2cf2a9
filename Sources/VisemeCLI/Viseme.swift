import ArgumentParser
@main struct VisemeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "viseme", abstract: "Talking heads without a GPU.")
}

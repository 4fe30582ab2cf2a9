#if !LIBFUZZER
  import Glibc

  /// Tools/fuzz starts this program, watches it and keeps what it finds.
  @main
  struct Fuzz {
    private static let usage = """
      usage: Fuzz run CORPUS CURRENT SEED FIRST COUNT SECONDS MEGABYTES
             Fuzz replay FILE…
             Fuzz reduce FILE RESULT
             Fuzz model FILE RESULT
        run     runs cases FIRST and on of the seed, COUNT or as long as SECONDS, keeping each in the file CURRENT
        replay  runs cases, or models (.onnx), and says how each ended
        reduce  writes the smallest case found that ends a process as FILE does
        model   writes the model of a case
      """

    static func main() {
      let arguments = Array(CommandLine.arguments.dropFirst())
      switch (arguments.first, arguments.count) {
      case ("run", 8):
        guard let seed = UInt64(arguments[3]), let first = Int(arguments[4]), let count = Int(arguments[5]),
          let seconds = Double(arguments[6]), let megabytes = UInt(arguments[7])
        else { fail(usage) }
        limitMemory(megabytes)
        let corpus = files(in: arguments[1]).map(read)
        guard !corpus.isEmpty else { fail("\(arguments[1]): there are no cases") }
        FuzzLoop(corpus: corpus, seed: seed, current: arguments[2]).run(first: first, count: count, seconds: seconds)
      case ("replay", 2...):
        for path in arguments.dropFirst() {
          FuzzLoop.startAlarm()
          let bytes = read(path)
          print("\(path): \((path.hasSuffix(".onnx") ? Case(model: bytes) : Case(bytes)).run())")
        }
      case ("reduce", 3):
        let reducer = Reducer(program: CommandLine.arguments[0], scratch: arguments[2] + ".try")
        write(reducer.reduced(read(arguments[1])), to: arguments[2])
      case ("model", 3):
        let message = Message(type: MessageSchema.case, bytes: read(arguments[1])[...])
        guard let model = message.messages(1).first else { fail("\(arguments[1]): there is no model in it") }
        write(model.encoded, to: arguments[2])
      default: fail(usage)
      }
    }

    /// An address sanitizer needs far more addresses than memory; it has limits of its own. 0 sets none.
    private static func limitMemory(_ megabytes: UInt) {
      guard megabytes > 0 else { return }
      var limit = rlimit(rlim_cur: megabytes << 20, rlim_max: megabytes << 20)
      setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    }
  }
#endif

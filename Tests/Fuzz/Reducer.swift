import Glibc

/// Makes a case smaller that ends its process, as long as it still does, in processes of its own.
struct Reducer {
  /// This program.
  var program: String
  var scratch: String

  /// How a process that runs the case ends; nil if it ends by itself.
  func failure(of bytes: [UInt8]) -> String? {
    write(bytes, to: scratch)
    defer { unlink(scratch) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor: Int32 in [1, 2] {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
    }
    var arguments: [UnsafeMutablePointer<CChar>?] = []
    for argument: String in [program, "replay", scratch] { arguments.append(strdup(argument)) }
    arguments.append(nil)
    defer { arguments.forEach { free($0) } }
    var process: pid_t = 0
    guard posix_spawn(&process, program, &actions, nil, &arguments, environ) == 0 else { fail("cannot start \(program)") }
    var status: Int32 = 0
    waitpid(process, &status, 0)
    let signal = status & 0x7f
    if signal != 0 { return "signal \(signal)" }
    let code = (status >> 8) & 0xff
    return code == 0 ? nil : "status \(code)"
  }

  /// The smallest case found by leaving out fields, then elements, that ends its process in the same way.
  func reduced(_ bytes: [UInt8]) -> [UInt8] {
    guard let failure = failure(of: bytes) else { fail("the case does not end its process") }
    var best = Message(type: MessageSchema.case, bytes: bytes[...])
    // The plain bytes may say more than the tree keeps.
    guard self.failure(of: best.encoded) == failure else { return bytes }
    var tries = 0
    var isSmaller = true
    while isSmaller, tries < 3000 {
      isSmaller = false
      var index = 0
      while index < best.messageCount {
        var field = 0
        var width = 8
        while tries < 3000 {
          var candidate = best
          var isThere = false
          candidate.change(messageAt: index) { message in
            guard field < message.fields.count else { return }
            isThere = true
            message.fields.removeSubrange(field..<min(message.fields.count, field + width))
          }
          guard isThere else {
            // Groups of fields first, then one by one.
            guard width > 1 else { break }
            (width, field) = (1, 0)
            continue
          }
          tries += 1
          if self.failure(of: candidate.encoded) == failure {
            best = candidate
            isSmaller = true
          } else {
            field += width
          }
        }
        index += 1
      }
    }
    return best.encoded
  }
}

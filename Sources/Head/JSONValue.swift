import FoundationEssentials

/// Any JSON, as it was written.
enum JSONValue: Decodable, Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  init(from decoder: any Decoder) throws {
    if let container = try? decoder.container(keyedBy: Key.self) {
      var members: [String: JSONValue] = [:]
      for key in container.allKeys { members[key.stringValue] = try container.decode(JSONValue.self, forKey: key) }
      self = .object(members)
    } else if var container = try? decoder.unkeyedContainer() {
      var elements: [JSONValue] = []
      while !container.isAtEnd { elements.append(try container.decode(JSONValue.self)) }
      self = .array(elements)
    } else {
      let container = try decoder.singleValueContainer()
      if container.decodeNil() {
        self = .null
      } else if let value = try? container.decode(Bool.self) {
        self = .bool(value)
      } else if let value = try? container.decode(Double.self) {
        self = .number(value)
      } else {
        self = .string(try container.decode(String.self))
      }
    }
  }

  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// Reads a file of at most `byteLimit` bytes.
  static func read(_ path: String, byteLimit: Int = 4 << 20) throws(HeadError) -> JSONValue {
    let bytes = try FileBytes.read(path, byteLimit: byteLimit)
    do {
      return try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
    } catch {
      throw .bundle(path: path, problem: "it is not JSON")
    }
  }
}

/// One object of a JSON file: its members are taken one by one, with type and range checked, and none may be left.
struct JSONReader {
  let path: String
  /// Where in the file, such as `warp.crop`.
  let place: String
  private var members: [String: JSONValue]

  init(_ value: JSONValue, path: String, place: String = "") throws(HeadError) {
    guard case .object(let members) = value else {
      throw .bundle(path: path, problem: "\(place.isEmpty ? "the file" : "“\(place)”") is not an object")
    }
    self.path = path
    self.place = place
    self.members = members
  }

  func problem(_ key: String, _ text: String) -> HeadError {
    .bundle(path: path, problem: "“\(place.isEmpty ? key : "\(place).\(key)")” \(text)")
  }

  private mutating func take(_ key: String) throws(HeadError) -> JSONValue {
    guard let value = members.removeValue(forKey: key) else { throw problem(key, "is missing") }
    return value
  }

  func has(_ key: String) -> Bool { members[key] != nil }

  mutating func string(_ key: String) throws(HeadError) -> String {
    guard case .string(let value) = try take(key) else { throw problem(key, "is not a string") }
    return value
  }

  mutating func number(_ key: String, in range: ClosedRange<Double>) throws(HeadError) -> Double {
    guard case .number(let value) = try take(key), value.isFinite else { throw problem(key, "is not a number") }
    guard range.contains(value) else {
      throw problem(key, "is \(value), outside \(range.lowerBound) … \(range.upperBound)")
    }
    return value
  }

  mutating func int(_ key: String, in range: ClosedRange<Int>) throws(HeadError) -> Int {
    let value = try number(key, in: Double(range.lowerBound)...Double(range.upperBound))
    guard value == value.rounded() else { throw problem(key, "is not a whole number") }
    return Int(value)
  }

  mutating func numbers(
    _ key: String, count: ClosedRange<Int>, in range: ClosedRange<Double>
  ) throws(HeadError) -> [Double] {
    guard case .array(let elements) = try take(key) else { throw problem(key, "is not a list") }
    guard count.contains(elements.count) else {
      let wanted = count.count == 1 ? "\(count.lowerBound)" : "\(count.lowerBound) to \(count.upperBound)"
      throw problem(key, "has \(elements.count) elements, not \(wanted)")
    }
    var values: [Double] = []
    for element in elements {
      guard case .number(let value) = element, range.contains(value) else {
        throw problem(key, "holds something that is not a number in \(range.lowerBound) … \(range.upperBound)")
      }
      values.append(value)
    }
    return values
  }

  mutating func strings(_ key: String, count: ClosedRange<Int>) throws(HeadError) -> [String] {
    guard case .array(let elements) = try take(key), count.contains(elements.count) else {
      throw problem(key, "is not a list of \(count.lowerBound) to \(count.upperBound) strings")
    }
    var values: [String] = []
    for element in elements {
      guard case .string(let value) = element else { throw problem(key, "holds something that is not a string") }
      values.append(value)
    }
    return values
  }

  mutating func array(_ key: String, count: ClosedRange<Int>) throws(HeadError) -> [JSONValue] {
    guard case .array(let elements) = try take(key), count.contains(elements.count) else {
      throw problem(key, "is not a list of \(count.lowerBound) to \(count.upperBound) elements")
    }
    return elements
  }

  mutating func object(_ key: String) throws(HeadError) -> JSONReader {
    try JSONReader(try take(key), path: path, place: place.isEmpty ? key : "\(place).\(key)")
  }

  /// Refuses members that nothing asked for.
  func finish() throws(HeadError) {
    if let key = members.keys.sorted().first { throw problem(key, "is not a key that is known here") }
  }
}

/// Columns of text, numbers to the right.
struct TextTable {
  private var rows: [[String]]
  private let isRight: [Bool]

  /// - Parameter columns: titles; one that starts with `>` stands over a column of numbers.
  init(_ columns: [String]) {
    isRight = columns.map { $0.hasPrefix(">") }
    rows = [columns.map { $0.hasPrefix(">") ? String($0.dropFirst()) : $0 }]
  }

  mutating func add(_ cells: [String]) { rows.append(cells) }

  var text: String {
    let widths = isRight.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.indices.map { column in
        let blanks = String(repeating: " ", count: widths[column] - row[column].count)
        return isRight[column] ? blanks + row[column] : column == row.count - 1 ? row[column] : row[column] + blanks
      }
      return cells.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}

/// A time in the unit that suits it.
func timeText(_ seconds: Double) -> String {
  if seconds >= 1 { return "\(seconds.short) s" }
  if seconds >= 1e-3 { return "\((seconds * 1e3).short) ms" }
  return "\((seconds * 1e6).short) µs"
}

/// A number of bytes in the unit that suits it.
func byteText(_ count: Int) -> String {
  if count >= 1 << 30 { return "\((Double(count) / 0x1p30).short) GiB" }
  if count >= 1 << 20 { return "\((Double(count) / 0x1p20).short) MiB" }
  if count >= 1 << 10 { return "\((Double(count) / 0x1p10).short) KiB" }
  return "\(count) bytes"
}

/// A large count with a unit: 1.2 G.
func countText(_ count: Int) -> String {
  let value = Double(count)
  if value >= 1e9 { return "\((value / 1e9).short) G" }
  if value >= 1e6 { return "\((value / 1e6).short) M" }
  if value >= 1e4 { return "\((value / 1e3).short) k" }
  return "\(count)"
}

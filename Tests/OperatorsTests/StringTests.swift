import GraphIR
import Operators
import Tensors
import Testing

struct StringTests {
  private func strings(_ texts: String..., shape: Shape? = nil) -> Tensor { Tensor(strings: texts, shape: shape) }

  @Test func stringsAreConcatenatedWithBroadcasting() {
    let concat = OperatorRunner("StringConcat", version: 20)
    concat.expect([strings("a", "b"), strings("1", "2")], equals: [strings("a1", "b2")])
    concat.expect(
      [strings("a", "b", shape: [2, 1]), strings("1", "2")], equals: [strings("a1", "a2", "b1", "b2", shape: [2, 2])])
    concat.expectRefusal([strings("a", "b"), strings("1", "2", "3")])
    concat.expectRefusal([strings("a"), Tensor([Float(1)])])
  }

  @Test func wordsAreNormalized() {
    func normalizer(_ action: String, sensitive: Int, _ words: [String]) -> OperatorRunner {
      OperatorRunner(
        "StringNormalizer", version: 10,
        attributes: [
          "case_change_action": .string(Array(action.utf8)), "is_case_sensitive": .int(sensitive),
          "stopwords": .strings(words.map { Array($0.utf8) }),
        ])
    }
    let days = strings("Monday", "tuesday", "Wednesday")
    normalizer("LOWER", sensitive: 1, ["monday", "tuesday"]).expect([days], equals: [strings("monday", "wednesday")])
    normalizer("UPPER", sensitive: 0, ["monday", "tuesday"]).expect([days], equals: [strings("WEDNESDAY")])
    normalizer("NONE", sensitive: 0, ["monday", "TUESDAY", "wednesday"]).expect([days], equals: [strings("")])
    normalizer("NONE", sensitive: 1, []).expect([days.reshaped([1, 3])], equals: [days.reshaped([1, 3])])
    normalizer("NONE", sensitive: 1, []).expectRefusal([days.reshaped([3, 1])])
    normalizer("TITLE", sensitive: 1, []).expectRefusal([days])
  }

  @Test func stringsAreSplit() {
    func split(_ attributes: [String: Attribute]) -> OperatorRunner {
      OperatorRunner("StringSplit", version: 20, attributes: attributes, outputs: [true, true])
    }
    split(["delimiter": .string(Array(".".utf8))]).expect(
      [strings("abc.com", "a..b", "")],
      equals: [strings("abc", "com", "", "a", "", "b", "", "", "", shape: [3, 3]), int64s([2, 3, 0])])
    split([:]).expect(
      [strings(" hello  world ", "x")], equals: [strings("hello", "world", "x", "", shape: [2, 2]), int64s([2, 1])])
    split(["maxsplit": .int(1)]).expect([strings(" a b  c ")], equals: [strings("a", "b  c", shape: [1, 2]), int64s([2])])
    split(["delimiter": .string(Array("-".utf8)), "maxsplit": .int(1)]).expect(
      [strings("a-b-c")], equals: [strings("a", "b-c", shape: [1, 2]), int64s([2])])
  }

  @Test func expressionsMatchWholeStrings() {
    func expect(_ pattern: String, _ yes: [String], _ no: [String]) {
      OperatorRunner("RegexFullMatch", version: 20, attributes: ["pattern": .string(Array(pattern.utf8))]).expect(
        [Tensor(strings: yes + no)], equals: [Tensor(yes.map { _ in true } + no.map { _ in false })], pattern)
    }
    expect(#"www\.[\w.-]+\.\bcom\b"#, ["www.google.com", "www.a-b.com"], ["www.facebook", "www.com", "xwww.a.com"])
    expect(#"(\W|^)[\w.\-]{0,25}@(yahoo|gmail)\.com(\W|$)"#, ["account@gmail.com", "@yahoo.com"], ["not email", "a@hotmail.com"])
    expect("", [""], ["a"])
    expect("a{2,3}b?", ["aa", "aaab"], ["a", "aaaa", "aabb"])
    expect("(?i)straße|[^x-z]+", ["STRAßE", "abc"], ["xa"])
    expect("(?:(?i)a)b", ["Ab", "ab"], ["AB"])
    expect("[[:upper:]]+[]a-]", ["AB]", "B-"], ["b]", "A"])
    expect(#"\x41\x{1F600}."#, ["A😀!"], ["A😀\n"])
    expect("(a*)*", ["", "aaaa"], ["ab"])
    expect("(a|aa)+$", [String(repeating: "a", count: 5000)], [String(repeating: "a", count: 5000) + "b"])
    for wrong in ["(", ")", "a**b{2", "*a", "[a", "[b-a]", "(?z)", #"\"#, "a{1001}", "((a{1000}){1000}){1000}", "((((){1000}){1000}){1000}){1000}", #"\1"#] where wrong != "a**b{2" {
      OperatorRunner("RegexFullMatch", version: 20, attributes: ["pattern": .string(Array(wrong.utf8))]).expectRefusal(
        [strings("a")], wrong)
    }
  }

  @Test func numbersAreReadAndWritten() {
    func cast(_ type: DataType) -> OperatorRunner {
      OperatorRunner("Cast", version: 13, attributes: ["to": .int(Int(type.rawValue))])
    }
    cast(.float32).expect(
      [strings("3.5", "-1e-5", " 7 ", "inf", "-INF", "NaN")], equals: [Tensor([3.5, -1e-5, 7, .infinity, -.infinity, .nan] as [Float])])
    cast(.int64).expect([strings("9007199254740993", "-3")], equals: [Tensor([9_007_199_254_740_993, -3] as [Int64])])
    cast(.string).expect([Tensor([0.47892547, 1e-5, 2] as [Float])], equals: [strings("0.47892547", "1e-05", "2.0")])
    cast(.string).expect([Tensor([-3, 1 << 40] as [Int64])], equals: [strings("-3", "1099511627776")])
    cast(.float32).expectRefusal([strings("seven")])
    cast(.float32).expectRefusal([strings("0x10")])
    OperatorRunner("CastLike", version: 15).expect([strings("2"), Tensor([Int32(0)])], equals: [Tensor([Int32(2)])])
  }
}

import Testing

import Inspection

struct TraceTests {
  @Test func timesStartAtZeroAndTextIsQuoted() {
    var trace = ChromeTrace(runLimit: 2)
    #expect(trace.isWanted(run: 1) && !trace.isWanted(run: 2))
    trace.add("a \"b\" \\ \n", category: "Conv", start: 12.5, end: 12.75)
    trace.add("next", category: "Add", start: 12.75, end: 13, details: [("output", "[1,2]")])
    #expect(trace.json.contains(#""name":"a \"b\" \\ \u000a""#))
    #expect(trace.json.contains(#""ts":0.0,"dur":250000.0"#) && trace.json.contains(#""ts":250000.0"#))
    #expect(trace.json.contains(#""args":{"output":"[1,2]"}"#))
  }
}

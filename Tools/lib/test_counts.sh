# shellcheck shell=bash
# Reads test runners' logs. Each function prints "PASSED FAILED", or fails when the log has no closing count
# (the runner crashed or never ran).

# count_swift LOG: XCTest's and Swift Testing's results of one `swift test`.
#
# Both count by their lines per test: closing lines of XCTest repeat for each suite and count failures, not tests.
count_swift() {
  awk '
    /^Test Case .* passed \(/ { passed++ }
    /^Test Case .* failed \(/ { failed++ }
    # Swift Testing: "✔ Test name() passed after 0.1 seconds." Lines of one case or of the run have their own words.
    / Test .* (passed|failed) after [0-9.]+ seconds/ && !/ Test (case|run) / && !/^Test / {
      if ($0 ~ / failed after [0-9.]+ seconds/) failed++; else passed++
    }
    /^[\t ]*Executed [0-9]+ tests?,/ { closed = 1 }
    / Test run with [0-9]+ tests? .*(passed|failed) after/ { closed = 1; running = 0 }
    / Test run started/ { running = 1 }
    END {
      if (!closed || running) exit 1
      print passed + 0, failed + 0
    }' "$1"
}

# count_kernels LOG: the last line is "N passed, N failed".
count_kernels() {
  awk '
    NF { last = $0 }
    END {
      if (last !~ /^[0-9]+ passed, [0-9]+ failed$/) exit 1
      split(last, word, " ")
      print word[1], word[3]
    }' "$1"
}

# count_pytest LOG: the closing line, as in "== 1 failed, 12 passed, 1 error in 0.52s ==".
count_pytest() {
  awk '
    /[0-9]+ (passed|failed|errors?|skipped|deselected|xfailed|xpassed)[, ].*in [0-9.]+s/ { closing = $0 }
    END {
      if (closing == "") exit 1
      n = split(closing, word, /[ ,=]+/)
      for (i = 1; i < n; i++) {
        if (word[i + 1] == "passed") passed += word[i]
        if (word[i + 1] ~ /^(failed|error|errors)$/) failed += word[i]
      }
      print passed + 0, failed + 0
    }' "$1"
}

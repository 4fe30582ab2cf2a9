"""What users install: the manual page, and the package's list of what it needs."""

import json
import subprocess
import sys

from conftest import ROOT, TOOLS

HELP = {"command": {
    "commandName": "demo", "abstract": "Shows things.",
    "arguments": [{"kind": "flag", "names": [{"kind": "short", "name": "h"}, {"kind": "long", "name": "help"}],
                   "abstract": "Show help.", "valueName": "help"}],
    "subcommands": [
        {"commandName": "show", "abstract": "Show one thing.",
         "discussion": "First.\n\nEXAMPLES\n  demo show -o x\n  .hidden\n\nLast.",
         "arguments": [
             {"kind": "positional", "valueName": "thing", "abstract": "What to show."},
             {"kind": "option", "names": [{"kind": "long", "name": "size-limit"}], "valueName": "size-limit",
              "abstract": "In bytes\\words.", "defaultValue": "3", "allValues": ["3", "4"]},
             {"kind": "flag", "names": [{"kind": "long", "name": "secret"}], "valueName": "secret",
              "shouldDisplay": False}]},
        {"commandName": "help", "abstract": "Help."}]}}


def page(help_text: dict) -> str:
    return subprocess.run(
        [sys.executable, TOOLS / "packaging" / "man_page.py", "--version", "1.2", "--date", "2026-01-02"],
        input=json.dumps(help_text), text=True, capture_output=True, check=True).stdout


def test_the_manual_page_has_every_option_that_is_shown():
    text = page(HELP)
    assert text.startswith('.TH DEMO 1 "2026-01-02" "demo 1.2"')
    assert ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nShow help." in text
    assert ".SS demo show" in text and ".SS demo help" not in text
    assert ".TP\n\\fIthing\\fR\nWhat to show." in text
    assert "\\fB\\-\\-size\\-limit\\fR \\fIsize\\-limit\\fR\nIn bytes\\ewords. (default: 3) One of: 3, 4." in text
    assert "secret" not in text


def test_examples_are_shown_as_they_are():
    text = page(HELP)
    assert ".nf\n  demo show \\-o x\n  .hidden" in text
    assert text.count(".nf") == text.count(".fi")


def test_no_line_of_text_is_taken_for_a_command():
    shown = page({"command": {**HELP["command"], "abstract": ".so /etc/passwd"}})
    assert not any(line.startswith(".so") for line in shown.splitlines())


def test_the_kiosk_reads_its_settings_and_feeds_its_player(tmp_path):
    program = tmp_path / "viseme"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SPEECH": "a b.wav", "PORTRAIT": "me.jpg", "THREADS": "2",
                   "PLAYER": f"cat >{tmp_path}/seen"}
    subprocess.run([TOOLS / "packaging" / "kiosk"], env=environment, check=True)
    words = (tmp_path / "seen").read_text().splitlines()
    assert words == ["talk", "--threads", "2", "--fps", "25", "--quiet", "--portrait", "me.jpg",
                     "--speech", "a b.wav", "-o", "-"]
    del environment["SPEECH"]
    refused = subprocess.run([TOOLS / "packaging" / "kiosk"], env=environment, text=True, capture_output=True)
    assert refused.returncode != 0 and "SPEECH" in refused.stderr


def test_commands_for_boards_and_packages_refuse_what_they_do_not_know(tool):
    for name, arguments in [("arm64", ["fly"]), ("arm64", ["check", "--only", "all"]), ("arm64", ["x86", "clean"]),
                            ("package", ["--arch", "mips"]), ("package", ["--out"])]:
        result = tool(name, *arguments, VISEME_ARM64=str(ROOT / ".build" / "no-such-cache"))
        assert result.returncode == 2 and result.stderr.startswith(f"Tools/{name}: "), (name, arguments, result.stderr)

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


PROGRAM = r"""
#include <math.h>
#include <stdio.h>
#include <string.h>
int main(int count, char **words) {
  if (count > 1 && !strcmp(words[1], "--version")) return puts("4.5.6") < 0;
  printf("{\"command\": {\"commandName\": \"viseme\", \"abstract\": \"Does %s.\", \"subcommands\": []}}\n",
         fma(count, count, count) > 0 ? "it" : "not");
}
"""


def test_the_package_holds_what_users_install(tool, tmp_path):
    program = tmp_path / "program"
    subprocess.run(["cc", "-x", "c", "-", "-o", program, "-lm"], input=PROGRAM, text=True, check=True)
    done = tool("package", "--program", str(program), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    (deb,) = (tmp_path / "out").glob("viseme_4.5.6_*.deb")
    (tarball,) = (tmp_path / "out").glob("viseme-4.5.6-linux-*.tar.gz")
    assert str(deb) in done.stdout and str(tarball) in done.stdout

    unpacked = tmp_path / "unpacked"
    subprocess.run(["dpkg-deb", "--extract", deb, unpacked], check=True)
    files = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    head = {f"usr/share/viseme/heads/default/{name}" for name in
            ("head.json", "audio.onnx", "prep.onnx", "render.onnx", "portrait.jpg", "portrait.landmarks.json", "speech.wav")}
    assert head | {"usr/bin/viseme", "usr/lib/viseme/kiosk", "usr/lib/systemd/system/viseme-kiosk@.service",
                   "usr/share/man/man1/viseme.1.gz", "usr/share/doc/viseme/copyright",
                   "usr/share/doc/viseme/examples/kiosk.conf"} <= files
    field = subprocess.run(["dpkg-deb", "--field", deb, "Depends"], capture_output=True, text=True, check=True).stdout
    assert field.startswith("libc6 (>= 2.") and "swift" not in field

    subprocess.run(["tar", "-xf", tarball, "-C", tmp_path], check=True)
    moved = tarball.name.removesuffix(".tar.gz")
    run = subprocess.run([tmp_path / moved / "bin" / "viseme", "--version"], capture_output=True, text=True, check=True)
    assert run.stdout == "4.5.6\n"
    assert (tmp_path / moved / "share" / "viseme" / "heads" / "default" / "head.json").exists()


def test_commands_for_boards_and_packages_refuse_what_they_do_not_know(tool):
    for name, arguments in [("arm64", ["fly"]), ("arm64", ["check", "--only", "all"]), ("arm64", ["x86", "clean"]),
                            ("package", ["--arch", "mips"]), ("package", ["--out"]),
                            ("install", ["--arch", "mips"])]:
        result = tool(name, *arguments, VISEME_ARM64=str(ROOT / ".build" / "no-such-cache"))
        assert result.returncode == 2 and result.stderr.startswith(f"Tools/{name}: "), (name, arguments, result.stderr)

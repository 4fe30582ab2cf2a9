#!/usr/bin/env python3
"""Writes a manual page in roff from what `PROGRAM --experimental-dump-help` prints (JSON on standard input)."""

from __future__ import annotations

import argparse
import json
import re
import sys


def escape(text: str) -> str:
    """Text as roff shows it unchanged: backslashes, hyphens, and lines that would start with a control character."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def spelled(name: dict) -> str:
    return ("--" if name["kind"] == "long" else "-") + name["name"]


def head_of(item: dict) -> str:
    """The first line of an option's or argument's entry."""
    if item["kind"] == "positional":
        return rf"\fI{escape(item['valueName'])}\fR"
    names = sorted(item["names"], key=lambda name: name["kind"] == "long")
    text = ", ".join(rf"\fB{escape(spelled(name))}\fR" for name in names)
    return text if item["kind"] == "flag" else rf"{text} \fI{escape(item['valueName'])}\fR"


def entries(command: dict) -> list[str]:
    lines = []
    for item in command.get("arguments", []):
        if not item.get("shouldDisplay", True):
            continue
        text = item.get("abstract", "")
        if item.get("defaultValue"):
            text += f" (default: {item['defaultValue']})"
        if item.get("allValues"):
            text += f" One of: {', '.join(item['allValues'])}."
        lines += [".TP", head_of(item), escape(text.strip())]
    return lines


def discussion(command: dict) -> list[str]:
    """Paragraphs; a line in capitals is a heading, indented lines are shown as they are."""
    lines: list[str] = []
    as_is = False
    for line in command.get("discussion", "").split("\n"):
        if line.startswith("  ") != as_is:
            as_is = not as_is
            lines.append(".nf" if as_is else ".fi")
        if re.fullmatch(r"[A-Z][A-Z ]+", line):
            lines += [".PP", rf"\fB{line.capitalize()}\fR"]
        else:
            lines.append(escape(line) if line.strip() else ".PP")
    return lines + ([".fi"] if as_is else [])


def page(command: dict, version: str, date: str) -> str:
    name = command["commandName"]
    subcommands = [sub for sub in command.get("subcommands", [])
                   if sub.get("shouldDisplay", True) and sub["commandName"] != "help"]
    lines = [f'.TH {name.upper()} 1 "{date}" "{name} {version}" "User commands"',
             ".SH NAME", rf"{name} \- {escape(command['abstract'].rstrip('.'))}",
             ".SH SYNOPSIS", rf"\fB{name}\fR \fIcommand\fR [\fIoptions\fR]"]
    if command.get("discussion"):
        lines += [".SH DESCRIPTION", *discussion(command)]
    lines += [".SH OPTIONS", *entries(command), ".SH COMMANDS"]
    for sub in subcommands:
        lines += [rf".SS {name} {escape(sub['commandName'])}", escape(sub.get("abstract", ""))]
        lines += [*entries(sub), ".PP", *discussion(sub)]
    return "\n".join(line for line in lines if line) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", required=True, help="of the program")
    parser.add_argument("--date", required=True, help="of the page, as 2026-11-22")
    options = parser.parse_args(arguments)
    sys.stdout.write(page(json.load(sys.stdin)["command"], options.version, options.date))
    return 0


if __name__ == "__main__":
    sys.exit(main())

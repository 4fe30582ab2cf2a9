# shellcheck shell=bash
# Shared by the scripts in Tools/: messages, Debian packages, the Python environment, Swift.
#
# Source it; it defines functions, sets TOOLS and ROOT, and does nothing else:
#   source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib/common.sh"
#
# Settings from the environment:
#   VISEME_NO_APT=1      install no system packages: stop and name what is missing
#   VISEME_PYTHON=PATH   the Python (3.11 or newer) from which tool environments are made
#   VISEME_VENVS=DIR     where tool environments live (default: .venv-tools in the clone)

TOOLS=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
ROOT=$(dirname "$TOOLS")
PROGRAM=Tools/$(basename "$0")

# What the package links with or opens at run time (OpenBLAS), and what the Swift compiler needs of the system to link.
BUILD_PACKAGES=(g++ libc6-dev git ca-certificates
  libjpeg-dev libpng-dev libsndfile1-dev libsamplerate0-dev libprotobuf-c-dev libopenblas0)

# How lld links what users install: without symbols, also those of a program for plugins, without what nothing needs,
# doubles, and tables for unwinding.
SMALL_LINK=(-Xlinker -s -Xlinker --gc-sections -Xlinker --icf=all -Xlinker -z -Xlinker pack-relative-relocs
  -Xlinker --no-export-dynamic -Xlinker --no-eh-frame-hdr -Xlinker -T -Xlinker "$TOOLS/lib/no_unwind_tables.ld")

# All messages go to standard error, so that standard output carries results only.
say() { printf '%s\n' "$*" >&2; }
step() { printf '\n==> %s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "$PROGRAM" "$*" >&2
  exit 1
}

# usage_error MESSAGE: a command line that makes no sense ends with status 2.
usage_error() {
  printf '%s: %s\nTry: %s --help\n' "$PROGRAM" "$1" "$PROGRAM" >&2
  exit 2
}

# option_value OPTION "$@": the word after OPTION, which must be there.
option_value() {
  [ $# -ge 3 ] || usage_error "$1 needs a value"
  printf '%s' "$3"
}

# ---------------------------------------------------------------------------------------------- Debian packages

package_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# A package that only another one provides has no candidate of its own. (No pipe into `grep -q`: it leaves early, and with
# pipefail the writer's SIGPIPE would count as "not known", now and then.)
package_known() { [[ $(LC_ALL=C apt-cache policy "$1" 2>/dev/null) == *'  Candidate: '[^\(]* ]]; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null >&2; }

# first_known NAME|NAME…: the first alternative that apt can install; fails when there is none.
first_known() {
  local name names
  IFS='|' read -ra names <<<"$1"
  for name in "${names[@]}"; do
    if package_known "$name"; then
      printf '%s' "$name"
      return 0
    fi
  done
  return 1
}

# need_packages [--why REASON] PACKAGE…
#
# Installs those packages that are missing and touches nothing else. PACKAGE may be a list of alternatives `a|b`
# (names differ between Debian releases): any one that is there will do, else the first that apt knows is installed.
need_packages() {
  local why="to go on" wanted=() missing=() wish name names found
  if [ "${1-}" = --why ]; then
    why=$2
    shift 2
  fi
  if ! command -v dpkg-query >/dev/null; then
    say "Note: this is not a Debian system; make sure that the equivalents of these packages are there $why:"
    say "  $*"
    return 0
  fi
  for wish in "$@"; do
    found=no
    IFS='|' read -ra names <<<"$wish"
    for name in "${names[@]}"; do
      if package_installed "$name"; then
        found=yes
        break
      fi
    done
    [ $found = yes ] || wanted+=("$wish")
  done
  [ ${#wanted[@]} -gt 0 ] || return 0

  say "Missing Debian packages, needed $why: ${wanted[*]}"
  [ "${VISEME_NO_APT-}" != 1 ] || die "VISEME_NO_APT=1 is set; install them yourself: apt-get install ${wanted[*]%%|*}"
  command -v apt-get >/dev/null || die "there is no apt-get; install them yourself, then run this again"
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    die "you are not root and there is no sudo; as root, run: apt-get install ${wanted[*]%%|*}"
  fi

  local updated=no
  for wish in "${wanted[@]}"; do
    if ! first_known "$wish" >/dev/null; then
      say "Reading the package lists (apt-get update)…"
      apt_get update || die "apt-get update failed (see above)"
      updated=yes
      break
    fi
  done
  for wish in "${wanted[@]}"; do
    name=$(first_known "$wish") || die "apt knows no package named ${wish//|/ or }; check the sources of apt"
    missing+=("$name")
  done

  say "Installing with apt-get: ${missing[*]}"
  if ! apt_get install -y --no-install-recommends "${missing[@]}"; then
    # Lists that are older than the archive name files that are gone.
    [ $updated = no ] || die "apt-get could not install ${missing[*]} (see above)"
    say "That failed; reading the package lists anew and trying once more…"
    apt_get update || die "apt-get update failed (see above)"
    apt_get install -y --no-install-recommends "${missing[@]}" \
      || die "apt-get could not install ${missing[*]} (see above)"
  fi
}

# ---------------------------------------------------------------------------------------------- Python

# A Python that can make environments: 3.11 or newer, with venv and ensurepip (Debian has those in python3-venv).
python_usable() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
  local candidate
  if [ -n "${VISEME_PYTHON-}" ]; then
    python_usable "$VISEME_PYTHON" || die "VISEME_PYTHON=$VISEME_PYTHON is not a Python 3.11 or newer with venv"
    printf '%s' "$VISEME_PYTHON"
    return 0
  fi
  for candidate in python3 /usr/bin/python3; do
    if python_usable "$candidate"; then
      printf '%s' "$candidate"
      return 0
    fi
  done
  need_packages --why "to make a Python environment for the tools" python3 python3-venv
  python_usable /usr/bin/python3 || die "no Python 3.11 or newer was found; set VISEME_PYTHON to one"
  printf '%s' /usr/bin/python3
}

# python_env NAME REQUIREMENTS…: prints the Python of an environment that holds what those files list.
#
# The environment is made once for each content of the files and version of Python, and used again from then on.
python_env() {
  local name=$1 python key home envs file files=()
  shift
  for file in "$@"; do
    [ -r "$file" ] || die "no such file: $file"
    files+=(-r "$file")
  done
  python=$(find_python) || exit 1
  key=$({ "$python" -V && cat "$@"; } | sha256sum | cut -c1-12)
  envs=${VISEME_VENVS:-$ROOT/.venv-tools}
  home=$envs/$name-$key
  if [ ! -e "$home/.complete" ]; then
    mkdir -p "$envs"
    (
      flock 9
      [ ! -e "$home/.complete" ] || exit 0
      say "Making a Python environment for the tools in ${home#"$ROOT"/} (once)…"
      rm -rf "$envs/$name-"*/
      "$python" -m venv "$home" >&2 \
        && "$home/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
          "${files[@]}" </dev/null >&2 \
        && touch "$home/.complete"
    ) 9>"$envs/.lock" || die "could not make the Python environment (see above)"
  fi
  printf '%s' "$home/bin/python"
}

# ---------------------------------------------------------------------------------------------- Swift

# need_swift: stops with advice unless `swift` 6.0 or newer runs.
need_swift() {
  local text version major
  command -v swift >/dev/null || die "Swift 6.0 or newer is needed and 'swift' is not on the PATH.
  Debian 13:  apt-get install swiftlang
  Debian 12:  unpack a toolchain from https://www.swift.org/install/linux and add its usr/bin to the PATH"
  text=$(swift --version 2>&1) || die "'swift --version' failed; the toolchain at $(command -v swift) does not start:
$text"
  version=$(sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' <<<"$text" | head -n 1)
  major=${version%%.*}
  [ -n "$major" ] || die "cannot tell the version of Swift from: $text"
  [ "$major" -ge 6 ] || die "Swift 6.0 or newer is needed; $(command -v swift) is $version"
}

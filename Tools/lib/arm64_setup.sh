# shellcheck shell=bash
# Fills the cache of Tools/arm64 from the Debian archive. Needs common.sh and arm64_root.sh.
#
#   host/    Debian 13 for amd64 with swiftlang: the cross compiler and SwiftPM
#   target/  Debian 13 for arm64: the libraries, headers and Swift modules of a board
#   qemu/    qemu-aarch64, statically linked
#   sdk/     a Swift SDK that ties them together
#
# Packages are unpacked, never installed: none of their scripts is run, so neither root nor an arm64 machine is needed.
#
# Settings from the environment:
#   VISEME_ARM64_MIRROR=URI   the Debian archive (default: the one apt uses on this machine)

# Debian 13 is the first release with Swift.
ARM64_SUITE=trixie
# Raise when a change here must fill existing caches anew.
ARM64_VERSION=1

# What both roots hold: a system that programs start in, Swift, and what the package is built with and tested on.
ARM64_COMMON_PACKAGES=(base-files base-passwd libc-bin bash dash coreutils findutils grep sed tar gzip mawk tzdata
  swiftlang libstdc++-14-dev "${BUILD_PACKAGES[@]}")
ARM64_HOST_PACKAGES=("${ARM64_COMMON_PACKAGES[@]}" binutils make qemu-user)

# Left out when unpacking: debuggers, servers of editors, documentation, other platforms; in the target also the compiler.
ARM64_SKIP=(
  './usr/share/doc/*' './usr/share/man/*' './usr/share/info/*' './usr/share/locale/*' './usr/share/lintian/*'
  './usr/libexec/swift/bin/lldb*' './usr/libexec/swift/bin/clangd' './usr/libexec/swift/bin/sourcekit-lsp'
  './usr/libexec/swift/bin/docc' './usr/libexec/swift/bin/swift-format' './usr/libexec/swift/share/docc*'
  './usr/libexec/swift/lib/liblldb*' './usr/libexec/swift/lib/libsourcekitd*' './usr/libexec/swift/lib/libLTO*'
  './usr/libexec/qemu-binfmt*')
ARM64_HOST_SKIP=("${ARM64_SKIP[@]}" './usr/bin/qemu-*')
ARM64_TARGET_SKIP=("${ARM64_SKIP[@]}" './usr/libexec/swift/bin/*' './usr/libexec/swift/lib/swift/host/*'
  './usr/libexec/swift/lib/swift/pm/*' './usr/libexec/gcc/*' './usr/bin/*-linux-gnu-*')

# arm64_setup [--force]: makes the cache what this file says it is; does nothing when it is.
arm64_setup() {
  local want start=$SECONDS free
  want=$(printf '%s\n' "$ARM64_VERSION" "$ARM64_SUITE" "${ARM64_HOST_PACKAGES[@]}" | sha256sum | cut -c1-16)
  if [ "${1-}" != --force ] && [ "$(cat "$ARM64/stamp" 2>/dev/null)" = "$want" ]; then return 0; fi
  [ "$(uname -m)" = x86_64 ] || die "this prepares x86-64 machines; a board needs only: apt install swiftlang"
  need_packages --why "to unpack Debian packages" apt dpkg tar util-linux debian-archive-keyring
  mkdir -p "$ARM64"
  (
    flock -n 9 || { say "Another Tools/arm64 is setting up; waiting for it…"; flock 9; }
    if [ "${1-}" != --force ] && [ "$(cat "$ARM64/stamp" 2>/dev/null)" = "$want" ]; then exit 0; fi
    free=$(df -Pk "$ARM64" | awk 'NR == 2 { print int($4 / 1048576) }')
    [ "$free" -ge 5 ] || die "$ARM64 has $free GB free; 5 are needed while unpacking (VISEME_ARM64 names another place)"
    step "Preparing to build for ARM (once): $ARM64"
    rm -rf "$ARM64"/{stamp,host,target,qemu,sdk,xdg}
    arm64_fetch amd64 "${ARM64_HOST_PACKAGES[@]}"
    arm64_fetch arm64 "${ARM64_COMMON_PACKAGES[@]}"
    say "Unpacking…"
    arm64_unpack amd64 "$ARM64/host" "${ARM64_HOST_SKIP[@]}"
    arm64_unpack arm64 "$ARM64/target" "${ARM64_TARGET_SKIP[@]}"
    arm64_emulator
    arm64_sdk
    rm -rf "$ARM64/apt"
    arm64_prove
    printf '%s\n' "$want" >"$ARM64/stamp"
    say "Ready after $((SECONDS - start)) seconds; $(du -sh "$ARM64" | cut -f1) in $ARM64"
  ) 9>"$ARM64/.lock"
}

# ---------------------------------------------------------------------------------------------- packages

# arm64_mirror LABEL: where apt has Debian's archive of that label from: from its lists, or else from its settings.
arm64_mirror() {
  local uri suffix=
  uri=$(apt-get indextargets --format '$(REPO_URI) $(LABEL) $(ORIGIN) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null \
    | awk -v label="$1" '!found && $2 == label && $3 == "Debian" && $4 == "main" { print $1; found = 1 }') || true
  if [ -z "$uri" ]; then
    [ "$1" = Debian ] || suffix=-security
    uri=$({
      sed -n 's/^URIs:[[:space:]]*//p' /etc/apt/sources.list.d/*.sources
      sed -n 's/^deb[[:space:]]\+\(\[[^]]*\][[:space:]]*\)\?\([^[:space:]]\+\).*/\2/p' /etc/apt/sources.list \
        /etc/apt/sources.list.d/*.list
    } 2>/dev/null | tr ' ' '\n' | sed 's:/*$::' | grep -E "/debian$suffix\$" | head -n 1) || true
  fi
  printf '%s' "$uri"
}

# arm64_apt ARCH ARGUMENTS…: an apt-get with a state of its own; of this machine's settings only those of transport count.
arm64_apt() {
  local state=$ARM64/apt/$1 mirror security arch=$1
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  shift
  if [ ! -e "$state/apt.conf" ]; then
    mirror=${VISEME_ARM64_MIRROR:-$(arm64_mirror Debian)}
    [ -n "$mirror" ] || die "cannot tell which Debian archive apt uses here; set VISEME_ARM64_MIRROR"
    security=$(arm64_mirror Debian-Security)
    [ -z "${VISEME_ARM64_MIRROR-}" ] || security=
    mkdir -p "$state"/etc/{apt.conf.d,preferences.d,sources.list.d} "$state"/{state/lists,cache/archives,none}/partial
    : >"$state/status"
    {
      printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$ARM64_SUITE"
      [ -z "$security" ] || printf 'deb [signed-by=%s] %s %s-security main\n' "$keyring" "$security" "$ARM64_SUITE"
    } >"$state/etc/sources.list"
    {
      apt-config dump | grep -E '^Acquire::(http|https|Retries|ForceIPv|Check-|By-Hash)' || true
      cat <<CONF
Dir::Etc "$state/etc";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
Dir::State "$state/state";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "$(id -un)";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
    } >"$state/apt.conf"
  fi
  APT_CONFIG=$state/apt.conf apt-get -qq -o Dpkg::Use-Pty=0 "$@"
}

# arm64_fetch ARCH PACKAGE…: downloads the packages and what they depend on; `debs` lists the files, base-files first,
# since it has the links from /bin to /usr/bin that the others lie behind.
arm64_fetch() {
  local arch=$1 state=$ARM64/apt/$1
  shift
  say "Fetching $# packages and what they need for $arch…"
  rm -rf "$state"
  arm64_apt "$arch" update || die "apt-get update for $ARM64_SUITE ($arch) failed (see above)"
  arm64_apt "$arch" --print-uris install "$@" | awk '{ print $2 }' | sort -u >"$state/all" \
    || die "apt cannot resolve the packages for $arch (see above)"
  { grep '^base-files_' "$state/all"; grep -v '^base-files_' "$state/all"; } >"$state/debs"
  arm64_apt "$arch" -y --download-only install "$@" >/dev/null || die "the download for $arch failed (see above)"
}

# arm64_unpack ARCH ROOT SKIPPED…
arm64_unpack() {
  local debs=$ARM64/apt/$1 root=$2 file control
  local archives=$debs/cache/archives
  shift 2
  mkdir -p "$root"
  while read -r file; do
    dpkg-deb --fsys-tarfile "$archives/$file" | tar -x -C "$root" --keep-directory-symlink --no-same-owner --anchored \
      --wildcards "${@/#/--exclude=}" || die "could not unpack $file"
  done <"$debs/debs"
  control=$ARM64/apt/control
  while read -r file; do
    rm -rf "$control"
    dpkg-deb -e "$archives/$file" "$control"
    [ ! -f "$control/postinst" ] || arm64_alternatives "$root" "$control/postinst"
  done <"$debs/debs"
  # What the packages' scripts would have made.
  cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
  cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
  printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
  : >"$root/etc/resolv.conf"
  : >"$root/etc/hosts"
  : >"$root/etc/gitconfig"
  [ -e "$root/usr/bin/swift" ] || ln -s ../libexec/swift/bin/swift "$root/usr/bin/swift"
  [ -e "$root/usr/bin/awk" ] || ln -s mawk "$root/usr/bin/awk"
  mkdir -p "$root/arm64" "$root/tmp"
  chmod 1777 "$root/tmp"
}

# arm64_alternatives ROOT SCRIPT: makes the links that update-alternatives would make in a package's script; OpenBLAS
# needs them.
arm64_alternatives() {
  local link path
  awk '{ while (sub(/\\$/, "")) { if ((getline more) <= 0) break; $0 = $0 " " more } print }' "$2" \
    | awk '/update-alternatives/ && /--install/ {
        for (i = 1; i + 3 <= NF; i++) if ($i == "--install" || $i == "--slave") print $(i + 1), $(i + 3)
      }' | tr -d "\"'" | while read -r link path; do
      case $link$path in
        *[\$\`\;]*) continue ;;
        /*) ;;
        *) continue ;;
      esac
      if [ -e "$1$path" ] && [ ! -e "$1$link" ] && [ ! -L "$1$link" ]; then
        mkdir -p "$1$(dirname "$link")"
        ln -s "$(realpath -ms --relative-to="$(dirname "$link")" "$path")" "$1$link"
      fi
    done
}

# ---------------------------------------------------------------------------------------------- emulator, SDK

arm64_emulator() {
  local file
  file=$(grep '^qemu-user_' "$ARM64/apt/amd64/debs")
  mkdir -p "$ARM64/qemu"
  dpkg-deb --fsys-tarfile "$ARM64/apt/amd64/cache/archives/$file" \
    | tar -x -C "$ARM64/qemu" --no-same-owner --strip-components=3 ./usr/bin/qemu-aarch64
  "$ARM64/qemu/qemu-aarch64" --version >/dev/null || die "qemu-aarch64 does not start"
}

# The paths are those that the build root has.
arm64_sdk() {
  local bundle=$ARM64/sdk/debian-arm64.artifactbundle
  mkdir -p "$bundle/arm64"
  cat >"$bundle/info.json" <<'JSON'
{ "schemaVersion": "1.0",
  "artifacts": { "debian-arm64": { "type": "swiftSDK", "version": "1.0.0", "variants": [ { "path": "arm64" } ] } } }
JSON
  cat >"$bundle/arm64/swift-sdk.json" <<'JSON'
{ "schemaVersion": "4.0",
  "targetTriples": { "aarch64-unknown-linux-gnu": {
    "sdkRootPath": "/arm64",
    "swiftResourcesPath": "/arm64/usr/libexec/swift/lib/swift",
    "swiftStaticResourcesPath": "/arm64/usr/libexec/swift/lib/swift_static",
    "toolsetPaths": [ "toolset.json" ] } } }
JSON
  # The run path is where Debian's libswiftlang has the Swift runtime on a board.
  cat >"$bundle/arm64/toolset.json" <<'JSON'
{ "schemaVersion": "1.0",
  "rootPath": "/usr/libexec/swift/bin",
  "swiftCompiler": { "extraCLIOptions": [ "-use-ld=lld", "-no-toolchain-stdlib-rpath",
    "-Xlinker", "-rpath=/usr/libexec/swift/lib/swift/linux" ] },
  "linker": { "path": "ld.lld" } }
JSON
  # The compiler warns of a folder of libraries that does not say what it is.
  printf '{"CanonicalName":"linux","DisplayName":"Debian %s arm64","Version":"13.0","MaximumDeploymentTarget":"13.0"}\n' \
    "$ARM64_SUITE" >"$ARM64/target/SDKSettings.json"
}

# arm64_prove: a Swift program must cross-compile and run.
arm64_prove() {
  local folder=$ARM64/proof
  mkdir -p "$folder"
  echo 'print("hello from", [1, 2, 3].map { String($0) }.joined())' >"$folder/hello.swift"
  (
    cd "$folder" && in_build_root swiftc -target aarch64-unknown-linux-gnu -sdk /arm64 \
      -resource-dir /arm64/usr/libexec/swift/lib/swift -use-ld=lld -no-toolchain-stdlib-rpath \
      -Xlinker -rpath=/usr/libexec/swift/lib/swift/linux hello.swift -o hello
  ) || die "the cross compiler does not work (see above)"
  [ "$("$ARM64/qemu/qemu-aarch64" -L "$ARM64/target" "$folder/hello")" = "hello from 123" ] \
    || die "a program for arm64 does not run under qemu (see above)"
  rm -rf "$folder"
}

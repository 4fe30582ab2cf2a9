# shellcheck shell=bash
# The place where Swift for ARM is compiled: Debian 13's files, and this machine's own folders at their own paths.
#
# Settings from the environment:
#   VISEME_ARM64=DIR   the cache that arm64_setup fills

ARM64=$(realpath -m "${VISEME_ARM64:-${XDG_CACHE_HOME:-$HOME/.cache}/viseme/arm64}")

# in_build_root COMMAND…: runs a command of the build root in the present folder.
#
# Mounts are made in a namespace of their own and vanish with the command.
in_build_root() {
  local namespace=(--mount)
  [ "$(id -u)" -eq 0 ] || namespace=(--user --map-root-user --mount)
  unshare "${namespace[@]}" true 2>/dev/null || die "this machine lets no one mount folders in a namespace of their own
  (unshare ${namespace[*]} fails). As root in a container: start it with CAP_SYS_ADMIN. As a user: allow user
  namespaces (sysctl kernel.unprivileged_userns_clone=1), or run this as root"
  unshare "${namespace[@]}" bash "$TOOLS/lib/arm64_enter.sh" "$ARM64" "$PWD" "$@"
}

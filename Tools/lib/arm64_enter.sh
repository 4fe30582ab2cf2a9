#!/usr/bin/env bash
# arm64_enter.sh CACHE FOLDER COMMAND…: the inner half of in_build_root, started in a mount namespace of its own.
set -euo pipefail
cache=$1 folder=$2
root=$cache/host
shift 2

# Shows a folder of this machine in the root; a folder that cannot be shown is one that nobody there asks for.
show() {
  mkdir -p "$root$1" && mount --rbind "$1" "$root$1"
}

for path in /*; do
  case $path in
    /arm64 | /bin | /boot | /etc | /lib* | /lost+found | /sbin | /usr) continue ;;
  esac
  if [ -d "$path" ] && [ ! -L "$path" ]; then show "$path"; fi
done
case $folder in
  /usr/* | /etc/*) show "$folder" ;;
esac
# Names, and whom to trust, for git when SwiftPM fetches packages.
for file in /etc/resolv.conf /etc/hosts /etc/gitconfig; do
  if [ -f "$file" ]; then mount --bind "$(readlink -f "$file")" "$root$file"; fi
done
for path in /etc/ssl /usr/share/ca-certificates /usr/local/share/ca-certificates; do
  if [ -d "$path" ]; then show "$path"; fi
done
mount --rbind "$cache/target" "$root/arm64"

# A compiler of this machine must not meet the one of the root.
unset LD_PRELOAD LD_LIBRARY_PATH CPATH C_INCLUDE_PATH LIBRARY_PATH CC CXX SWIFT_EXEC TOOLCHAINS
export PATH=/usr/bin:/bin:/usr/sbin:/sbin:/usr/libexec/swift/bin LC_ALL=C.UTF-8 XDG_CACHE_HOME=$cache/xdg
# The clone may belong to another user than the one who builds.
count=${GIT_CONFIG_COUNT:-0}
export GIT_CONFIG_COUNT=$((count + 1)) "GIT_CONFIG_KEY_$count=safe.directory" "GIT_CONFIG_VALUE_$count=*"
exec chroot "$root" /usr/bin/env -C "$folder" "$@"

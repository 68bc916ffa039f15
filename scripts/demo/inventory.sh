#!/bin/sh
# An inventory of the machine as one JSON document. POSIX sh and what every Linux has in /proc; nothing is installed.
set -eu

# Text as a JSON string: backslashes and quotes escaped, control characters dropped.
json() {
  printf '"%s"' "$(printf '%s' "$1" | tr -d '\000-\037' | sed 's/\\/\\\\/g; s/"/\\"/g')"
}

# The value of KEY in an os-release file, without its quotes.
release_value() {
  [ -r /etc/os-release ] || return 0
  sed -n "s/^$1=//p" /etc/os-release | head -n 1 | sed 's/^"//; s/"$//'
}

# Kilobytes of a field of /proc/meminfo.
memory_kb() {
  sed -n "s/^$1: *\([0-9]*\) kB$/\1/p" /proc/meminfo
}

cpu_model() {
  sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1
}

uptime_seconds() {
  cut -d. -f1 /proc/uptime
}

# Mounted file systems that lie on a device, each once.
filesystems() {
  separator=''
  df -P -k 2>/dev/null | sed 1d | while read -r device size used _ _ mount; do
    case "$device" in
      /dev/*) ;;
      *) continue ;;
    esac
    printf '%s{"mount":' "$separator"
    json "$mount"
    printf ',"sizeKb":%s,"usedKb":%s}' "$size" "$used"
    separator=','
  done
}

# Names and states of the network interfaces.
interfaces() {
  separator=''
  for path in /sys/class/net/*; do
    [ -e "$path" ] || continue
    printf '%s{"name":' "$separator"
    json "${path##*/}"
    printf ',"state":'
    json "$(cat "$path/operstate" 2>/dev/null || echo unknown)"
    printf '}'
    separator=','
  done
}

printf '{"takenFor":'
json "${WRIT_PARAM_TICKET:-none}"
printf ',"host":'
json "$(uname -n)"
printf ',"system":{"name":'
json "$(release_value PRETTY_NAME)"
printf ',"kernel":'
json "$(uname -r)"
printf ',"machine":'
json "$(uname -m)"
printf '},"cpu":{"model":'
json "$(cpu_model)"
printf ',"cores":%s}' "$(grep -c '^processor' /proc/cpuinfo)"
printf ',"memory":{"totalKb":%s,"availableKb":%s}' "$(memory_kb MemTotal)" "$(memory_kb MemAvailable)"
printf ',"load":%s' "$(cut -d' ' -f1 /proc/loadavg)"
printf ',"uptimeSeconds":%s' "$(uptime_seconds)"
printf ',"processes":%s' "$(find /proc -maxdepth 1 -name '[0-9]*' | wc -l)"
printf ',"filesystems":[%s]' "$(filesystems)"
printf ',"interfaces":[%s]}\n' "$(interfaces)"

#!/bin/sh
# The launcher of a node: keeps an executor running, gives a new release its trial, and goes back to the last good one.
# It belongs to no release, and takes a few megabytes where another runtime would take forty.
#
#   launcher.sh HOME COMMAND [ARGUMENT...]       COMMAND becomes the executor of the installed release
#
# Protocol 1, in HOME/executor/releases; all but attempt.log is written durably:
#   SLOT/start    sh SLOT/start HOME becomes the executor of that release
#   good          SLOT, the release to start; without it the installed one
#   trying        SLOT ATTEMPTS SECONDS: an executor writes it and exits with 75; each start of SLOT counts down
#   failed        SLOT REASON, when no attempt is left; for the executor that runs then, which removes it
#   attempt.log   what the trial has said, its first megabyte
#   lock          held by the one launcher of the home
# An executor on trial that has proved itself in time writes `good` and removes `trying`. Reasons: exit-CODE, overdue,
# unusable, and attempts-used when this script did not see the last one end.
set -u
home=$1
shift
releases=$home/executor/releases
export WRIT_LAUNCHER=1 WRIT_LAUNCHER_PID=$$
child='' nap='' stopping='' delay=1

say() {
  printf '{"level":"%s","time":"%s","process":"launcher","msg":"%s"}\n' "$1" "$(date -u +%Y-%m-%dT%H:%M:%S.000Z)" "$2" >&2
}

save() {
  printf '%s\n' "$2" >"$releases/$1.new" && sync "$releases/$1.new" && mv -f "$releases/$1.new" "$releases/$1" && sync "$releases"
}

drop() {
  rm -f "$releases/$1" && sync "$releases"
}

is_count() {
  case $1 in '' | *[!0-9]* | ?????*) return 1 ;; esac
}

# Whether the release that was started has not proved itself.
is_unproved() {
  [ -n "$trial" ] && [ -f "$releases/trying" ] && read -r candidate attempts seconds <"$releases/trying" && [ "$candidate" = "$slot" ]
}

conclude() {
  say error "the release $candidate is given up: $1"
  save failed "$candidate $1" && drop trying
}

# Sets `slot`, empty for the installed release, and `trial`, empty for a good one.
choose() {
  slot='' trial='' candidate='' attempts='' seconds=''
  [ ! -f "$releases/good" ] || read -r slot <"$releases/good" || :
  [ -z "$slot" ] || [ -f "$releases/$slot/start" ] || { say error "the release $slot is missing; the installed one is started" && slot=''; }
  [ -f "$releases/trying" ] || return 0
  read -r candidate attempts seconds <"$releases/trying" || :
  if [ -n "$slot" ] && [ "$candidate" = "$slot" ]; then
    drop trying
  elif ! is_count "$attempts" || ! is_count "$seconds" || [ ! -f "$releases/$candidate/start" ]; then
    conclude unusable
  elif [ "$attempts" -eq 0 ]; then
    conclude attempts-used
  else
    attempts=$((attempts - 1))
    if save trying "$candidate $attempts $seconds"; then slot=$candidate trial=yes; else say error 'no attempt could be written down: the last good release is started'; fi
  fi
}

# Both are run beside the executor, in a shell of their own.
copy_log() {
  exec 9>&-
  trap '' TERM INT HUP XFSZ
  { ulimit -f 2048 && exec tee "$releases/attempt.log"; } <"$releases/attempt.pipe" 2>/dev/null | exec cat >&2
}

# Whether for this many seconds the executor goes on without having proved itself, and its launcher lives.
goes_on() {
  left=$1
  while [ "$left" -gt 0 ]; do
    sleep 1
    kill -0 "$$" && kill -0 "$child" && is_unproved || return 1
    left=$((left - 1))
  done
}

watch_trial() {
  exec 9>&-
  trap - TERM INT HUP
  goes_on "$seconds" || exit
  : >"$releases/overdue"
  kill -TERM "$child"
  goes_on 10 && kill -KILL "$child"
}

launch() {
  [ -z "$slot" ] || set -- sh "$releases/$slot/start" "$home"
  for left in overdue attempt.pipe; do [ ! -e "$releases/$left" ] || rm -f "$releases/$left"; done
  if [ -z "$trial" ]; then
    "$@" 9>&- & child=$!
  else
    say info "the release $slot is on trial for $seconds s"
    mkfifo -m 600 "$releases/attempt.pipe"
    copy_log &
    "$@" >"$releases/attempt.pipe" 2>&1 9>&- & child=$!
    watch_trial </dev/null >/dev/null 2>&1 &
  fi
  begun=$(date +%s)
  [ -z "$stopping" ] || kill -TERM "$child"
  wait "$child"
  code=$?
  while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
  child=''
}

pause() {
  sleep "$1" 9>&- & nap=$!
  wait "$nap"
  kill "$nap" 2>/dev/null
  nap=''
}

stop() {
  stopping=yes
  [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
  [ -z "$nap" ] || kill "$nap" 2>/dev/null
}

trap stop TERM INT HUP
# Little is started before the executor, which is what a start waits for.
if [ ! -d "$releases" ] && { ! mkdir -p -m 700 "$releases" || ! sync "$releases"; }; then
  echo "writ: the launcher cannot write to $releases, or lacks \"sync FILE\" of coreutils [launcher-unusable]" >&2
  exit 7
fi
exec 9>"$releases/lock"
if ! flock -n 9; then
  echo "writ: a node runs in $home already; stop it first [home-in-use]" >&2
  exit 7
fi
while :; do
  choose
  launch "$@"
  [ -z "$stopping" ] || exit "$code"
  if is_unproved; then
    reason=exit-$code
    [ ! -f "$releases/overdue" ] || reason=overdue attempts=0
    say warn "the release $slot did not prove itself ($reason), $attempts attempts are left"
    [ "$attempts" -gt 0 ] || conclude "$reason"
  elif [ ! -f "$releases/overdue" ]; then # else it was stopped in the moment in which it proved itself
    case $code in
    0 | 7) exit "$code" ;;
    75) continue ;;
    esac
    [ $(($(date +%s) - begun)) -lt 60 ] || delay=1
    say error "the executor has ended with $code and is started again in $delay s"
    pause "$delay"
    [ -z "$stopping" ] || exit "$code"
    delay=$((delay * 2))
    [ "$delay" -le 30 ] || delay=30
  fi
done

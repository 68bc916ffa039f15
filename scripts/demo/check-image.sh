#!/bin/sh
# Everything after the marker line is an image: checks that what arrived is what was sent.
set -eu
start=$(($(grep -a -n -m 1 '^__IMAGE__$' "$0" | cut -d: -f1) + 1))
actual=$(tail -n "+$start" "$0" | sha256sum | cut -d' ' -f1)
if [ "$actual" != "$WRIT_PARAM_SHA256" ]; then
  echo "the image is damaged: $actual, expected $WRIT_PARAM_SHA256" >&2
  exit 1
fi
echo "image of $(($(wc -c <"$0") / 1048576)) MiB verified: $actual"
exit 0
__IMAGE__

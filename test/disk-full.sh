#!/usr/bin/env bash
# The embedded store on a file system that is full: npm run test:disk. Mounting a small one takes root; exit 77 without.
set -euo pipefail
cd "$(dirname "$0")/.."
disk=$(mktemp -d)
if [ "$(id -u)" != 0 ] || ! mount -t tmpfs -o size=4m,mode=700 handstamp-test "$disk" 2>/dev/null; then
  rmdir "$disk"
  echo 'no small file system can be mounted here'
  exit 77
fi
trap 'umount "$disk" && rmdir "$disk"' EXIT; trap 'exit 130' INT TERM

npm run --silent compile
SMALL_DISK=$disk npx --no-install tap --disable-coverage build/test/crash/disk-full.test.js

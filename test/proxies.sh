#!/usr/bin/env bash
# The service behind real proxies, as docs/operations.md configures them: npm run test:proxies
# Tests start their own proxies on free ports of loopback, in folders that are removed at the end. Exit 77: a proxy is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin # where Debian has them
for proxy in nginx haproxy; do
  command -v "$proxy" >/dev/null || { echo "$proxy is not installed: apt-get install nginx haproxy"; exit 77; }
  "$proxy" -v 2>&1 | head -1
done

TMPDIR=$(mktemp -d)
export TMPDIR
stop() {
  # A test that was cut off leaves its proxy: each wrote down its own pid.
  find "$TMPDIR" -name proxy.pid -exec cat {} + | xargs -r kill 2>/dev/null || true
  rm -rf "$TMPDIR"
}
trap stop EXIT; trap 'exit 130' INT TERM

npm run --silent compile
node scripts/build.mjs
npx --no-install tap --disable-coverage --timeout=300 build/test/proxies/*.test.js

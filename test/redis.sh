#!/usr/bin/env bash
# The store on a real Redis, and replicas that share one: npm run test:redis
# Tests start their own servers on free ports of loopback, in folders that are removed at the end. Exit 77: there is no Redis here.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v redis-server >/dev/null || { echo 'redis-server is not installed: apt-get install redis-server'; exit 77; }
redis-server --version

TMPDIR=$(mktemp -d)
export TMPDIR
stop() {
  # A test that was cut off leaves its server: each wrote down its own pid.
  find "$TMPDIR" -name redis.pid -exec cat {} + | xargs -r kill -9 2>/dev/null || true
  rm -rf "$TMPDIR"
}
trap stop EXIT; trap 'exit 130' INT TERM

npm run --silent compile
npx --no-install tap --coverage-map=build/test/stores/redis-coverage.js build/test/stores/redis.test.js

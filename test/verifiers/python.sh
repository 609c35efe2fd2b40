#!/usr/bin/env bash
# A token of a real process, checked by PyJWT. Needs Python 3 with jwt and cryptography; Debian's packages are
# installed where they are missing and may be.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=
find_python() {
  local candidate
  for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import jwt, cryptography; jwt.PyJWKClient' 2>/dev/null; then python=$candidate; return 0; fi
  done
  return 1
}
if ! find_python; then
  sudo=; [ "$(id -u)" = 0 ] || sudo="sudo -n"
  $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends python3-jwt python3-cryptography >/dev/null || true
  find_python || { echo "python3 with PyJWT and cryptography is needed: apt-get install python3-jwt python3-cryptography" >&2; exit 1; }
fi

node scripts/build.mjs
folder=$(mktemp -d); pid=
cleanup() {
  trap - EXIT
  [ -z "$pid" ] || { kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; } || true
  rm -rf "$folder"
}
trap cleanup EXIT; trap 'exit 130' INT TERM

port=$(node -e "const s = require('net').createServer().listen(0, 'localhost', () => { console.log(s.address().port); s.close() })")
base=http://localhost:$port
env -i PATH="$PATH" PORT="$port" PUBLIC_URL="$base" DATA_DIR="$folder/data" LOG_LEVEL=warn node dist/server.js >"$folder/log" 2>&1 &
pid=$!
for _ in $(seq 100); do curl -fso /dev/null "$base/livez" && break; kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
timeout 60 "$python" test/verifiers/verify.py "$base" || { echo "--- log of the service" >&2; cat "$folder/log" >&2; exit 1; }

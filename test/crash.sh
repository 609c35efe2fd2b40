#!/usr/bin/env bash
# The embedded store and processes that come and go: some are killed by kill -9 at random moments, some open and close it
# all the time. npm run test:crash [-- <kills> [<seconds of opening>]]
set -euo pipefail
cd "$(dirname "$0")/.."
npm run --silent compile
CRASHES=${1:-25} SECONDS_OF_OPENING=${2:-20} npx --no-install tap --disable-coverage --jobs=1 --timeout=0 build/test/crash/{crash,openers}.test.js

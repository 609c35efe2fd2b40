#!/usr/bin/env bash
# Processes that rotate sessions of the embedded store are killed by kill -9 at random moments: npm run test:crash [-- <times>]
set -euo pipefail
cd "$(dirname "$0")/.."
npm run --silent compile
CRASHES=${1:-25} npx --no-install tap --disable-coverage --timeout=0 build/test/crash/crash.test.js

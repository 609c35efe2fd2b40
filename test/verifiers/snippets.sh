#!/usr/bin/env bash
# The snippets of docs/verify-tokens.md in other languages than JavaScript, as they stand there, with tokens of a real
# Handstamp and bad ones of every kind. Needs Python with PyJWT, Ruby with jwt, PHP with phpseclib, Go, Rust, and Java with
# Maven: what is missing comes from Debian's packages, and what these are too old for fails.
set -euo pipefail
cd "$(dirname "$0")/../.."

find_python() {
  local candidate
  for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import jwt, cryptography; jwt.PyJWKClient' 2>/dev/null; then export PYTHON=$candidate; return 0; fi
  done
  return 1
}
has_phpseclib() { [ -f "${PHPSECLIB:-/usr/share/php/phpseclib3/autoload.php}" ]; }

missing=()
find_python || missing+=(python3-jwt python3-cryptography)
ruby -e 'require "jwt"' 2>/dev/null || missing+=(ruby ruby-jwt)
command -v php >/dev/null || missing+=(php-cli)
has_phpseclib || missing+=(php-phpseclib3)
command -v go >/dev/null || missing+=(golang-go)
command -v cargo >/dev/null || missing+=(cargo)
command -v javac >/dev/null || missing+=(default-jdk-headless)
command -v mvn >/dev/null || missing+=(maven)
if [ ${#missing[@]} -gt 0 ]; then
  echo "apt-get install ${missing[*]}"
  sudo=; [ "$(id -u)" = 0 ] || sudo='sudo -n'
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
find_python || { echo 'python3 with PyJWT and cryptography is needed' >&2; exit 1; }

npm run --silent compile
npx --no-install tap --disable-coverage --jobs=2 --timeout=500 build/test/verifiers/languages/*.test.js

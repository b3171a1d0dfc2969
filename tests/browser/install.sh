#!/usr/bin/env bash
# Installs the players and parsers that the tests use: into tests/browser/node_modules and target/parsers.
set -euo pipefail
cd "$(dirname "$0")"

modules=node_modules/.package-lock.json
if [[ ! -f $modules || package-lock.json -nt $modules ]]; then
  echo "installing the players of tests/browser/package.json"
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
  touch "$modules"
fi

parsers=../../target/parsers
if [[ ! -f $parsers/.stamp || requirements.txt -nt $parsers/.stamp ]]; then
  echo "installing the parsers of tests/browser/requirements.txt"
  python3 -m venv "$parsers"
  "$parsers/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
  touch "$parsers/.stamp"
fi

#!/usr/bin/env bash
# Installs the servers of object stores that the tests use: Azurite into tests/clouds/node_modules, and fake-gcs-server into
# target/clouds.
set -euo pipefail
cd "$(dirname "$0")"

modules=node_modules/.package-lock.json
if [[ ! -f $modules || package-lock.json -nt $modules ]]; then
  echo "installing Azurite"
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
  touch "$modules"
fi

clouds=../../target/clouds
if [[ ! -x $clouds/fake-gcs-server || requirements.txt -nt $clouds/fake-gcs-server ]]; then
  echo "installing fake-gcs-server"
  rm -rf "$clouds" && mkdir -p "$clouds"
  python3 -m venv "$clouds/venv"
  "$clouds/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --require-hashes --no-deps \
    --target "$clouds/wheel" -r requirements.txt
  program=("$clouds"/wheel/*/vendor/fake-gcs-server/bin/fake-gcs-server-linux-*)
  install -m 755 "${program[0]}" "$clouds/fake-gcs-server"
  rm -rf "$clouds/venv" "$clouds/wheel"
fi

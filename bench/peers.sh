#!/usr/bin/env bash
# Installs what this service is measured beside: from Debian, and into bench/peers. What cannot be had is told there, in
# `missing`, and the table says so.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p peers
: >peers/missing
missing() { echo "$1" | tee -a peers/missing >&2; }

npm_packages=(sharp@0.34.5 ipx@3.1.1)
pip_packages=(thumbor==7.8.0 thumbor-video-engine==1.3.1 av==18.1.0)

../scripts/setup.sh vips || missing "vipsthumbnail: Debian's libvips-tools cannot be installed"
../scripts/setup.sh image-filter || missing "nginx image_filter: Debian's libnginx-mod-http-image-filter cannot be installed"

if [[ ! -f peers/.npm || $(<peers/.npm) != "${npm_packages[*]}" ]]; then
  echo "installing ${npm_packages[*]}" >&2
  if npm install --silent --no-audit --no-fund --prefix peers "${npm_packages[@]}" >/dev/null; then
    echo "${npm_packages[*]}" >peers/.npm
  else
    missing "sharp, ipx: npm cannot install them"
  fi
fi
if [[ ! -f peers/.pip || $(<peers/.pip) != "${pip_packages[*]}" ]]; then
  echo "installing ${pip_packages[*]}" >&2
  if python3 -m venv peers/venv && peers/venv/bin/pip install --quiet --disable-pip-version-check "${pip_packages[@]}" >&2; then
    echo "${pip_packages[*]}" >peers/.pip
  else
    missing "thumbor, PyAV: pip cannot install them"
  fi
fi

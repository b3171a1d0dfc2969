#!/usr/bin/env bash
# This service beside its peers, on this machine, in one run: make bench-peers, or bench/run.sh PART... (cold, cage, first,
# strip, photo, hits, saturation, play, files).
set -euo pipefail
cd "$(dirname "$0")/.."
bench/prepare.sh >&2
bench/peers.sh
if [[ -z ${VEDETTE:-} ]]; then
  cargo build --release --bin vedette
fi
# shellcheck disable=SC2046
cc -O2 -Wno-deprecated-declarations -o bench/data/floor bench/floor.c $(pkg-config --cflags --libs libavformat libavcodec libavutil)
exec python3 bench/run.py "$@"

#!/usr/bin/env bash
# What a path costs, by function: bench/profile.sh PATH, where PATH is hit, playlist, segment, file, cold, keyframe, strip,
# photo or webp. SECONDS_EACH is how long it is looked at. The recording stays in bench/data/profile-PATH.perf, for perf report.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh build media profile >&2
bench/prepare.sh >&2
if [[ -z ${VEDETTE:-} ]]; then
  cargo build --release --bin vedette
fi
exec python3 bench/profile.py "$@"

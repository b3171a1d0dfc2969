#!/usr/bin/env bash
# Throws what strangers may send at what reads it: fuzz/run.sh [SECONDS] [TARGET...], ten seconds and all targets unless said
# otherwise. Needs no nightly compiler; `cargo fuzz run --features guided TARGET` works too, where it is installed. What breaks a target is left
# in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-10}
shift || true
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(basename -s .rs targets/*.rs)
# Everything else of the workspace is left out: only these have what instrumented code calls.
RUSTC_WORKSPACE_WRAPPER=$PWD/instrument.sh cargo build --locked --package vedette-fuzz --bins --features guided --target-dir ../target
for target in "${targets[@]}"; do
  mkdir -p "artifacts/$target" "work/$target"
  echo "fuzz $target for $seconds s"
  ../target/debug/"fuzz-$target" "work/$target" "corpus/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="artifacts/$target/" -verbosity=0 -print_final_stats=1 2>&1 | tail -n 40 >"work/$target.log" ||
    { cat "work/$target.log" >&2; exit 1; }
  grep -E "number_of_executed_units|peak_rss" "work/$target.log"
done

#!/usr/bin/env bash
# Stands in for rustdoc where cargo runs a crate's examples: writes its documentation too, in which nothing may be amiss.
# `cargo doc` would need every dependency built once more, in another way than the tests need them.
set -euo pipefail
documents=() is_test=
all=("$@")
while (($#)); do
  case $1 in
    --test) is_test=yes ;;
    --test-run-directory | --test-args) shift ;;
    *) documents+=("$1") ;;
  esac
  shift
done
if [[ -n $is_test ]]; then rustdoc "${documents[@]}" -D warnings --out-dir target/doc; fi
exec rustdoc "${all[@]}"

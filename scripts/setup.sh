#!/usr/bin/env bash
# Installs what is missing for the given purposes: build, media (sample media and tests), players (tests with a browser,
# parsers, GStreamer and nginx), clouds (tests with servers of object stores), bench, vips and image-filter (peers in benches),
# profile. Says what it does.
set -euo pipefail

packages() {
  case "$1" in
    build) echo pkg-config:pkg-config cc:gcc clang:clang cmake:cmake nasm:nasm \
      lib=libavcodec:libavcodec-dev lib=libavformat:libavformat-dev lib=libavutil:libavutil-dev so=libclang:libclang-dev ;;
    media) echo ffmpeg:ffmpeg identify:imagemagick python3:python3 flock:util-linux openssl:openssl curl:curl ;;
    players) echo chromium:chromium node:nodejs npm:npm venv:python3-venv nginx:nginx-light gst-launch-1.0:gstreamer1.0-tools \
      gst=playbin3:gstreamer1.0-plugins-base gst=hlsdemux2:gstreamer1.0-plugins-good \
      gst=checksumsink:gstreamer1.0-plugins-bad gst=avdec_h264:gstreamer1.0-libav ;;
    clouds) echo node:nodejs npm:npm venv:python3-venv ;;
    bench) echo nginx:nginx-light wrk:wrk node:nodejs npm:npm venv:python3-venv curl:curl ;;
    vips) echo vipsthumbnail:libvips-tools ;;
    image-filter) echo image-filter:libnginx-mod-http-image-filter ;;
    profile) echo perf:linux-perf wrk:wrk ;;
    *) echo "setup.sh: what is \"$1\"? build, media, players, clouds, bench, vips, image-filter and profile are known" >&2; exit 2 ;;
  esac
}

# Whether a thing is there: a command, a library that pkg-config knows, a shared library of LLVM, an element of GStreamer.
present() {
  case "$1" in
    lib=*) pkg-config --exists "${1#lib=}" 2>/dev/null ;;
    so=*) compgen -G "/usr/lib/llvm-*/lib/${1#so=}*.so*" >/dev/null || compgen -G "/usr/lib/*/${1#so=}*.so*" >/dev/null ;;
    gst=*) gst-inspect-1.0 --exists "${1#gst=}" 2>/dev/null ;;
    venv) python3 -c 'import ensurepip' 2>/dev/null ;;
    image-filter) [[ -e /usr/lib/nginx/modules/ngx_http_image_filter_module.so ]] ;;
    nginx) command -v nginx >/dev/null || [[ -x /usr/sbin/nginx ]] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing=()
for purpose in "$@"; do
  for pair in $(packages "$purpose"); do
    present "${pair%:*}" || missing+=("${pair##*:}")
  done
done
if ! command -v cargo >/dev/null; then
  echo "Rust is missing: install it from https://rustup.rs, then run this again" >&2
  exit 1
fi
((${#missing[@]})) || exit 0

root=()
if [[ $(id -u) != 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "missing: ${missing[*]}; as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  root=(sudo)
fi
if ! command -v apt-get >/dev/null; then
  echo "missing: the equivalents of Debian's ${missing[*]}; install them with this system's package manager" >&2
  exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${root[@]}" apt-get update -qq && "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
  >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi

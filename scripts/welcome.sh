#!/usr/bin/env bash
# Names a few addresses of the sample library to open once the service runs: welcome.sh LISTEN MEDIA
set -euo pipefail
base="http://$1/p/1/thumbnail/entry_id"
play="http://$1/p/1/sp/100/playManifest/entryId"
if [[ $2 != testdata/library ]]; then
  echo "open $base/<name of a file in $2 without its extension>/width/640"
  echo "play $play/<the same>/format/applehttp/a.m3u8"
  exit 0
fi
cat <<TEXT

  a frame                $base/0_hills/width/640/vid_sec/3
  a strip of ten         $base/0_hills/width/160/vid_slices/10
  turned, as phones do   $base/0_rotated_90/height/360/vid_sec/1
  high dynamic range     $base/0_hlg/width/320/vid_sec/1
  the smallest flavor    $base/0_ladder/width/160/vid_sec/2
  a picture as WebP      $base/0_jpeg/width/640/format/webp
  HLS                    $play/0_multi/format/applehttp/a.m3u8
  DASH                   $play/0_multi/format/mpegdash/a.mpd
  the file               $play/0_multi/format/url/a.mp4

TEXT

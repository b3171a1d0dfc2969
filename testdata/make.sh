#!/usr/bin/env bash
# Makes testdata/library, a folder of small media for people and tests, from generated signals alone.
#
# Every frame of every clip, and every picture, carries a number in a row of 16 equal blocks along its upper edge
# (the whole width, one eighth of the height), read from the left, white is 1 and black is 0:
#
#   block  0      1 .. 12                         13                    14                   15
#          1      the number, highest bit first   parity of its even    parity of its odd    0
#                                                 bits 0, 2, .., 10     bits 1, 3, .., 11
#
# Blocks 0 and 15 say what white and black look like here, and which way is up. Frame n of a clip carries n, in the
# order of display, in every resolution; a picture carries the number given below. Where a font is found, the number is
# also written at the lower right for people.
#
# Needs ffmpeg, ImageMagick and python3. Does nothing where the library is there and was made by these same scripts.
set -euo pipefail
cd "$(dirname "$0")"

exec 9>.lock
flock 9

stamp=$(cat make.sh craft.py | sha256sum | cut -d' ' -f1)
if [[ -d library && -f .stamp && $(<.stamp) == "$stamp" ]]; then
  exit 0
fi
started=$SECONDS
echo "making testdata/library (about a minute) ..."
out=$PWD/.making/library
rm -rf .making
mkdir -p "$out"
work=$PWD/.making

for tool in ffmpeg convert identify python3; do
  command -v "$tool" >/dev/null || { echo "testdata/make.sh: $tool is missing (scripts/setup.sh installs it)" >&2; exit 1; }
done

ff() { ffmpeg -nostdin -v error -y "$@"; }

# Runs a command beside others, as many as there are cores; the first failure ends the script.
beside() {
  while (($(jobs -rp | wc -l) >= cores)); do wait -n; done
  "$@" &
}
all_done() { while (($(jobs -rp | wc -l) > 0)); do wait -n; done; }
cores=$(nproc)
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

# --- The scene ---------------------------------------------------------------------------------------------------

row="if(eq(X,0),1,if(lte(X,12),mod(floor(N/pow(2,12-X)),2),if(lte(X,14),mod(\
mod(floor(N/pow(2,X-13)),2)+mod(floor(N/pow(2,X-11)),2)+mod(floor(N/pow(2,X-9)),2)+\
mod(floor(N/pow(2,X-7)),2)+mod(floor(N/pow(2,X-5)),2)+mod(floor(N/pow(2,X-3)),2),2),0)))"

font=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf

# layers W H: the still parts of a landscape of that size, as pictures.
layers() {
  local w=$1 h=$2 at=$work/layers-$1x$2
  mkdir -p "$at"
  ff -f lavfi -i "color=black:s=${w}x${h},format=gbrp,geq=r='70+150*pow(Y/H,1.4)':g='120+85*Y/H':b='205-15*Y/H'" \
    -frames:v 1 "$at/sky.png"
  ff -f lavfi -i "color=black:s=$((h / 3))x$((h / 3)),format=gbrap,geq=r=255:g='235-40*hypot(X/W-.5,Y/H-.5)':b=150:\
a='255*clip((0.5-hypot(X/W-.5,Y/H-.5))*6,0,1)'" -frames:v 1 "$at/sun.png"
  hill "$w" "$h" 0.60 0.10 3 86 128 140 "$at/far.png"
  hill "$w" "$h" 0.76 0.09 5 44 110 66 "$at/near.png"
}

# hill W H TOP HEIGHT WAVES R G B FILE: a ridge twice as wide as the picture, so that it can travel.
hill() {
  local edge="H*($3+$4*sin(2*PI*$5*X/W)+$4*0.4*sin(4*PI*$5*X/W+1))"
  ff -f lavfi -i "color=black:s=$(($1 * 2))x$2,format=gbrap,geq=r='$6*(1.25-0.4*Y/H)':g='$7*(1.25-0.4*Y/H)':\
b='$8*(1.25-0.4*Y/H)':a='255*clip(Y-$edge,0,1)'" -frames:v 1 "$9"
}

# scene W H FRAMES OUTPUT...: the travelling landscape with its numbers, 25 frames a second.
scene() {
  local w=$1 h=$2 n=$3 at=$work/layers-$1x$2 text=null
  shift 3
  [[ ! -f $font ]] || text="drawtext=fontfile=$font:text='%{n}':fontcolor=white:fontsize=$((h / 9)):\
box=1:boxcolor=0x00000080:boxborderw=$((h / 45)):x=w-tw-$((h / 20)):y=h-th-$((h / 20))"
  ff -loop 1 -r 25 -i "$at/sky.png" -loop 1 -r 25 -i "$at/sun.png" -loop 1 -r 25 -i "$at/far.png" \
    -loop 1 -r 25 -i "$at/near.png" -f lavfi -i "color=black:s=16x2:r=25,format=yuv444p,\
geq=lum='16+219*$row':cb=128:cr=128,scale=${w}:$((h / 8)):flags=neighbor" \
    -filter_complex "[0:v]format=gbrp[sky];\
[sky][1:v]overlay=x='W*(0.08+0.003*n)':y='H*(0.5-0.32*sin(0.02*n))':format=gbrp[a];\
[a][2:v]overlay=x='-mod(n,w/3)':y=0:format=gbrp[b];[b][3:v]overlay=x='-mod(3*n,w/5)':y=0:format=gbrp[c];\
[c]$text[d];[d][4:v]overlay=0:0:format=gbrp,scale=out_color_matrix=bt709:out_range=tv,setsar=1,format=yuv420p[v]" \
    -map '[v]' -frames:v "$n" "$@"
}

layers 640 360
scene 640 360 250 "$work/hills.y4m" &
layers 1280 720
layers 360 640
layers 320 180
wait -n
ff -i "$work/hills.y4m" -frames:v 75 -vf scale=320:180:flags=area "$work/small.y4m"
small=(-i "$work/small.y4m")
cd "$out"

# As the scene is made; clips that say something else take it back.
tags=(-color_range tv -colorspace bt709 -color_primaries bt709 -color_trc bt709)
avc=(-c:v libx264 -preset veryfast -crf 20 -g 25 -keyint_min 25 -sc_threshold 0 -bf 3 -threads 1 "${tags[@]}")
hevc() { echo "keyint=25:min-keyint=25:bframes=3:scenecut=0:open-gop=0:pools=none:frame-threads=1:log-level=error${1:+:$1}"; }
tone=(-f lavfi -i "sine=frequency=330:sample_rate=44100,volume=0.2")

# --- For people: a clip with sound, and the same clip as a ladder ------------------------------------------------

beside ff -i "$work/hills.y4m" "${tone[@]}" -shortest "${avc[@]}" -g 50 -keyint_min 50 -c:a aac -b:a 64k \
  -movflags +faststart 0_hills.mp4

ladder() {
  mkdir -p 0_ladder/attachments
  scene 1280 720 100 "${avc[@]}" -g 50 -keyint_min 50 -movflags +faststart 0_ladder/source.mp4
  ff -i 0_ladder/source.mp4 -vf scale=640:360:flags=area "${avc[@]}" -movflags +faststart 0_ladder/360p.mp4
  ff -i 0_ladder/source.mp4 -vf scale=320:180:flags=area "${avc[@]}" -movflags +faststart 0_ladder/180p.mp4
  # The stored pictures carry numbers that no frame of the clip has.
  still 1001 1280 720 0_ladder/thumb.jpg
  still 1002 720 720 0_ladder/thumb-square.jpg
  still 1003 360 640 0_ladder/thumb-tall.png
  printf 'WEBVTT\n\n00:00.000 --> 00:02.000\nThe sun rises over the hills.\n' >0_ladder/captions.en.vtt
  printf '1\n00:00:00,000 --> 00:00:02,000\nDie Sonne geht auf.\n' >0_ladder/captions.de.srt
  printf 'Notes about the hills.\n' >0_ladder/attachments/notes.txt
  cat >0_ladder/entry.toml <<'TOML'
name = "Over the hills"
tags = ["landscape", "sample"]
thumb_offset = 1.5
TOML
}

# still NUMBER W H FILE [OPTION...]: one picture of the scene that carries the number.
still() {
  local n=$1 w=$2 h=$3 file=$4
  shift 4
  ff -loop 1 -i "$work/layers-640x360/sky.png" -loop 1 -i "$work/layers-640x360/far.png" \
    -f lavfi -i "color=black:s=16x2,format=yuv444p,geq=lum='16+219*${row//N\//$n/}':cb=128:cr=128,\
scale=$w:$((h / 8)):flags=neighbor" -filter_complex "[0:v][1:v]overlay=0:0,scale=$w:$h,format=gbrp[a];\
[2:v]format=gbrp[r];[a][r]overlay=0:0:format=gbrp" -frames:v 1 "$@" "$file"
}
beside ladder

# For players: 24 s in three qualities that are cut alike, sound in two languages that differ in pitch, and captions in both.
multi() {
  local same=(-g 50 -keyint_min 50 -movflags +faststart) text
  mkdir -p 0_multi
  scene 640 360 600 "${avc[@]}" "${same[@]}" 0_multi/360p.mp4
  ff -i 0_multi/360p.mp4 -vf scale=480:270:flags=area "${avc[@]}" "${same[@]}" -crf 24 0_multi/270p.mp4
  ff -i 0_multi/360p.mp4 -vf scale=320:180:flags=area "${avc[@]}" "${same[@]}" -crf 28 0_multi/180p.mp4
  ff -f lavfi -i "sine=frequency=440:sample_rate=48000,volume=0.2" -t 24 -c:a aac -b:a 64k -movflags +faststart \
    0_multi/english.m4a
  ff -f lavfi -i "sine=frequency=1000:sample_rate=48000,volume=0.2" -t 24 -c:a aac -b:a 64k -movflags +faststart \
    0_multi/german.m4a
  # The second cue lies across 6 s and 10 s, where segments are likely to be cut.
  printf 'WEBVTT\n\n00:01.000 --> 00:03.000\n%s\n\n00:05.000 --> 00:11.000\n%s\n\n00:20.000 --> 00:23.000\n%s\n' \
    'The sun rises.' 'It climbs <i>over</i> the hills.' 'It sets.' >0_multi/captions.en.vtt
  text='1\n00:00:01,000 --> 00:00:03,000\n%s\n\n2\n00:00:05,000 --> 00:00:11,000\n%s\n\n3\n00:00:20,000 --> 00:00:23,000\n%s\n'
  # shellcheck disable=SC2059
  printf "$text" 'Die Sonne geht auf.' 'Sie steigt über die Hügel.' 'Sie geht unter.' >0_multi/captions.de.srt
  cat >0_multi/entry.toml <<'TOML'
name = "Over the hills, in two languages"

[[flavors]]
file = "english.m4a"
language = "en"
label = "English"
default = true

[[flavors]]
file = "german.m4a"
language = "de"
label = "Deutsch"

[[captions]]
file = "captions.en.vtt"
label = "English"

[[captions]]
file = "captions.de.srt"
label = "Deutsch"
TOML
}
beside multi

# Every kind of file that goes with a video: captions in all formats, pictures, attachments; some with names of their own.
assets() {
  mkdir -p 0_assets/attachments
  scene 320 180 75 "${avc[@]}" -movflags +faststart 0_assets/source.mp4
  still 1011 640 360 0_assets/thumb.jpg
  still 1012 360 360 0_assets/thumb-square.png
  # One cue lies across the first second, one over several; one has marks and escapes.
  printf 'WEBVTT\n\n00:00.200 --> 00:00.800 align:start\n%s\n\n00:00.500 --> 00:02.600\n%s\n\n00:02.000 --> 00:03.000\n%s\n' \
    'One <b>word</b>' 'Tom &amp; Jerry' 'Ende' >0_assets/captions.en.vtt
  printf '1\n00:00:00,000 --> 00:00:01,500\nSie k\xf6nnen\ngehen.\n' >0_assets/captions.de.srt
  printf '<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="0s" end="1s">Bonjour</p></div></body></tt>' \
    >0_assets/captions.dfxp
  printf 'Scenarist_SCC V1.0\n\n00:00:01:00\t9420 9420 c8e5 ecec ef80 942f 942f\n' >0_assets/captions.scc
  printf 'Notes.\n' >0_assets/attachments/notes.txt
  python3 ../../craft.py pdf '0_assets/attachments/Über "uns" 100%.pdf'
  printf '<svg xmlns="http://www.w3.org/2000/svg"/>' >'0_assets/attachments/日本.svg'
  cat >0_assets/entry.toml <<'TOML'
name = "All that goes with a video"

[[captions]]
file = "captions.de.srt"
id = "1_captions"
default = true

[[captions]]
file = "captions.dfxp"
language = "fr"
params_id = 7

[[captions]]
file = "captions.scc"
id = "0_assets_scc"
language = "en"

[[thumbs]]
file = "thumb-square.png"
id = "1_square"
params_id = 9

[[attachments]]
file = "attachments/notes.txt"
id = "notes"
title = "Notes about it"
TOML
}
beside assets

# To play before others: 2 s without sound, and 3 s with sound and captions, coded like the best quality above.
opening() {
  scene 640 360 50 "${avc[@]}" -g 50 -keyint_min 50 -movflags +faststart 0_opening.mp4
  printf 'name = "The opening"\ntags = ["sequence_entry"]\n' >0_opening.toml
}
bumper() {
  mkdir -p 0_bumper
  scene 640 360 75 "${avc[@]}" -g 50 -keyint_min 50 -an "$work/bumper.mp4"
  ff -i "$work/bumper.mp4" -f lavfi -i "sine=frequency=660:sample_rate=48000,volume=0.2" -t 3 -c:v copy -c:a aac -b:a 64k \
    -movflags +faststart 0_bumper/source.mp4
  printf 'WEBVTT\n\n00:00.500 --> 00:02.500\nA word before.\n' >0_bumper/captions.en.vtt
  printf 'name = "A word before"\ntags = ["sequence_entry"]\n' >0_bumper/entry.toml
}
beside opening
beside bumper

# --- Codecs ------------------------------------------------------------------------------------------------------

beside ff "${small[@]}" "${avc[@]}" -movflags +faststart 0_avc.mp4
beside ff "${small[@]}" -c:v libx265 -preset ultrafast -crf 20 -x265-params "$(hevc)" -tag:v hvc1 0_hevc.mp4
beside ff "${small[@]}" -c:v libx265 -preset ultrafast -crf 20 -pix_fmt yuv420p10le -x265-params "$(hevc)" -tag:v hvc1 \
  0_hevc10.mp4
beside ff "${small[@]}" -c:v libvpx -b:v 800k -g 25 -auto-alt-ref 1 -lag-in-frames 16 -deadline good -cpu-used 5 0_vp8.webm
beside ff "${small[@]}" -c:v libvpx-vp9 -b:v 600k -g 25 -auto-alt-ref 1 -lag-in-frames 16 -deadline good -cpu-used 6 \
  0_vp9.webm
beside env SVT_LOG=0 ffmpeg -nostdin -v error -y "${small[@]}" -c:v libsvtav1 -preset 11 -crf 30 -g 25 0_av1.mp4
beside ff "${small[@]}" -c:v mpeg2video -q:v 3 -g 12 -bf 2 0_mpeg2.ts
beside ff "${small[@]}" -c:v mpeg2video -q:v 3 -g 12 -bf 2 -flags +ildct+ilme -top 1 0_interlaced.ts
beside ff "${small[@]}" -c:v mpeg4 -q:v 3 -g 25 -bf 2 0_mpeg4.mp4
# Two pictures to a sample, as old writers of AVI put those that are decoded early.
beside ff "${small[@]}" -c:v libxvid -q:v 3 -g 25 -bf 2 0_packed.avi
beside ff "${small[@]}" -frames:v 50 -c:v prores_ks -profile:v 2 0_prores.mov
beside ff "${small[@]}" -c:v mjpeg -q:v 3 -pix_fmt yuvj420p 0_mjpeg.avi
# Opaque in the rows of the number, and inside a circle below.
hole="a='if(lt(Y,H/8)+lt(hypot(X-W/2,Y-H*0.56),H*0.4),255,0)'"
yuva="format=yuva444p,geq=lum='lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)'"
beside ff "${small[@]}" -frames:v 25 -vf "$yuva:$hole" -c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le 0_prores_alpha.mov
beside ff "${small[@]}" -frames:v 50 -vf "$yuva:$hole" -c:v libvpx-vp9 -pix_fmt yuva420p -b:v 600k -g 25 -auto-alt-ref 0 \
  -deadline realtime -cpu-used 8 0_vp9_alpha.webm

beside ff "${small[@]}" -frames:v 25 -c:v libx265 -preset ultrafast -crf 20 -pix_fmt yuv444p12le -x265-params "$(hevc)" \
  -tag:v hvc1 0_hevc12_444.mp4

# --- Sample formats and colours ------------------------------------------------------------------------------------

beside ff "${small[@]}" -frames:v 50 "${avc[@]}" -vf format=yuv422p 0_422.mp4
beside ff "${small[@]}" -frames:v 50 "${avc[@]}" -vf format=yuv444p 0_444.mp4
beside ff "${small[@]}" -frames:v 50 "${avc[@]}" -vf format=yuv420p10le 0_avc10.mp4
beside ff "${small[@]}" -frames:v 50 "${avc[@]}" -vf scale=in_range=tv:out_range=pc -color_range pc 0_fullrange.mp4
for transfer in smpte2084:pq arib-std-b67:hlg; do
  beside ff "${small[@]}" -frames:v 50 -vf "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv,\
zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=2020:t=${transfer%:*}:m=2020_ncl:r=limited:npl=203,format=yuv420p10le" -c:v libx265 -preset ultrafast -crf 18 \
    -x265-params "$(hevc "colorprim=bt2020:colormatrix=bt2020nc:transfer=${transfer%:*}")" -tag:v hvc1 -color_primaries bt2020 \
    -color_trc "${transfer%:*}" -colorspace bt2020nc "0_${transfer#*:}.mp4"
done

# bars SIZE MATRIX FILE [OPTION...]: white, yellow, cyan, green, magenta, red, blue and black, all but white at 75 %.
bars() {
  local size=$1 matrix=$2 file=$3 inputs=() c
  shift 3
  for c in ffffff bfbf00 00bfbf 00bf00 bf00bf bf0000 0000bf 000000; do
    inputs+=(-f lavfi -i "color=0x$c:s=$((${size%x*} / 8))x${size#*x}:r=25,format=gbrp")
  done
  ff "${inputs[@]}" -filter_complex "hstack=8,scale=out_color_matrix=$matrix:out_range=tv:flags=accurate_rnd+full_chroma_int,\
format=yuv444p" -frames:v 10 -c:v libx264 -qp 4 -preset veryfast "$@" "$file"
}
tagged() { echo -color_range tv -colorspace "$1" -color_primaries "$1" -color_trc "$1"; }
# shellcheck disable=SC2046
beside bars 320x180 bt709 0_bars_709.mp4 $(tagged bt709)
# shellcheck disable=SC2046
beside bars 320x180 bt601 0_bars_601.mp4 $(tagged smpte170m)
beside bars 320x180 bt601 0_bars_sd_untagged.mp4
beside bars 1280x720 bt709 0_bars_hd_untagged.mp4

# --- Containers ----------------------------------------------------------------------------------------------------

all_done
copy() { ff -i 0_avc.mp4 -c copy "$@"; }
copy 0_moov_last.mp4
copy -movflags +frag_keyframe+empty_moov+default_base_moof 0_fragmented.mp4
copy -movflags +frag_keyframe+empty_moov+default_base_moof+global_sidx 0_fragmented_sidx.mp4
# Opus and FLAC beside pictures.
beside ff -i 0_avc.mp4 "${tone[@]}" -t 3 -c:v copy -c:a libopus -b:a 64k 0_opus.mkv
beside ff -i 0_avc.mp4 "${tone[@]}" -t 3 -c:v copy -c:a flac -strict -2 0_flac.mp4
# Dolby Vision beside HDR10, and alone.
python3 ../../craft.py dolby 8 1 0_pq.mp4 0_dolby_8.mp4
python3 ../../craft.py dolby 5 0 0_hevc10.mp4 0_dolby_5.mp4
# Offsets of 64 bits; composition offsets with a sign in place of an edit list.
python3 ../../craft.py co64 0_moov_last.mp4 0_co64.mp4
copy -movflags +negative_cts_offsets 0_signed_offsets.mp4
# Captions inside the pictures: CC1, CC3 and the first service.
python3 ../../craft.py captions 0_moov_last.mp4 0_closed_captions.mp4
copy 0_mov.mov
# A track of text beside the pictures.
printf '1\n00:00:00,500 --> 00:00:02,000\nA text.\n' >"$work/text.srt"
ff -i 0_avc.mp4 -i "$work/text.srt" -map 0:v -map 1:s -c:v copy -c:s mov_text 0_timed_text.mp4
copy 0_mkv.mkv
copy 0_ts.ts
copy 0_flv.flv
beside ff "${small[@]}" -c:v mpeg4 -q:v 3 -g 25 -bf 0 0_avi.avi
beside ff "${small[@]}" -c:v mpeg2video -q:v 3 -g 12 -bf 2 0_program_stream.mpg

grown() {
  ff "${small[@]}" -frames:v 25 "${avc[@]}" "$work/grown-1.ts"
  ff -i "$work/hills.y4m" -vf trim=start_frame=25:end_frame=50,setpts=PTS-STARTPTS "${avc[@]}" -output_ts_offset 1.08 \
    "$work/grown-2.ts"
  cat "$work/grown-1.ts" "$work/grown-2.ts" >0_grown.ts
}

# --- Times -----------------------------------------------------------------------------------------------------------

# An empty edit of 0.48 s before the first frame; and one that starts 0.6 s into the clip, between two keyframes.
copy -output_ts_offset 0.48 0_edit_empty.mp4
ff -ss 0.6 -i 0_avc.mp4 -c copy 0_edit_trimmed.mp4
# Frames last 20, 40 and 100 ms in turn.
beside ff "${small[@]}" -vf "settb=1/1000,setpts='160*floor(N/3)+if(eq(mod(N,3),0),0,if(eq(mod(N,3),1),20,60))'" \
  -fps_mode vfr -enc_time_base 1/1000 -video_track_timescale 1000 "${avc[@]}" 0_vfr.mp4
beside ff "${small[@]}" "${avc[@]}" -x264-params open-gop=1 0_opengop_avc.mp4
beside ff "${small[@]}" -c:v libx265 -preset ultrafast -crf 20 -x265-params "$(hevc open-gop=1)" -tag:v hvc1 \
  0_opengop_hevc.mp4
beside ff "${small[@]}" -frames:v 1 "${avc[@]}" 0_one_frame.mp4
# Farther from its only keyframe than is decoded for one frame.
beside scene 320 180 1600 "${avc[@]}" -g 9999 -keyint_min 9999 0_one_keyframe.mp4
# Pictures that grow on the way, as a broadcast does between two programmes.
beside grown
# An hour in spirit: 90 s with a keyframe each 10 s.
beside scene 320 180 2250 "${avc[@]}" -g 250 -keyint_min 250 -movflags +faststart 0_long.mp4

# --- Shapes ----------------------------------------------------------------------------------------------------------

# Stored as a turned phone leaves it; the number is upright once the matrix is applied.
turned() {
  scene 360 640 50 "$work/tall.y4m"
  lying 90 "$work/tall.y4m" transpose=cclock
  lying 270 "$work/tall.y4m" transpose=clock
  lying 180 "$work/small.y4m" hflip,vflip
}
# lying ANGLE INPUT FILTER: a clip stored so that a clockwise turn by the angle puts it upright.
lying() {
  ff -i "$2" -frames:v 50 -vf "$3" "${avc[@]}" "$work/lying-$1.mp4"
  python3 ../../craft.py turned "$1" "$work/lying-$1.mp4" "0_rotated_$1.mp4"
}
beside turned
beside ff "${small[@]}" -frames:v 50 -vf scale=321:181 -c:v libvpx-vp9 -b:v 600k -g 25 -deadline realtime -cpu-used 8 0_odd.webm
# PAL wide screen: 720x576 with pixels of 64:45, shown as 1024x576.
beside ff "${small[@]}" -frames:v 50 -vf scale=720:576,setsar=64/45 "${avc[@]}" 0_anamorphic.mp4

# --- Sound, documents, data --------------------------------------------------------------------------------------

ff "${tone[@]}" -t 5 -c:a libmp3lame -b:a 64k 0_tone.mp3
ff "${tone[@]}" -t 5 -c:a aac -b:a 64k 0_tone_aac.m4a
python3 ../../craft.py pdf 0_document.pdf
printf 'a,b\n1,2\n' >0_data.csv
python3 ../../craft.py docx 0_office.docx
printf 'name = "Bericht \xc3\xbcber \\"H\xc3\xbcgel\\""\n' >0_office.toml
printf '{"title": "H\xc3\xbcgel", "frames": [1, 2, 3]}\n' >0_json.json
printf 'version = 7\n' >0_json.toml
printf '<!DOCTYPE html>\n<title>A page</title>\n<script>document.title = "run"</script>\n' >0_page.html
printf '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><rect width="4" height="3" fill="red"/></svg>\n' >0_drawing.svg
printf 'name = "A drawing"\n' >0_drawing.toml
printf 'gr\xf6\xdfer\n' >0_latin.txt
: >0_empty.bin

# --- Pictures: each carries its number ---------------------------------------------------------------------------

pictures() {
  local n
  still 501 1600 1200 "$work/photo.png"
  convert "$work/photo.png" -quality 90 0_jpeg.jpg
  convert "$work/photo.png" -quality 90 -interlace JPEG 0_jpeg_progressive.jpg
  convert "$work/photo.png" -quality 90 -colorspace Gray 0_jpeg_gray.jpg
  convert "$work/photo.png" -quality 90 -colorspace CMYK 0_jpeg_cmyk.jpg
  for n in 1 2 3 4 5 6 7 8; do
    still "51$n" 640 480 "$work/upright-$n.png"
  done
  convert "$work/upright-1.png" -quality 90 "$work/1.jpg"
  convert "$work/upright-2.png" -flop -quality 90 "$work/2.jpg"
  convert "$work/upright-3.png" -rotate 180 -quality 90 "$work/3.jpg"
  convert "$work/upright-4.png" -flip -quality 90 "$work/4.jpg"
  convert "$work/upright-5.png" -transpose -quality 90 "$work/5.jpg"
  convert "$work/upright-6.png" -rotate 270 -quality 90 "$work/6.jpg"
  convert "$work/upright-7.png" -transverse -quality 90 "$work/7.jpg"
  convert "$work/upright-8.png" -rotate 90 -quality 90 "$work/8.jpg"
  for n in 1 2 3 4 5 6 7 8; do
    python3 ../../craft.py exif "$n" "$work/$n.jpg" "0_exif_$n.jpg"
  done
  still 521 640 480 0_png.png
  ff -i 0_png.png -vf "format=gbrap,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':$hole" -pix_fmt rgba 0_png_alpha.png
  convert 0_png.png PNG48:0_png_16bit.png
  convert 0_png.png -colors 64 PNG8:0_png_palette.png
  convert 0_png.png 0_gif.gif
  ff -i "$work/small.y4m" -frames:v 25 -vf "split[a][b];[a]palettegen[p];[b][p]paletteuse" 0_gif_animated.gif
  convert 0_png.png BMP3:0_bmp.bmp
  convert 0_png.png -compress LZW 0_tiff.tif
  ff -i 0_png.png -c:v libwebp -quality 85 0_webp.webp
  ff -i 0_png_alpha.png -c:v libwebp -quality 85 -pix_fmt yuva420p 0_webp_alpha.webp
  ff -i 0_png.png -c:v libaom-av1 -still-picture 1 -cpu-used 8 -crf 20 -pix_fmt yuv420p 0_avif.avif
  # Four tiles that reach beyond the picture, as phones write them.
  ff -i 0_png.png -vf "pad=768:512:0:0:gray,untile=2x2,scale=out_color_matrix=bt709:out_range=tv" -c:v libx265 \
    -preset ultrafast -crf 16 -pix_fmt yuv420p -x265-params "$(hevc):keyint=1" -tag:v hvc1 "$work/tiles.mp4"
  python3 ../../craft.py heic 2 2 640 480 "$work/tiles.mp4" 0_heic.heic
  # Quadrants of colours given in Display P3: red, green, blue and white of sRGB.
  convert -size 320x240 xc:'rgb(234,51,35)' xc:'rgb(117,251,76)' +append \
    \( xc:'rgb(0,0,245)' xc:'rgb(255,255,255)' +append \) -append -strip "$work/p3.png"
  python3 ../../craft.py icc "$work/p3.png" 0_p3.png
  convert "$work/p3.png" -quality 95 -sampling-factor 1x1 "$work/p3.jpg"
  python3 ../../craft.py icc "$work/p3.jpg" 0_p3_jpeg.jpg
}
beside pictures
all_done

# --- Entries that are not ready, and files that are not what they say ----------------------------------------------

mkdir 0_draft 0_fault
printf 'name = "Not uploaded yet"\n' >0_draft/entry.toml
cp 0_one_frame.mp4 0_deleted.mp4
printf 'status = "deleted"\n' >0_deleted.toml
cp 0_one_frame.mp4 0_guarded.mp4
printf 'access_control = "members"\n' >0_guarded.toml
cp 0_one_frame.mp4 0_fault/source.mp4
printf 'name = "An entry with a fault"\nstatus = "reddy"\n' >0_fault/entry.toml

python3 ../../craft.py nostss 0_avc.mp4 0_nostss.mp4
head -c "$(($(stat -c %s 0_hills.mp4) / 2))" 0_hills.mp4 >0_broken_truncated.mp4
head -c "$(($(stat -c %s 0_moov_last.mp4) / 2))" 0_moov_last.mp4 >0_broken_no_moov.mp4
printf 'This is a text.\n' >0_broken_text.mp4
head -c "$(($(stat -c %s 0_jpeg.jpg) / 2))" 0_jpeg.jpg >0_broken_truncated_jpeg.jpg
python3 ../../craft.py hostile 0_avc.mp4 .

cd ../..
rm -rf library
mv "$out" library
echo "$stamp" >.stamp
rm -rf .making
echo "made $(find library -type f | wc -l) files, $(du -sh library | cut -f1), in $((SECONDS - started)) s"

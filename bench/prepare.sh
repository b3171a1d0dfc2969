#!/usr/bin/env bash
# Fetches real footage into bench/data (nothing of it is committed), and makes the clips that the figures are about:
#
#   2s.mp4 10s.mp4   60 s of 1080p30, H.264 High with B-frames, about 4.6 Mbit/s, a keyframe each 2 or 10 s
#   ladder/          2s.mp4 as source.mp4, and the same at 640x360 and 960x540
#   4k.mp4           20 s of 2160p30, HEVC Main 10 with B-frames, a keyframe each 2 s
#   2h.mp4           two hours of it at 160x90 with sound: half a million samples to find one's way in
#   photo/           the same 12-megapixel phone photo under 40 names, so that no cache knows the next one
#
# The footage is Debian's forensics-samples-files (phone videos and photos, CC-BY-SA): 10 s of it, played twice, with the
# noise of a sensor added; 20 s are encoded and repeated without encoding again.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p data
cd data

# Another number where the clips become others: they are made anew then.
stamp=1
[[ ! -f .stamp || $(<.stamp) != "$stamp" ]] || exit 0
ff() { ffmpeg -nostdin -v error -y "$@"; }

if [[ ! -d footage ]]; then
  echo "fetching footage (30 MB)"
  rm -rf download && mkdir download
  (cd download && apt-get download -qq forensics-samples-files 2>/dev/null && dpkg -x ./*.deb x)
  mv download/x/usr/share/forensics-samples/original-files footage
  rm -rf download
fi

echo "making clips (some minutes)"
camera="[0:v]fps=30,scale=1920:1080:flags=bicubic,setsar=1[a];[1:v]fps=30,scale=1920:1080:flags=bicubic,setsar=1[b];\
[a][b]concat=n=2,loop=1:290:0,noise=alls=7:allf=t,format=yuv420p"
footage=(-i footage/movie1/VID_20191220_170832.mp4 -i footage/movie2/movie-hello.mp4)

# clip SECONDS_PER_GOP FILE
clip() {
  ff "${footage[@]}" -filter_complex "$camera" -t 20 -an -c:v libx264 -profile:v high -preset medium -bf 3 -b:v 4600k \
    -maxrate 7000k -bufsize 9000k -g $(($1 * 30)) -keyint_min $(($1 * 30)) -sc_threshold 0 "part.mp4"
  ff -stream_loop 2 -i part.mp4 -c copy -movflags +faststart "$2"
  rm part.mp4
}
clip 2 2s.mp4
clip 10 10s.mp4

mkdir -p ladder photo
cp 2s.mp4 ladder/source.mp4
ff -i 2s.mp4 -vf scale=960:540 -c:v libx264 -preset veryfast -b:v 1500k -g 60 -keyint_min 60 -sc_threshold 0 ladder/540p.mp4
ff -i 2s.mp4 -vf scale=640:360 -c:v libx264 -preset veryfast -b:v 700k -g 60 -keyint_min 60 -sc_threshold 0 ladder/360p.mp4

ff "${footage[@]}" -filter_complex "$camera,scale=3840:2160:flags=bicubic,noise=alls=4:allf=t,format=yuv420p10le" -t 10 -an \
  -c:v libx265 -preset superfast -b:v 14000k -tag:v hvc1 \
  -x265-params keyint=60:min-keyint=60:scenecut=0:open-gop=0:bframes=4:b-adapt=0:log-level=error part.mp4
ff -stream_loop 1 -i part.mp4 -c copy -movflags +faststart 4k.mp4
rm part.mp4

ff -i 2s.mp4 -f lavfi -i sine=frequency=330:sample_rate=48000 -t 60 -vf scale=160:90 -c:v libx264 -preset veryfast -b:v 80k \
  -g 60 -keyint_min 60 -sc_threshold 0 -c:a aac -b:a 24k part.mp4
ff -stream_loop 119 -i part.mp4 -c copy -movflags +faststart 2h.mp4
rm part.mp4

for i in $(seq 0 39); do cp footage/pic2/IMG_20191224_234846.jpg "photo/photo$i.jpg"; done
echo "$stamp" >.stamp

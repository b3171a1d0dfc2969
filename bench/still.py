"""The frame at a moment, in one process that stays: for each line FILE SECONDS WIDTH HEIGHT OUTPUT, by PyAV, which has Pillow write it."""

import sys

import av

for line in sys.stdin:
    name, seconds, width, height, output = line.split()
    with av.open(name) as file:
        stream = file.streams.video[0]
        stream.codec_context.thread_count = 1
        at = round(float(seconds) / stream.time_base) + (stream.start_time or 0)
        file.seek(at, stream=stream)
        shown = None
        for frame in file.decode(stream):
            if shown is not None and frame.pts > at:
                break
            shown = frame
        picture = shown.to_image(width=int(width), height=int(height), interpolation="BICUBIC")
    picture.save(output, quality=75)
    print("done", flush=True)

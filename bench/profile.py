"""Records the service with perf while it is asked for one thing, and prints what took the most, by function."""

import collections
import os
import subprocess
import sys
import time

import measure
import peers
from peers import DATA, moments

SECONDS = int(os.environ.get("SECONDS_EACH", "10"))
SHOWN = 30
PICTURE = "/p/1/thumbnail/entry_id/2s/width/640/height/360"
PLAYED = "/p/1/sp/100/serveFlavor/entryId/2s{}/flavorId/2s_source/name/a.mp4"

# What wrk asks for over 32 connections; a {} makes each request another.
LOADS = {
    "hit": f"{PICTURE}/vid_sec/7",
    "playlist": "/hls" + PLAYED.replace("{}", "/clipTo/{}") + "/index-v1.m3u8",
    "segment": "/hls" + PLAYED.replace("{}", "") + "/seg-3-v1.m4s",
    "file": PLAYED.replace("{}", ""),
}


def photos(suffix):
    return lambda i: f"/p/1/thumbnail/entry_id/photo{i % 40}/width/{640 - i // 40}/height/360/type/3/format/{suffix}"


# A golden section of the film further each time: far from all that was asked for before.
moment = lambda i: f"{(i * 37.082) % 60:.3f}"
# What is asked for one by one, each time another.
WORKS = {
    "cold": lambda i: f"{PICTURE}/vid_sec/{moment(i)}",
    "keyframe": lambda i: f"{PICTURE}/vid_sec/{moment(i)}/exact/0",
    "strip": lambda i: f"/p/1/thumbnail/entry_id/2s/width/160/height/90/vid_slices/10/start_sec/{i * 0.37 % 5:.2f}",
    "photo": photos("jpg"),
    "webp": photos("webp"),
}


def work(server, target):
    """Asks until the time is over; how often it did."""
    until, count = time.monotonic() + SECONDS, 0
    while time.monotonic() < until:
        count += 1
        server.get(target(count))
    return count


def taken(recording, processes):
    """How often each function was met in these processes."""
    script = ["perf", "script", "-i", recording, "-F", "pid,ip,sym,dso"]
    lines = subprocess.run(script, check=True, capture_output=True, text=True, errors="replace").stdout.splitlines()
    met = (line.split(maxsplit=2) for line in lines if line.strip())
    return collections.Counter(rest for pid, _, rest in met if int(pid) in processes)


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in {*LOADS, *WORKS}:
        raise SystemExit(f"usage: bench/profile.sh PATH, where PATH is one of {', '.join([*LOADS, *WORKS])}")
    name = sys.argv[1]
    peers.library()
    server = peers.vedette()
    server.get(LOADS[name].replace("{}", "60000") if name in LOADS else WORKS[name](0))
    # Decoding is done by processes below the service's own.
    processes = set(measure.tree(server.pid))
    recording = os.path.join(DATA, f"profile-{name}.perf")
    # Whole cores are recorded: what runs for less than a period at a time would never be met by a clock of its own.
    record = ["perf", "record", "-q", "-a", "-e", "cpu-clock", "-F", "999", "-o", recording, "--", "sleep", str(SECONDS)]
    perf, cpu = subprocess.Popen(record), measure.cpu_ms(server.pid)
    if name in LOADS:
        count = measure.load(server, LOADS[name], 32, SECONDS).count
    else:
        count = work(server, WORKS[name])
    cpu = measure.cpu_ms(server.pid) - cpu
    processes.update(measure.tree(server.pid))
    perf.wait()
    server.stop()
    print(f"{name}: {count} requests in {SECONDS} s, {cpu / count * 1000:,.0f} µs of CPU each\n")
    samples = taken(recording, processes)
    print("  share  function, object")
    for what, seen in samples.most_common(SHOWN):
        print(f"{100 * seen / samples.total():6.1f} %  {what[:150]}")


if __name__ == "__main__":
    main()

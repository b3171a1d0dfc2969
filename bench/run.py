#!/usr/bin/env python3
"""This service beside its peers on this machine, in one run: each is asked in turn for the same, so that what else the
machine does is the same for all. Prints a table in Markdown, and keeps it in bench/data/results.md. ROUNDS is how many
requests of each kind are counted, SECONDS_EACH how many seconds of each load."""

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import measure
import peers
from measure import Afresh, Commands, Figures, compare, contest
from peers import DATA, LIBRARY, VEDETTE, moments, note, out, same_pictures, static, vedette

ROUNDS = int(os.environ.get("ROUNDS", "24"))
SECONDS = int(os.environ.get("SECONDS_EACH", "5"))
CLIPS = [("1080p, 2 s GOP", "2s", 60, ROUNDS), ("1080p, 10 s GOP", "10s", 60, ROUNDS),
         ("4K HEVC", "4k", 20, max(1, ROUNDS // 2))]
# How alike frames must be, in decibels of PSNR: ffmpeg shows the first frame after a moment, others that on display.
ALIKE = 18
# nginx-vod-module is not in Debian. Where it was built and measured beside the same floor, it took this much of it.
NGINX_VOD = {"2s": (1.01, 1.26), "10s": (0.89, 0.98), "4k": (0.96, 1.18)}


def floor(file, times, *options):
    """Figures of decoding alone, from the keyframe to each time."""
    command = [os.path.join(DATA, "floor"), *options, file, *map(str, times)]
    each = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    figures = Figures()
    figures.add(len(times), 0, len(times) * each, 0)
    return figures


def cold(table):
    ratios = {}
    for title, entry, duration, count in CLIPS:
        what, times = f"cold 640x360, {title}", moments(duration, count)
        figures = compare(what, peers.frame_makers(entry, times), count, same_pictures("JPEG", 640, 360, ALIKE))
        base = floor(os.path.join(LIBRARY, f"{entry}.mp4"), times)
        figures["decoding alone, all frames from the keyframe"] = base
        table.rows(what, figures)
        ours = figures["vedette"].cpu_each
        low, high = (base.cpu_each * share / ours for share in NGINX_VOD[entry])
        table.ratio(what, f"nginx-vod, by its share of decoding alone ({low:.2f}–{high:.2f})", (low + high) / 2)
        for name, figure in figures.items():
            ratios.setdefault(name, []).append(figure.cpu_each / ours)
        what += ", `exact/0`"
        keys = [peers.vedette_frames("vedette", entry, times, "/exact/0")]
        figures = compare(what, keys, count)
        figures["decoding the keyframe alone"] = floor(os.path.join(LIBRARY, f"{entry}.mp4"), times, "-k")
        table.rows(what, figures)
    times = moments(60, ROUNDS)
    what = "cold 640x360, 1080p, 2 s GOP, with a 360p flavor"
    table.rows(what, compare(what, [peers.vedette_frames("vedette", "ladder", times)], ROUNDS))
    for name, all_three in ratios.items():
        if name != "vedette" and len(all_three) == len(CLIPS):
            table.ratio("cold 640x360, geometric mean of the three clips", name, statistics.geometric_mean(all_three))


def cage(table):
    """What it costs to decode in processes that can do nothing else."""
    shares = []
    for title, entry, duration, count in CLIPS:
        what, times = f"cold 640x360, {title}, by where it is decoded", moments(duration, 2 * count)
        names = {"process": "vedette, in processes of its own", "none": "vedette, in the service"}
        sides = [peers.vedette_frames(name, entry, times, extra=("--decode-isolation", way)) for way, name in names.items()]
        figures = compare(what, sides, 2 * count, same_pictures("JPEG", 640, 360, 60))
        table.rows(what, figures)
        shares.append(figures[names["process"]].cpu_each / figures[names["none"]].cpu_each)
    print(f"the cage costs {(statistics.geometric_mean(shares) - 1) * 100:.1f} % of CPU", file=sys.stderr)
    table.ratio("a cold thumbnail in the cage, CPU as a share of one without", "mean of the three clips",
                statistics.geometric_mean(shares))


def strip(table):
    for count, rounds in ((10, max(1, ROUNDS // 8)), (100, max(1, ROUNDS // 24))):
        what = f"strip of {count}, 160x90, 1080p, 2 s GOP"
        check = same_pictures("JPEG", 160 * count, 90, 10)
        table.rows(what, compare(what, peers.strip_makers(count), rounds, check))


def first(table):
    """The first request for a long film: its index is read, then a frame is made. The peers read it every time."""
    file, what = os.path.join(LIBRARY, "2h.mp4"), "first request for a two-hour film, 160x90"
    at = lambda i: 1800.5 + 1733 * (i % 3)
    target = "/p/1/thumbnail/entry_id/{}/width/160/height/90/vid_sec/{}"
    ours = lambda i: target.format("2s", 0) if i < 0 else target.format("2h", at(i))
    one = lambda i: ([peers.ffmpeg(file, at(i), out("one.jpg"), "-vf", "scale=160:90", "-q:v", "4")], out("one.jpg"))
    makers = [Afresh("vedette", vedette, ours), Commands("ffmpeg, one command", one)]
    table.rows(what, compare(what, makers, 3, same_pictures("JPEG", 160, 90, ALIKE)))


def photo(table):
    for suffix, kind in (("jpg", "JPEG"), ("webp", "WEBP")):
        what, count = f"12-megapixel JPEG to {kind} of 640x360, cropped", min(ROUNDS, 39)
        table.rows(what, compare(what, peers.photo_makers(suffix), count, same_pictures(kind, 640, 360, 22)))


def hits(table):
    target = "/p/1/thumbnail/entry_id/2s/width/640/vid_sec/7"
    ours = vedette(core=0)
    _, body, _ = ours.get(target)
    sides = [("vedette", ours, target), ("nginx, static file, open-file cache", static({"picture.jpg": body}), "/picture.jpg")]
    if peers.installed("thumbor", peers.THUMBOR):
        kept, frame = peers.thumbor(core=0, keeps_results=True), "/unsafe/640x360/filters:format(jpeg)/photo0.jpg"
        kept.get(frame)
        sides.append(("thumbor, result storage in files", kept, frame))
    note("ipx and nginx image_filter keep no results, so that there is no hit to measure")
    what = f"cache hits of {len(body) / 1000:.0f} KB, 64 connections, one core"
    table.rows(what, contest(what, sides, 64, SECONDS))
    for _, server, _ in sides:
        server.stop()


def latencies(address, target, seconds, every=0.002):
    """Milliseconds from a request to the end of its answer, one each `every` seconds on one connection."""
    host, port = address.rsplit(":", 1)
    request = f"GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()
    took = []
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begun = time.perf_counter()
        while (elapsed := time.perf_counter() - begun) < seconds:
            time.sleep(max(0, len(took) * every - elapsed))
            sent = time.perf_counter()
            connection.sendall(request)
            head, body = connection.recv(65536), b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            head, body = head.split(b"\r\n\r\n", 1)
            length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")).split()[1])
            while len(body) < length:
                body += connection.recv(65536)
            took.append((time.perf_counter() - sent) * 1000)
            if not head.startswith(b"HTTP/1.1 200") or b"hit" not in head.lower():
                raise SystemExit(f"{target} was no hit: {head.decode()}")
    return took


def misses(address, stop, made, number):
    """Asks for one frame after another that nobody has seen, and stays away for as long as it is told."""
    count = 0
    while not stop.is_set():
        count += 1
        at = (number * 0.611 + count * 0.0341) % 59
        url = f"http://{address}/p/1/thumbnail/entry_id/2s/width/{600 + number % 50}/vid_sec/{at:.3f}"
        try:
            with urllib.request.urlopen(url) as answer:
                answer.read()
            made[0] += 1
        except urllib.error.HTTPError as refusal:
            if refusal.code != 503:
                raise
            made[1] += 1
            stop.wait(min(5, int(refusal.headers["Retry-After"])))


def settled(server):
    """Waits until a server has nothing left to do."""
    before = -1
    while (now := measure.cpu_ms(server.pid)) != before:
        before = now
        time.sleep(0.2)


def saturation(table):
    """Hits while nothing else happens, and while more misses come than can be made: all on the same cores, and in turns of two
    seconds, so that what else the machine does is the same for both."""
    clients, each = 96, 2
    target = "/p/1/thumbnail/entry_id/2s/width/480/vid_sec/7"
    server = vedette()
    server.get(target)
    latencies(server.address, target, 1)
    # A process of its own: it would hold up the clock of this one. It stands back as decoders do: who asks is elsewhere in life,
    # and what is measured is how long a hit waits for misses in the service, not for those who ask for them.
    crowd = subprocess.Popen([sys.executable, __file__, "--misses", server.address, str(clients)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.nice(10))
    idle, saturated = [], []
    for _ in range(max(1, SECONDS // each)):
        crowd.send_signal(signal.SIGSTOP)
        settled(server)
        idle += latencies(server.address, target, each)
        crowd.send_signal(signal.SIGCONT)
        time.sleep(1)
        saturated += latencies(server.address, target, each)
    made, refused = map(int, crowd.communicate("stop\n")[0].split())
    server.stop()
    what = f"hits at 500 a second beside {clients} clients with misses ({made} made, {refused} refused)"
    for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        before, during = (sorted(side)[min(len(side) - 1, int(len(side) * share))] for side in (idle, saturated))
        table.row(what, f"{name} of a hit, idle", "", "", f"{before:.2f} ms", "", "")
        table.row(what, f"{name} of a hit, saturated (aim: under twice as long)", "", "", f"{during:.2f} ms", f"{during / before:.2f}", "")


def crowd(address, clients):
    """What `saturation` starts: clients with misses until a line comes in."""
    stop, made = threading.Event(), [0, 0]
    threads = [threading.Thread(target=misses, args=(address, stop, made, number)) for number in range(clients)]
    for thread in threads:
        thread.start()
    sys.stdin.readline()
    stop.set()
    for thread in threads:
        thread.join()
    print(*made)


# nginx-vod-module is not in Debian. Where it was built and measured, at 32 connections, it made so many of these a second for
# each static file that nginx sent: one of 21 KB for texts, as many bytes for segments.
SHARES = {
    "playlist, kept": 112 / 91,
    "playlist, made anew": 86 / 91,
    "manifest, kept": 112 / 91,
    "manifest, made anew": 42 / 91,
    "segment, fMP4": 755 * 2.3 / 5900,
    "segment, TS": 703 * 2.3 / 5900,
}


def play(table):
    """Playback beside static files: each is held to nginx with a file of the same bytes on the same core."""
    server = vedette(core=0)
    place = "/p/1/sp/100/serveFlavor/entryId/2s{clip}/flavorId/2s_source/name/a.mp4"
    hls, dash = "/hls" + place, "/dash" + place
    targets = {
        "playlist, kept": hls.format(clip="") + "/index-v1.m3u8",
        "playlist, made anew": hls.format(clip="/clipTo/{}") + "/index-v1.m3u8",
        "manifest, kept": dash.format(clip="") + "/manifest.mpd",
        "manifest, made anew": dash.format(clip="/clipTo/{}") + "/manifest.mpd",
        "segment, fMP4": hls.format(clip="") + "/seg-3-v1.m4s",
        "segment, TS": hls.format(clip="") + "/seg-3-v1.ts",
    }
    for kind, target in targets.items():
        _, body, _ = server.get(target.replace("{}", "60000"))
        nginx = static({"same": body, "21": os.urandom(21_000)})
        # What makes each request another one takes the load generator's time: nginx is asked in the same way.
        query = f"?{target}" if "{}" in target else ""
        sides = [("vedette", server, target), ("nginx, static file of the same bytes", nginx, f"/same{query}")]
        is_text = "segment" not in kind
        if is_text:
            sides.append(("nginx, static file of 21 KB", nginx, f"/21{query}"))
        what = f"{kind}, {len(body) / 1000:,.1f} KB, 32 connections, one core"
        figures = contest(what, sides, 32, SECONDS)
        nginx.stop()
        table.rows(what, figures)
        share = figures["vedette"].rate / figures[sides[-1][0]].rate
        table.ratio(what, f"nginx-vod, by its share of the last ({SHARES[kind]:.2f})", share / SHARES[kind])
    server.stop()
    two_hours(table)


def two_hours(table):
    """What the first look at a two-hour film costs, and what it leaves in memory."""
    server = vedette()
    server.get("/p/1/thumbnail/entry_id/2s/width/16/vid_sec/0")
    memory, cpu = measure.memory_kib(server.pid), measure.cpu_ms(server.pid)
    _, body, _ = server.get("/hls/p/1/sp/100/serveFlavor/entryId/2h/flavorId/2h_source/name/a.mp4/index-v1.m3u8")
    cpu, memory = measure.cpu_ms(server.pid) - cpu, (measure.memory_kib(server.pid) - memory) / 1024
    table.row(f"first HLS playlist of two hours, {len(body) / 1000:,.0f} KB", "vedette", "–", "", f"{cpu:,.0f} ms", "",
              f"{memory:,.1f} MiB more")
    server.stop()


FILES = [("100 KiB", 100 << 10), ("1 MiB", 1 << 20), ("10 MiB", 10 << 20)]


def files(table):
    """Stored files and parts of them, beside nginx with sendfile: each on the same core."""
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        os.chmod(folder, 0o755)
        bodies = {f"0_{size}.mp4": os.urandom(size) for _, size in FILES}
        for name, body in bodies.items():
            with open(f"{folder}/{name}", "wb") as file:
                file.write(body)
        server, nginx = vedette(core=0, media=folder), static(bodies)
        for title, size in FILES:
            entry = f"0_{size}"
            target = f"/p/1/serveFlavor/entryId/{entry}/flavorId/{entry}_source/name/a.mp4"
            sides = [("vedette", server, target), ("nginx, sendfile", nginx, f"/{entry}.mp4")]
            for part, field in (("whole", None), ("half of it", f"Range: bytes={size // 4}-{size // 4 * 3 - 1}")):
                answers = [side.get(asked, field)[:2] for _, side, asked in sides]
                if answers[0] != answers[1]:
                    raise SystemExit(f"{target} differs from nginx's")
                for connections in (1, 8, 64):
                    what = f"{title}, {part}, {connections} connection{'s' if connections > 1 else ''}, one core"
                    table.rows(what, contest(what, sides, connections, SECONDS, field))
        nginx.stop()
        server.stop()


class Table:
    """Rows of Markdown, printed as they come."""

    def __init__(self):
        self.lines = []
        self.write("| what | who | requests/s | vedette is better by | CPU each | vedette is better by | memory |")
        self.write("| --- | --- | ---: | ---: | ---: | ---: | ---: |")

    def write(self, line):
        self.lines.append(line)
        print(line, flush=True)

    def row(self, *cells):
        self.write(f"| {' | '.join(cells)} |")

    def ratio(self, what, who, ratio):
        """Somebody who was not measured, or a mean, told by CPU."""
        self.row(what, who, "", "", "", f"{ratio:.2f}", "")

    def rows(self, what, figures):
        """Figures by name; the first is what the others are compared with."""
        ours = next(iter(figures.values()))
        for number, (name, figure) in enumerate(figures.items()):
            cpu = f"{figure.cpu_each * 1000:,.1f} µs" if figure.cpu_each < 1 else f"{figure.cpu_each:,.1f} ms"
            memory = f"{figure.kib / 1024:,.0f} MiB" if figure.kib else "–"
            # What was not asked of a server has no rate.
            rate = by_rate = ""
            if figure.seconds:
                rate = f"{figure.rate:,.0f}" if figure.rate >= 100 else f"{figure.rate:.2f}"
                by_rate = "" if number == 0 else f"{ours.rate / figure.rate:.2f}"
            by_cpu = "" if number == 0 else f"{figure.cpu_each / max(ours.cpu_each, 1e-9):.2f}"
            self.row(what, name, rate, by_rate, cpu, by_cpu, memory)


PARTS = {"cold": cold, "cage": cage, "first": first, "strip": strip, "photo": photo, "hits": hits, "saturation": saturation,
         "play": play, "files": files}


def main():
    if sys.argv[1:2] == ["--misses"]:
        return crowd(sys.argv[2], int(sys.argv[3]))
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        raise SystemExit(f"unknown part {unknown[0]}; there are {', '.join(PARTS)}")
    if os.path.exists(os.path.join(peers.PEERS, "missing")):
        with open(os.path.join(peers.PEERS, "missing")) as missing:
            for line in missing:
                note(line.strip())
    peers.library()
    build = os.path.relpath(VEDETTE, os.path.join(peers.HERE, ".."))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {build}; {ROUNDS} requests or {SECONDS} s each, those of "
          "all in turn; CPU and memory of whole process trees; without connections, one request at a time\n")
    table = Table()
    for name in wanted:
        PARTS[name](table)
    if peers.notes:
        print("\nNot in the table: " + "; ".join(peers.notes) + ".")
    with open(os.path.join(DATA, "results.md"), "w") as file:
        print(*table.lines, sep="\n", file=file)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""This service beside its peers on this machine, in one run. CPU time per request is what is compared: it holds on a
machine that does other things besides; requests per second are given for cache hits alone, each server on one core and
the load generator on another. Prints a table in Markdown, and keeps it in bench/data/results.md."""

import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "data")
VEDETTE = os.environ.get("VEDETTE") or os.path.join(HERE, "..", "target", "release", "vedette")
# Debian's own name of ImageMagick's convert comes first: a wrapper of that name would be measured too.
CONVERT = shutil.which("convert-im6.q16") or shutil.which("convert")
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
TICK = os.sysconf("SC_CLK_TCK")
ROUNDS = int(os.environ.get("ROUNDS", "24"))
# nginx-vod-module is not in Debian. Where it was built and measured beside the same floor, it took this much of it.
NGINX_VOD = {"1080p, 2 s GOP": (1.01, 1.26), "1080p, 10 s GOP": (0.89, 0.98), "4K HEVC": (0.96, 1.18)}


class Server:
    """A process that answers on a port, and what it has used."""

    def __init__(self, command, core=None, address=None):
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self.process = subprocess.Popen(pin + command, stdout=subprocess.PIPE, text=True)
        self.address = address or self.read_address()

    def read_address(self):
        for line in self.process.stdout:
            if "http://" in line:
                return line.split("http://")[1].split()[0].strip(".,;/\"")
        raise SystemExit("the service did not say where it listens")

    def cpu_ms(self):
        return sum(map(cpu_ms_of, tree(self.process.pid)))

    def rss_kib(self):
        status = open(f"/proc/{self.process.pid}/status").read()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

    def get(self, target):
        with urllib.request.urlopen(f"http://{self.address}{target}") as answer:
            return answer.read(), answer.headers

    def stop(self):
        self.process.terminate()
        self.process.wait()


def tree(pid):
    children = open(f"/proc/{pid}/task/{pid}/children").read().split()
    return [pid] + [below for child in children for below in tree(int(child))]


def cpu_ms_of(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / TICK


def commands_cpu_ms(*commands):
    """CPU milliseconds of commands and all that they start."""
    before = os.times()
    for command in commands:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user + after.children_system - before.children_user - before.children_system) * 1000


def moments(duration, count):
    """The same times in every run, spread over the clip and over the GOP."""
    chance = random.Random(7)
    return [round(duration * (i + chance.random()) / count, 3) for i in range(count)]


def library():
    """A folder of media for the service: hard links, so that nothing is outside of it."""
    folder = os.path.join(DATA, "library")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "ladder"))
    for name in ("2s.mp4", "10s.mp4", "4k.mp4", "2h.mp4"):
        os.link(os.path.join(DATA, name), os.path.join(folder, name))
    for name in os.listdir(os.path.join(DATA, "ladder")):
        os.link(os.path.join(DATA, "ladder", name), os.path.join(folder, "ladder", name))
    for name in os.listdir(os.path.join(DATA, "photo")):
        os.link(os.path.join(DATA, "photo", name), os.path.join(folder, name))
    return folder


def vedette(core=None, extra=()):
    command = [VEDETTE, "serve", "--media", library(), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", *extra]
    return Server(command, core)


def per_request(server, targets, warm):
    """CPU milliseconds per answer; `warm` is asked first, so that a file's index is known as it is in daily work."""
    server.get(warm)
    before = server.cpu_ms()
    for target in targets:
        body, headers = server.get(target)
        cache = headers.get("x-cache", "")
        if "hit" in cache.lower():
            raise SystemExit(f"{target} was in the cache: {cache}")
    return (server.cpu_ms() - before) / len(targets)


def floor(file, times, *options):
    command = [os.path.join(DATA, "floor"), *options, file, *map(str, times)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def ffmpeg_one(file, at, output, size="640:360"):
    return ["ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", "-ss", str(at), "-i", file, "-frames:v", "1",
            "-vf", f"scale={size}", "-q:v", "4", output]


def kaltura(file, at, folder, name="out.jpg", size="640x360"):
    full = os.path.join(folder, "full.jpg")
    grab = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", "-ss", str(at), "-i", file, "-an", "-frames:v", "1",
            "-q:v", "2", "-f", "image2", full]
    return [grab, [CONVERT, full, "-resize", size, "-quality", "75", os.path.join(folder, name)]]


def cold(table):
    ratios = {"nginx-vod": [], "Kaltura's way": []}
    clips = [("1080p, 2 s GOP", "2s", 60), ("1080p, 10 s GOP", "10s", 60), ("4K HEVC", "4k", 20)]
    for title, name, duration in clips:
        file = os.path.join(DATA, f"{name}.mp4")
        count = ROUNDS if name != "4k" else max(6, ROUNDS // 2)
        times = moments(duration, count)
        target = lambda at, more="", entry=name: f"/p/1/thumbnail/entry_id/{entry}/width/640/height/360/vid_sec/{at}{more}"
        server = vedette()
        exact = per_request(server, [target(t) for t in times], target(0, "/width/320"))
        server.stop()
        server = vedette()
        keyframe = per_request(server, [target(t, "/exact/0") for t in moments(duration, min(count, 10))], target(0, "/width/320"))
        server.stop()
        base, key_base = floor(file, times), floor(file, times, "-k")
        with tempfile.TemporaryDirectory() as folder:
            some = times[:: max(1, len(times) // 8)]
            one = sum(commands_cpu_ms(ffmpeg_one(file, t, f"{folder}/o.jpg")) for t in some) / len(some)
            both = sum(commands_cpu_ms(*kaltura(file, t, folder)) for t in some) / len(some)
        low, high = (base * share for share in NGINX_VOD[title])
        what = f"cold 640x360, {title}"
        table.row(what, "vedette, exact", exact, "ms")
        table.row(what, "decoding alone, all frames from the keyframe", base, "ms", exact)
        table.row(what, f"nginx-vod (from its share of decoding alone: {low:.0f}–{high:.0f})", (low + high) / 2, "ms", exact)
        table.row(what, "ffmpeg, one command", one, "ms", exact)
        table.row(what, "ffmpeg, then ImageMagick (Kaltura's way)", both, "ms", exact)
        ratios["nginx-vod"].append((low + high) / 2 / exact)
        ratios["Kaltura's way"].append(both / exact)
        what = f"cold 640x360, {title}, keyframe"
        table.row(what, "vedette, `exact/0`", keyframe, "ms")
        table.row(what, "decoding the keyframe alone", key_base, "ms", keyframe)
        if name == "2s":
            server = vedette()
            small = per_request(server, [target(t, entry="ladder") for t in times], target(0, "/width/320", "ladder"))
            server.stop()
            what = "cold 640x360, 1080p, 2 s GOP, with a 360p flavor"
            table.row(what, "vedette, exact", small, "ms")
            table.row(what, "nginx-vod on the 1080p flavor (estimate as above)", (low + high) / 2, "ms", small)
            table.row(what, "ffmpeg, then ImageMagick (Kaltura's way)", both, "ms", small)
    for who, all_three in ratios.items():
        table.mean("cold 640x360, geometric mean of the three clips", who, statistics.geometric_mean(all_three))


def strip(table):
    file, count = os.path.join(DATA, "2s.mp4"), 100
    with tempfile.TemporaryDirectory() as folder:
        commands = []
        for i in range(count):
            commands += kaltura(file, round(60 * i / count, 3), folder, f"{i:03}.jpg", "160x90")
        commands.append([CONVERT, *(f"{folder}/{i:03}.jpg" for i in range(count)), "+append", "-quality", "75", f"{folder}/s.jpg"])
        peer = commands_cpu_ms(*commands)
    for title, more in (("exact", ""), ("keyframes", "/exact/0")):
        server = vedette()
        target = f"/p/1/thumbnail/entry_id/2s/width/160/height/90/vid_slices/{count}{more}"
        ours = per_request(server, [target], "/p/1/thumbnail/entry_id/2s/width/320/vid_sec/0")
        server.stop()
        what = f"strip of {count}, 160x90, 1080p, 2 s GOP, {title}"
        table.row(what, "vedette", ours, "ms")
        table.row(what, "ffmpeg and ImageMagick per slice (Kaltura's way)", peer, "ms", ours)


def first(table):
    """The first request for a long film: its index is read, then a frame is made. The peers read it every time."""
    file = os.path.join(DATA, "2h.mp4")
    ours = []
    for at in (1800.5, 3600.5, 7000.5):
        server = vedette()
        server.get("/p/1/thumbnail/entry_id/photo0/width/320")
        before = server.cpu_ms()
        server.get(f"/p/1/thumbnail/entry_id/2h/width/160/vid_sec/{at}")
        ours.append(server.cpu_ms() - before)
        server.stop()
    with tempfile.TemporaryDirectory() as folder:
        commands = [ffmpeg_one(file, at, f"{folder}/o.jpg", "160:90") for at in (1800.5, 3600.5, 7000.5)]
        peer = commands_cpu_ms(*commands) / 3
    what = "first request for a two-hour film, 160x90"
    table.row(what, "vedette", statistics.mean(ours), "ms")
    table.row(what, "ffmpeg, one command", peer, "ms", statistics.mean(ours))


def photo(table):
    files = [os.path.join(DATA, "photo", f"photo{i}.jpg") for i in range(ROUNDS)]
    server = vedette()
    targets = [f"/p/1/thumbnail/entry_id/photo{i}/width/640" for i in range(ROUNDS)]
    ours = per_request(server, targets, "/p/1/thumbnail/entry_id/photo39/width/640")
    server.stop()
    command = ["node", os.path.join(HERE, "sharp.js"), "640", *files]
    sharp = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    with tempfile.TemporaryDirectory() as folder:
        plain = [[CONVERT, file, "-resize", "640", "-quality", "75", f"{folder}/o.jpg"] for file in files[:6]]
        hinted = [[CONVERT, "-define", "jpeg:size=1280x960", *command[1:]] for command in plain]
        convert, convert_hinted = commands_cpu_ms(*plain) / 6, commands_cpu_ms(*hinted) / 6
    what = "12-megapixel JPEG to 640 wide"
    table.row(what, "vedette", ours, "ms")
    table.row(what, "sharp (libvips)", sharp, "ms", ours)
    table.row(what, "ImageMagick, told the size beforehand", convert_hinted, "ms", ours)
    table.row(what, "ImageMagick", convert, "ms", ours)


NGINX_CONFIG = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush off; keepalive_requests 1000000; default_type image/jpeg;
  open_file_cache max=100 inactive=1h; open_file_cache_valid 1h; etag on;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


# wrk asks for targets that no request asked for before: {} counts.
FRESH = """
local count = {start}
request = function()
  count = count + 1
  return wrk.format("GET", (string.gsub("{target}", "{{}}", tostring(count))))
end
"""
fresh_from = 70_000


def load(server, target, connections, field=None, seconds=5):
    """Requests a second, and CPU microseconds of the server for each. A `{}` in the target makes each request another."""
    global fresh_from
    before = server.cpu_ms()
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    if field:
        command += ["-H", field]
    if "{}" in target:
        with tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False) as script:
            script.write(FRESH.format(start=fresh_from, target=target))
        fresh_from += 2_000_000
        command += ["-s", script.name]
    command.append(f"http://{server.address}{target.replace('{}', '1')}")
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(text)
    requests = int(next(line for line in text.splitlines() if "requests in" in line).split()[0])
    rate = float(next(line for line in text.splitlines() if "Requests/sec" in line).split()[1])
    return rate, (server.cpu_ms() - before) * 1000 / requests


def static(files):
    """nginx with an open-file cache over these files, by name, and the folder they are in."""
    folder = tempfile.TemporaryDirectory()
    os.chmod(folder.name, 0o755)
    os.makedirs(folder.name + "/www")
    for name, body in files.items():
        with open(f"{folder.name}/www/{name}", "wb") as file:
            file.write(body)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with open(folder.name + "/conf", "w") as file:
        file.write(NGINX_CONFIG.format(folder=folder.name, port=port))
    command = [NGINX, "-c", folder.name + "/conf", "-p", folder.name]
    nginx = Server(command, core=0, address=f"127.0.0.1:{port}")
    time.sleep(1)
    return nginx, folder


def hits(table):
    target = "/p/1/thumbnail/entry_id/2s/width/480/vid_sec/7"
    server = vedette(core=0)
    body, _ = server.get(target)
    nginx, folder = static({"picture.jpg": body})
    rounds = [(load(server, target, 64), load(nginx, "/picture.jpg", 64)) for _ in range(3)]
    ours, theirs = (max(side) for side in zip(*rounds))
    nginx.stop()
    server.stop()
    folder.cleanup()
    what = f"cache hits of {len(body) / 1000:.0f} KB, 64 connections, one core"
    table.row(what, "vedette", ours[0], "requests/s")
    table.row(what, "nginx, static file, open-file cache", theirs[0], "requests/s", ours[0], more_is_better=True)
    what = "the same, CPU per request"
    table.row(what, "vedette", ours[1], "µs")
    table.row(what, "nginx, static file, open-file cache", theirs[1], "µs", ours[1])


def latencies(address, target, seconds, every=0.002):
    """Milliseconds from a request to the end of its answer, one each `every` seconds on one connection, sorted."""
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
    return sorted(took)


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


def saturation(table):
    """Hits while nothing else happens, and while more misses come than can be made: all on the same cores."""
    seconds, clients = float(os.environ.get("SECONDS_EACH", "10")), 96
    target = "/p/1/thumbnail/entry_id/2s/width/480/vid_sec/7"
    server = vedette()
    server.get(target)
    latencies(server.address, target, min(1, seconds))
    idle = latencies(server.address, target, seconds)
    # A process of its own: it would hold up the clock of this one.
    crowd = subprocess.Popen([sys.executable, __file__, "--misses", server.address, str(clients)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    time.sleep(2)
    saturated = latencies(server.address, target, seconds)
    made, refused = map(int, crowd.communicate("stop\n")[0].split())
    server.stop()
    what = f"hits at 500 a second beside {clients} clients with misses ({made} made, {refused} refused)"
    for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        before, during = (side[min(len(side) - 1, int(len(side) * share))] for side in (idle, saturated))
        table.row(what, f"{name}, idle", before, "ms")
        table.row(what, f"{name}, saturated", during, "ms")
        table.mean(what, f"{name}, saturated by idle (aim: under 2)", during / before)


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
    for what, target in targets.items():
        body, _ = server.get(target.replace("{}", "60000"))
        name, size = ("text", 21_000) if "segment" not in what else ("segment", len(body))
        nginx, folder = static({name: os.urandom(size)})
        rounds = [(load(server, target, 32), load(nginx, "/" + name, 32)) for _ in range(3)]
        ours, theirs = (max(side) for side in zip(*rounds))
        nginx.stop()
        folder.cleanup()
        title = f"{what}, {len(body) / 1000:,.0f} KB, 32 connections, one core"
        table.row(title, "vedette", ours[0], "requests/s")
        share = ours[0] / theirs[0]
        table.row("the same", f"nginx, static file of {size / 1000:,.0f} KB", theirs[0], "requests/s", ours[0], more_is_better=True)
        table.mean("the same", f"nginx-vod, by its share of a static file ({SHARES[what]:.2f})", share / SHARES[what])
    server.stop()
    two_hours(table)


FILES = [("100 KiB", 100 << 10), ("1 MiB", 1 << 20), ("10 MiB", 10 << 20)]


def files(table):
    """Stored files and parts of them, beside nginx with sendfile: each on the same core."""
    seconds = int(os.environ.get("SECONDS_EACH", "3"))
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        os.chmod(folder, 0o755)
        bodies = {f"0_{size}.mp4": os.urandom(size) for _, size in FILES}
        for name, body in bodies.items():
            with open(f"{folder}/{name}", "wb") as file:
                file.write(body)
        command = [VEDETTE, "serve", "--media", folder, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        server = Server(command, core=0)
        nginx, www = static(bodies)
        for title, size in FILES:
            entry = f"0_{size}"
            target = f"/p/1/serveFlavor/entryId/{entry}/flavorId/{entry}_source/name/a.mp4"
            for what, field in (("whole", None), ("half of it", f"Range: bytes={size // 4}-{size // 4 * 3 - 1}")):
                same_bytes(server, target, nginx, f"/{entry}.mp4", field)
                for connections in (1, 8, 64):
                    sides = ((server, target), (nginx, f"/{entry}.mp4"))
                    rounds = [[load(*side, connections, field, seconds) for side in sides] for _ in range(2)]
                    ours, theirs = (list(zip(*side)) for side in zip(*rounds))
                    case = f"{title}, {what}, {connections} connection{'s' if connections > 1 else ''}"
                    table.row(case, "vedette", max(ours[0]), "requests/s")
                    table.row("the same", "nginx, sendfile", max(theirs[0]), "requests/s", max(ours[0]), more_is_better=True)
                    table.row("the same, CPU per request", "vedette", min(ours[1]), "µs")
                    table.row("the same, CPU per request", "nginx, sendfile", min(theirs[1]), "µs", min(ours[1]))
        nginx.stop()
        server.stop()
        www.cleanup()


def same_bytes(server, target, peer, path, field):
    """Both must answer alike."""
    bodies = []
    for url in (f"http://{server.address}{target}", f"http://{peer.address}{path}"):
        request = urllib.request.Request(url)
        if field:
            request.add_header(*field.split(": "))
        with urllib.request.urlopen(request) as answer:
            bodies.append((answer.status, answer.read()))
    if bodies[0] != bodies[1]:
        raise SystemExit(f"{target} differs from {path}")


def two_hours(table):
    """What the first look at a two-hour film costs, and what it leaves in memory."""
    server = vedette()
    server.get("/p/1/thumbnail/entry_id/2s/width/16/vid_sec/0")
    memory, cpu = server.rss_kib(), server.cpu_ms()
    body, _ = server.get("/hls/p/1/sp/100/serveFlavor/entryId/2h/flavorId/2h_source/name/a.mp4/index-v1.m3u8")
    what = f"first HLS playlist of two hours, {len(body) / 1000:,.0f} KB"
    table.row(what, "vedette, CPU", server.cpu_ms() - cpu, "ms")
    table.row(what, "vedette, more memory", (server.rss_kib() - memory) / 1024, "MiB")
    server.stop()


class Table:
    """Rows of Markdown, printed as they come."""

    def __init__(self):
        self.lines = ["| what | who | figure | vedette is better by |", "| --- | --- | ---: | ---: |"]
        print(*self.lines, sep="\n", flush=True)

    def mean(self, what, who, ratio):
        self.lines.append(f"| {what} | {who} | | {ratio:.2f} |")
        print(self.lines[-1], flush=True)

    def row(self, what, who, value, unit, ours=None, more_is_better=False):
        ratio = "" if ours is None else f"{(ours / value if more_is_better else value / ours):.2f}"
        self.lines.append(f"| {what} | {who} | {value:,.1f} {unit} | {ratio} |")
        print(self.lines[-1], flush=True)


def main():
    parts = {"cold": cold, "first": first, "strip": strip, "photo": photo, "hits": hits, "files": files, "play": play,
             "saturation": saturation}
    if sys.argv[1:2] == ["--misses"]:
        return crowd(sys.argv[2], int(sys.argv[3]))
    wanted = sys.argv[1:] or list(parts)
    unknown = [name for name in wanted if name not in parts]
    if unknown:
        raise SystemExit(f"unknown part {unknown[0]}; there are {', '.join(parts)}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; CPU time of the whole process tree, {ROUNDS} requests each\n")
    table = Table()
    for name in wanted:
        parts[name](table)
    with open(os.path.join(DATA, "results.md"), "w") as file:
        print(*table.lines, sep="\n", file=file)


if __name__ == "__main__":
    main()

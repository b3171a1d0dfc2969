#!/usr/bin/env python3
"""Everything at once, for a while: the service on a mixed load with faults. bench/soak.py [SECONDS], 300 unless said otherwise.

One process asks for a picture that is kept, fifty times a second, and writes down how long each answer took. Others ask for
pictures hot and cold, strips, playlists, segments and ranges of files, for what is not there and for files that mean harm; they
read slowly, leave early, send nonsense and purge. An origin fails in all the ways that it has, decoders are killed, settings are
read again, right ones and wrong ones. At the end it must hold that memory, descriptors, threads and processes did not grow after
the first third, that hits took no longer in the second half of the rest than in the first, that no answer was a failure that
nobody expects, and that equal URLs had equal bytes. The binary is target/release/vedette, or $VEDETTE."""

import hashlib
import http.client
import http.server
import multiprocessing
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from measure import below, free_port, tree

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
LIBRARY = os.path.join(ROOT, "testdata", "library")
VEDETTE = os.environ.get("VEDETTE") or os.path.join(ROOT, "target", "release", "vedette")

# What may grow between the first and the second half of what is looked at, in itself and as a share.
ALLOWED = {"memory, MiB": (24, 0.10), "descriptors": (24, 0.25), "threads": (4, 0.10), "processes": (2, 0.0)}
# How much longer hits may take at the 99th percentile in the second half.
TAIL_RATIO_MAX = 2.0
# Below this a tail is the noise of the machine.
TAIL_MS_MIN = 2.0
# What is shorter than this tells nothing of growth, only of wrong answers.
JUDGED_FROM_S = 60
CLIENTS, THREADS = 3, 4
FAR = 4


def main(seconds):
    folder = tempfile.mkdtemp(prefix="vedette-soak-")
    context = multiprocessing.get_context("fork")
    mood, over = context.Value("i", 0), context.Event()
    children = []
    try:
        port = free_port()
        children.append(start(context, origin, port, mood))
        service = Service(make_library(folder, port), folder, port)
        try:
            return run(service, seconds, context, mood, over, children)
        finally:
            over.set()
            service.stop()
    finally:
        over.set()
        for child in children:
            child.terminate()
            child.join()
        shutil.rmtree(folder, ignore_errors=True)


def start(context, what, *arguments):
    process = context.Process(target=what, args=arguments, daemon=True)
    process.start()
    return process


# --- The service and its library ----------------------------------------------------------------------------------------------


def make_library(folder, port):
    """The sample library, and films that rest at the origin."""
    library = os.path.join(folder, "library")
    shutil.copytree(LIBRARY, library, copy_function=link)
    for number in range(FAR):
        with open(os.path.join(library, f"0_far{number}.toml"), "w") as sidecar:
            sidecar.write(f"[[flavors]]\nfile = 'http://127.0.0.1:{port}/{number}/film.mp4'\n")
    return library


def link(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


SETTINGS = """\
[cache]
memory_size = "16MiB"
frames_size = "16MiB"
indexes_size = "16MiB"
blocks_size = "8MiB"
[decode]
quarantine = "2s"
[http]
write_timeout = "5s"
"""


class Service:
    """The service, and what it takes."""

    def __init__(self, library, folder, port):
        self.config = os.path.join(folder, "vedette.toml")
        self.write(SETTINGS)
        command = [VEDETTE, "serve", "--media", library, "--config", self.config, "--listen", "127.0.0.1:0"]
        command += ["--admin-listen", "127.0.0.1:0", "--origins", f"http://127.0.0.1:{port}/", "--origin-private", "true"]
        command += ["--origin-response-timeout", "1s", "--origin-read-timeout", "1s", "--log-level", "error"]
        self.log = open(os.path.join(folder, "log"), "w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.address, self.admin = self.read_address(), self.read_address()
        threading.Thread(target=lambda: [None for _ in self.process.stdout], daemon=True).start()

    def read_address(self):
        for line in self.process.stdout:
            if "http://" in line:
                host, port = line.split("http://")[1].split()[0].strip(".,;/\"").rsplit(":", 1)
                return host, int(port)
        self.log.seek(0)
        raise SystemExit("the service does not start: " + self.log.read())

    def write(self, settings):
        with open(self.config + ".new", "w") as file:
            file.write(settings)
        os.rename(self.config + ".new", self.config)

    def runs(self):
        return self.process.poll() is None

    def stop(self):
        if self.runs():
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def decoders(self):
        keepers = below(self.process.pid)[:1]
        return [worker for keeper in keepers for worker in below(keeper)]

    def taken(self):
        """What the service and its decoders have now."""
        processes = tree(self.process.pid)
        status = [read(f"/proc/{pid}/status") for pid in processes]
        number = lambda text, name: next((int(line.split()[1]) for line in text.splitlines() if line.startswith(name)), 0)
        return {
            "memory, MiB": number(status[0], "VmRSS:") / 1024,
            "descriptors": len(os.listdir(f"/proc/{self.process.pid}/fd")),
            "threads": number(status[0], "Threads:"),
            "processes": len(processes),
        }


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


# --- The origin ---------------------------------------------------------------------------------------------------------------

CALM, ROUGH, AWAY = 0, 1, 2


def origin(port, mood):
    """Ranges of one film, until it is ended; how well depends on its mood."""
    film = open(os.path.join(LIBRARY, "0_long.mp4"), "rb").read()
    chance = random.Random(5)

    class Answers(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.answer(False)

        def do_GET(self):
            self.answer(True)

        def answer(self, has_body):
            fault = chance.choice(FAULTS) if mood.value == ROUGH and chance.random() < 0.4 else None
            if mood.value == AWAY or fault in (500, 503, 429):
                return self.say(fault or 503, b"no", {}, has_body)
            if fault == "silent":
                time.sleep(1.5)
                self.close_connection = True
                return None
            if fault == "redirect":
                return self.say(302, b"", {"Location": self.path}, has_body)
            if not self.path.endswith("/film.mp4"):
                return self.say(404, b"none", {}, has_body)
            fields, body, status = {"ETag": '"1"', "Accept-Ranges": "bytes"}, film, 200
            asked = self.headers.get("Range", "")
            if asked.startswith("bytes=") and fault != "whole":
                first, last = asked[6:].split("-")
                first, end = int(first), min(int(last or len(film)) + 1, len(film))
                if first >= len(film):
                    return self.say(416, b"", fields, has_body)
                shift = 1 if fault == "shifted" and end < len(film) else 0
                body, status = film[first + shift : end + shift], 206
                fields["Content-Range"] = f"bytes {first + shift}-{end + shift - 1}/{len(film)}"
            if fault == "changed":
                fields["ETag"] = f'"{chance.random()}"'
            return self.say(status, body, fields, has_body, fault)

        def say(self, status, body, fields, has_body, fault=None):
            try:
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if has_body:
                    cut = len(body) // 2 if fault in ("short", "hang") else len(body)
                    self.wfile.write(body[:cut])
                    if fault == "hang":
                        time.sleep(1.5)
                    self.close_connection = cut < len(body)
            except OSError:
                self.close_connection = True

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_):
            pass

    Server(("127.0.0.1", port), Answers).serve_forever()


FAULTS = [500, 503, 429, "silent", "redirect", "whole", "shifted", "changed", "short", "hang"]


# --- The load -----------------------------------------------------------------------------------------------------------------


class Wrong(Exception):
    """Something that must not be."""


class Client:
    """Asks, and knows what it was answered before."""

    def __init__(self, address, admin, seed):
        self.address, self.admin, self.chance, self.seen, self.kept = address, admin, random.Random(seed), {}, None

    def ask(self, target, fields=None):
        """Status, fields and body, over a connection that is kept as long as it goes."""
        for is_last in (False, True):
            fresh = self.kept is None
            self.kept = self.kept or http.client.HTTPConnection(*self.address, timeout=90)
            try:
                self.kept.request("GET", target, headers=fields or {})
                answer = self.kept.getresponse()
                body = answer.read()
                if len(body) != int(answer.headers["Content-Length"]) and answer.status != 304:
                    raise Wrong(f"{target}: {len(body)} bytes")
                return answer.status, answer.headers, body
            except (OSError, http.client.HTTPException) as error:
                self.kept.close()
                self.kept = None
                if fresh or is_last:
                    raise Wrong(f"{target}: {error!r}") from error
        raise AssertionError

    def picture(self, entry, parameters):
        return f"/p/1/thumbnail/entry_id/{entry}/{parameters}"

    def same(self, target, allowed=(200,), fields=None):
        """Asks, and compares with what it was before; `allowed` are the statuses that nobody wonders at."""
        status, headers, body = self.ask(target, fields)
        if status == 503 and 503 in allowed and "Retry-After" not in headers:
            raise Wrong(f"{target}: 503 that does not say when to come again: {body[:200]!r}")
        if status not in allowed:
            raise Wrong(f"{target}: {status} {body[:200]!r}")
        if status in (200, 206):
            digest = hashlib.blake2b(body, digest_size=16).digest()
            if self.seen.setdefault((target, str(fields)), digest) != digest:
                raise Wrong(f"{target}: other bytes than before")
        return status

    # What is asked for, each with how often.

    def hot(self):
        return self.same(self.picture(self.chance.choice(GOOD), f"width/160/vid_sec/{self.chance.randrange(2)}"), WORK)

    def cold(self):
        place = f"width/{self.chance.randrange(60, 640)}/vid_sec/{self.chance.randrange(9000) / 1000}"
        return self.same(self.picture(self.chance.choice(GOOD), place), WORK)

    def strip(self):
        slices = f"width/{self.chance.randrange(60, 120)}/vid_slices/{self.chance.randrange(2, 12)}"
        return self.same(self.picture(self.chance.choice(GOOD), slices), WORK)

    def play(self):
        entry, kind = self.chance.choice(["0_hills", "0_long"]), self.chance.choice(["hls", "dash"])
        names = {"hls": ["master.m3u8", "index-v1.m3u8", "seg-1-v1.ts", "seg-1-v1.m4s"], "dash": ["manifest.mpd", "init-v1.mp4"]}
        name = self.chance.choice(names[kind])
        return self.same(f"/{kind}/p/1/sp/100/serveFlavor/entryId/{entry}/flavorId/{entry}_source/{name}", WORK)

    def part(self):
        first = self.chance.randrange(100_000)
        asked = f"bytes={first}-{first + self.chance.randrange(100_000)}"
        return self.same("/p/1/sp/100/serveFlavor/entryId/0_long/flavorId/0_long_source/name/a.mp4", (206,), {"Range": asked})

    def nothing(self):
        which = [f"0_none{self.chance.randrange(10_000)}/width/10", "0_hills/width/9999999/height/99999", "0_deleted/width/9"]
        return self.same("/p/1/thumbnail/entry_id/" + self.chance.choice(which), (404,))

    def hostile(self):
        return self.same(self.picture(self.chance.choice(BROKEN), f"width/160/vid_sec/{self.chance.randrange(3)}"), (200, 404, 503))

    def far(self):
        entry = f"0_far{self.chance.randrange(FAR)}"
        if self.chance.random() < 0.2:
            try:
                return self.same(f"/p/1/sp/100/serveFlavor/entryId/{entry}/flavorId/{entry}_film/name/a.mp4", FAULTY)
            except Wrong as wrong:
                # A body that does not come from the origin is broken off, which is what is to happen.
                if "IncompleteRead" in str(wrong) or "Reset" in str(wrong):
                    return "cut"
                raise
        return self.same(self.picture(entry, f"width/{self.chance.randrange(60, 300)}/vid_sec/{self.chance.randrange(80)}"), FAULTY)

    def slow(self):
        with socket.create_connection(self.address, timeout=90) as stream:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            stream.sendall(request("/p/1/sp/100/serveFlavor/entryId/0_long/flavorId/0_long_source/name/a.mp4"))
            body = b""
            while True:
                piece = stream.recv(65536)
                if not piece:
                    break
                body += piece
                time.sleep(0.02)
        head, _, body = body.partition(b"\r\n\r\n")
        if b" 200 " not in head or body != FILM:
            raise Wrong(f"a slow reader has {len(body)} of {len(FILM)} bytes: {head[:100]!r}")
        return "slow"

    def gone(self):
        stream = socket.create_connection(self.address, timeout=90)
        width = self.chance.randrange(60, 640)
        stream.sendall(request(self.picture("0_long", f"width/{width}/vid_slices/{self.chance.randrange(5, 60)}")))
        time.sleep(self.chance.random() / 10)
        stream.close()
        return "gone"

    def nonsense(self):
        texts = [b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"\x16\x03\x01\0\x05", b"GET /\0 HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxxxxxxxxxxxxxxx"]
        with socket.create_connection(self.address, timeout=90) as stream:
            stream.sendall(self.chance.choice(texts))
            stream.shutdown(socket.SHUT_WR)
            try:
                while stream.recv(65536):
                    pass
            except ConnectionResetError:
                pass
        return "nonsense"

    def purge(self):
        order = self.chance.choice([f"entry={self.chance.choice(GOOD)}", f"entry=0_none{self.chance.randrange(10_000)}", "tag=p_77"])
        line = http.client.HTTPConnection(*self.admin, timeout=90)
        line.request("POST", "/purge?" + order)
        status = line.getresponse().status
        line.close()
        if status != 200:
            raise Wrong(f"purge of {order}: {status}")
        return "purged"


def request(target):
    return f"GET {target} HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n".encode()


FILM = open(os.path.join(LIBRARY, "0_long.mp4"), "rb").read() if os.path.exists(LIBRARY) else b""
GOOD = ["0_hills", "0_long", "0_avc", "0_hevc", "0_vp9", "0_mkv", "0_ladder", "0_jpeg", "0_webp", "0_av1"]
BROKEN = sorted(name.split(".")[0] for name in os.listdir(LIBRARY) if name.startswith("0_broken_")) if FILM else []
# The picture that must always be there; nobody purges it.
PROBED = "/p/1/thumbnail/entry_id/0_multi/width/200/vid_sec/2"
# Overload is told of, and a decoder that was killed twice; what an origin does not give, too.
WORK, FAULTY = (200, 503), (200, 502, 503, 504)
SHARES = {
    Client.hot: 40, Client.cold: 14, Client.strip: 3, Client.play: 14, Client.part: 10, Client.nothing: 10, Client.hostile: 6,
    Client.far: 8, Client.slow: 0.3, Client.gone: 3, Client.nonsense: 3, Client.purge: 2,
}  # fmt: skip


def load(address, admin, seed, over, told):
    """Some clients at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def client(number):
        one = Client(address, admin, seed * 100 + number)
        counts, since = {}, time.monotonic()
        while not over.is_set():
            kind = one.chance.choices(list(SHARES), list(SHARES.values()))[0]
            try:
                outcome = kind(one)
            except Wrong as wrong:
                told.put(("wrong", str(wrong)))
                outcome = "wrong"
            except OSError as error:
                told.put(("wrong", f"{kind.__name__}: {error!r}"))
                outcome = "wrong"
            name = f"{kind.__name__} {outcome}" if isinstance(outcome, int) else kind.__name__
            counts[name] = counts.get(name, 0) + 1
            if time.monotonic() - since > 1:
                told.put(("counts", counts))
                counts, since = {}, time.monotonic()
            time.sleep(0.01)

    threads = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def probe(address, admin, over, told):
    """Asks for what is kept, and how long that took."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    one = Client(address, admin, 0)
    while not over.is_set():
        begun = time.monotonic()
        try:
            one.same(PROBED)
        except Wrong as wrong:
            told.put(("wrong", f"a hit: {wrong}"))
        told.put(("hit", begun, (time.monotonic() - begun) * 1000))
        time.sleep(0.02)


# --- The run ------------------------------------------------------------------------------------------------------------------


def run(service, seconds, context, mood, over, children):
    told = context.Queue()
    Client(service.address, service.admin, 0).same(PROBED)
    children.append(start(context, probe, service.address, service.admin, over, told))
    for number in range(CLIENTS):
        children.append(start(context, load, service.address, service.admin, number + 1, over, told))
    begun = time.monotonic()
    soak = Soak(begun, seconds)
    tick = 0
    print(f"{seconds} s of {VEDETTE}, on {service.address[0]}:{service.address[1]}", flush=True)
    while time.monotonic() - begun < seconds and service.runs():
        time.sleep(1)
        tick += 1
        soak.listen(told)
        soak.taken.append((time.monotonic(), service.taken()))
        mood.value = [CALM, CALM, ROUGH, ROUGH, AWAY][tick // 4 % 5]
        if tick % 5 == 0:
            kill_a_decoder(service, soak)
        if tick % 7 == 0:
            # Wrong settings change nothing; they are right again the next time.
            service.write(SETTINGS + "[nonsense]\nx = 1\n" if tick % 14 == 0 else SETTINGS)
            service.process.send_signal(signal.SIGHUP)
        if tick % 10 == 0:
            print(soak.line(tick), flush=True)
    if not service.runs():
        soak.wrong.append(f"the service ended: {service.process.returncode}")
    over.set()
    deadline = time.monotonic() + 10
    while any(child.is_alive() for child in children[1:]) and time.monotonic() < deadline:
        soak.listen(told)
        time.sleep(0.1)
    soak.listen(told)
    print(soak.table())
    return soak.verdict()


def kill_a_decoder(service, soak):
    workers = service.decoders()
    if workers:
        try:
            os.kill(random.choice(workers), signal.SIGKILL)
            soak.counts["decoders killed"] = soak.counts.get("decoders killed", 0) + 1
        except ProcessLookupError:
            pass


class Soak:
    """What was seen."""

    def __init__(self, begun, seconds):
        self.begun, self.warm, self.end = begun, begun + seconds / 3, begun + seconds
        self.counts, self.wrong, self.hits, self.taken = {}, [], [], []

    def listen(self, told):
        while not told.empty():
            kind, *what = told.get()
            if kind == "wrong":
                self.wrong.append(what[0])
            elif kind == "hit":
                self.hits.append(tuple(what))
            else:
                for name, count in what[0].items():
                    self.counts[name] = self.counts.get(name, 0) + count

    def line(self, tick):
        now = self.taken[-1][1]
        recent = [took for at, took in self.hits if at > self.taken[-1][0] - 10]
        shown = ", ".join(f"{value:.0f} {name.split(',')[0]}" for name, value in now.items())
        return f"{tick:5} s: {sum(self.counts.values())} answers, {shown}, hits p99 {percentile(recent, 99):.1f} ms, {len(self.wrong)} wrong"

    def halves(self, samples):
        """Those after the warm-up, before and after their middle."""
        middle = (self.warm + self.end) / 2
        return [value for at, value in samples if self.warm <= at < middle], [value for at, value in samples if at >= middle]

    def growth(self):
        """Name, before, after, whether it may be."""
        rows = []
        if self.end - self.begun < JUDGED_FROM_S:
            return rows
        for name, (allowed, share) in ALLOWED.items():
            before, after = self.halves([(at, taken[name]) for at, taken in self.taken])
            if before and after:
                before, after = statistics.median(before), statistics.median(after)
                rows.append((name, before, after, after <= before + max(allowed, share * before)))
        before, after = map(self.tail, self.halves([(at, (at, took)) for at, took in self.hits]))
        rows.append(("hits p99, ms", before, after, after <= TAIL_RATIO_MAX * max(before, TAIL_MS_MIN)))
        return rows

    def tail(self, hits):
        """The median over stretches of five seconds of the 99th percentile: of one bad moment of the machine there is no more to learn."""
        stretches = {}
        for at, took in hits:
            stretches.setdefault(int(at - self.begun) // 5, []).append(took)
        return statistics.median(percentile(took, 99) for took in stretches.values()) if stretches else 0.0

    def table(self):
        grown = [f"| {name} | {before:.1f} | {after:.1f} | {'' if good else 'GROWS'} |" for name, before, after, good in self.growth()]
        lines = ["", "| what | first half | second half | |", "| --- | ---: | ---: | --- |"] + grown if grown else []
        lines += ["", "| answers | count |", "| --- | ---: |"]
        lines += [f"| {name} | {count} |" for name, count in sorted(self.counts.items())]
        lines.append(f"| hits that were timed | {len(self.hits)} |")
        return "\n".join(lines)

    def verdict(self):
        kinds = {}
        for wrong in self.wrong:
            kinds.setdefault(wrong[:160], []).append(wrong)
        for wrong in list(kinds)[:20]:
            print(f"WRONG ({len(kinds[wrong])}): {wrong}", file=sys.stderr)
        grown = [name for name, _, _, good in self.growth() if not good]
        for name in grown:
            print(f"GROWS: {name}", file=sys.stderr)
        growth = "nothing grows" if self.end - self.begun >= JUDGED_FROM_S else "it was too short to tell of growth"
        print(f"\nnothing is wrong and {growth}" if not self.wrong and not grown else "\nFAILED")
        return 1 if self.wrong or grown else 0


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, len(values) * share // 100)] if values else 0.0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))

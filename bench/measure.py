"""How much a process and all that it started have used, and how soon they answer: the one place where that is counted."""

import atexit
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

TICK = os.sysconf("SC_CLK_TCK")


# What runs still is ended with this program, however that ends.
running = []


@atexit.register
def end_all():
    for process in running:
        if process.poll() is None:
            process.terminate()


signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def below(pid):
    """What a process started, whichever of its threads did."""
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as children:
                found += map(int, children.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def tree(pid):
    """A process and all below it."""
    return [pid] + [each for child in below(pid) for each in tree(child)]


def cpu_ms(pid):
    """CPU milliseconds of a tree, of those that have ended and were waited for too."""
    total = 0
    for each in tree(pid):
        try:
            with open(f"/proc/{each}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(map(int, fields[11:15]))
    return total * 1000 / TICK


def memory_kib(pid):
    """Memory of a tree; what processes share counts once (PSS)."""
    total = 0
    for each in tree(pid):
        try:
            with open(f"/proc/{each}/smaps_rollup") as rollup:
                total += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
    return total


class Peak:
    """The most memory of a tree while this is entered, looked at ten times a second and at the end."""

    def __init__(self, pid):
        self.pid, self.kib, self.stop = pid, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.stop.wait(0.1):
            self.look()

    def look(self):
        self.kib = max(self.kib, memory_kib(self.pid))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        self.look()


class Server:
    """A process that answers on a port. `address` is where, else it says so itself on its standard output."""

    def __init__(self, command, core=None, address=None, environment=None):
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            pin + command,
            stdout=subprocess.PIPE if address is None else subprocess.DEVNULL,
            stderr=self.errors,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        running.append(self.process)
        self.pid = self.process.pid
        self.address = address or self.read_address()
        self.wait_for_port()

    def read_address(self):
        for line in self.process.stdout:
            if "http://" in line:
                return line.split("http://")[1].split()[0].strip(".,;/\"")
        raise SystemExit(f"{self.process.args[0]} did not say where it listens: {self.said()}")

    def wait_for_port(self):
        until = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://{self.address}/", timeout=5).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"{self.process.args} does not answer: {self.said()}") from None
                time.sleep(0.05)

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")[-2000:]

    def get(self, target, field=None):
        """Status, body and headers."""
        request = urllib.request.Request(f"http://{self.address}{target}")
        if field:
            request.add_header(*field.split(": "))
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{target}: {error.code} {error.read()[:300]}") from None

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Figures:
    """What one contender took: requests, the seconds of them, CPU milliseconds, and the most memory in KiB."""

    def __init__(self):
        self.count, self.seconds, self.cpu, self.kib = 0, 0.0, 0.0, 0

    def add(self, count, seconds, cpu, kib):
        self.count, self.seconds, self.cpu = self.count + count, self.seconds + seconds, self.cpu + cpu
        self.kib = max(self.kib, kib)

    @property
    def rate(self):
        return self.count / self.seconds

    @property
    def cpu_each(self):
        return self.cpu / self.count


class Http:
    """A server as a contender; `target` gives what the i-th request asks for, and -1 is asked first, uncounted."""

    def __init__(self, name, server, target):
        self.name, self.server, self.target = name, server, target

    def warm(self):
        self.server.get(self.target(-1))

    def ask(self, i):
        with Peak(self.server.pid) as peak:
            start, cpu = time.monotonic(), cpu_ms(self.server.pid)
            _, body, headers = self.server.get(self.target(i))
            used = (1, time.monotonic() - start, cpu_ms(self.server.pid) - cpu)
        if "hit" in headers.get("x-cache", "").lower():
            raise SystemExit(f"{self.target(i)} was in the cache")
        return body, (*used, peak.kib)

    def stop(self):
        self.server.stop()


class Afresh(Http):
    """The same with a new server for each request, so that nothing is left of the one before."""

    def __init__(self, name, start, target):
        super().__init__(name, None, target)
        self.start = start

    def warm(self):
        pass

    def ask(self, i):
        self.server = self.start()
        super().warm()
        answer = super().ask(i)
        self.server.stop()
        return answer

    def stop(self):
        pass


class Worker:
    """A program that does what a line on its standard input says, and answers with one. `line` gives that of the i-th
    request, where the result goes to the path at its end."""

    def __init__(self, name, command, line):
        self.name, self.line = name, line
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(self.process)

    def warm(self):
        self.ask(-1)

    def ask(self, i):
        line = self.line(i)
        with Peak(self.process.pid) as peak:
            start, cpu = time.monotonic(), cpu_ms(self.process.pid)
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            if not self.process.stdout.readline():
                raise SystemExit(f"{self.name} ended at {line!r}")
            used = (1, time.monotonic() - start, cpu_ms(self.process.pid) - cpu)
        with open(line.split()[-1], "rb") as file:
            return file.read(), (*used, peak.kib)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Commands:
    """Programs that are started for each request; `make` gives those of the i-th, and the path of the result."""

    def __init__(self, name, make):
        self.name, self.make = name, make

    def warm(self):
        pass

    def ask(self, i):
        commands, path = self.make(i)
        start, cpu, kib = time.monotonic(), 0.0, 0
        for command in commands:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            said = process.stderr.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise SystemExit(f"{command}: {said.decode(errors='replace')[-500:]}")
            cpu += (used.ru_utime + used.ru_stime) * 1000
            kib = max(kib, used.ru_maxrss)
        used = (1, time.monotonic() - start, cpu, kib)
        with open(path, "rb") as file:
            return file.read(), used

    def stop(self):
        pass


def compare(what, contenders, count, check=None):
    """Figures of each contender by name, from `count` requests, one at a time, each contender's i-th after another's. The
    first answers go to `check`, with the names."""
    print(f"{what} ", end="", file=sys.stderr, flush=True)
    figures = {contender.name: Figures() for contender in contenders}
    for contender in contenders:
        contender.warm()
    first = {}
    for i in range(count):
        turn = i % len(contenders)
        for contender in contenders[turn:] + contenders[:turn]:
            body, used = contender.ask(i)
            figures[contender.name].add(*used)
            if i == 0:
                first[contender.name] = body
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for contender in contenders:
        contender.stop()
    if check:
        check(first)
    return figures


# wrk asks for targets that no request asked for before: {} counts.
FRESH = """
local count = {start}
request = function()
  count = count + 1
  return wrk.format("GET", (string.gsub("{target}", "{{}}", tostring(count))))
end
"""
fresh_from = 70_000


def load(server, target, connections, seconds, field=None):
    """Figures of a server under the load of so many connections. A `{}` in the target makes each request another."""
    global fresh_from
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    if field:
        command += ["-H", field]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if "{}" in target:
            script.write(FRESH.format(start=fresh_from, target=target))
            script.flush()
            fresh_from += 2_000_000
            command += ["-s", script.name]
        command.append(f"http://{server.address}{target.replace('{}', '1')}")
        cpu = cpu_ms(server.pid)
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        cpu = cpu_ms(server.pid) - cpu
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(text)
    count, seconds = re.search(r"(\d+) requests in ([\d.]+)s", text).groups()
    figures = Figures()
    # To look at it costs a server with much memory more than one with little: not while it is under load.
    figures.add(int(count), float(seconds), cpu, memory_kib(server.pid))
    return figures


def contest(what, sides, connections, seconds, field=None):
    """The median figures of each side by name, of so many seconds that are taken in turn, after one that is not counted: the
    machine's pace changes from second to second. A side is a name, a server, a target."""
    print(f"{what} ", end="", file=sys.stderr, flush=True)
    taken = {name: [] for name, _, _ in sides}
    for second in range(1 + seconds):
        turn = second % len(sides)
        for name, server, target in sides[turn:] + sides[:turn]:
            taken[name].append(load(server, target, connections, 1, field))
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {name: sorted(figures[1:], key=lambda each: each.rate)[seconds // 2] for name, figures in taken.items()}

"""Long measurements of a running server, which CI does not run: python .ci/load.py soak|overload|throughput [OPTIONS] PHOTO...

    soak        mixed calls for an hour: does memory grow, do descriptors, do waits?
    overload    what is answered, and how fast, when more arrives than can be done
    throughput  calls a second by 1 to 64 clients, and how much that is of what the engine's CPU time (--engine-ms) would allow

Starts `lumatrace` (target/release, or --binary) in a folder of its own, with its metrics on, and stops it. Needs Python 3.11 alone.
With --split, the server and its PostgreSQL have core 0, and this generator core 1.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

BOUNDARY = "lumatrace-load"
UNLIMITED = {f"LUMATRACE_RATE_{limit}": "0" for limit in ("PER_SECOND", "BURST", "PER_HOUR")}


class Server:
    """A server in a folder of its own, and what can be asked about its process."""

    def __init__(self, binary, split, flags):
        self.folder = Path(tempfile.mkdtemp(prefix="lumatrace-load-"))
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        environment = {
            **os.environ,
            **UNLIMITED,
            "LUMATRACE_DATA_DIR": str(self.data),
            "LUMATRACE_LISTEN": "127.0.0.1:0",
            "LUMATRACE_METRICS_LISTEN": "127.0.0.1:0",
            "LUMATRACE_LOG_FORMAT": "json",
        }
        environment.pop("DATABASE_URL", None)
        self.log = self.folder / "log"
        cores = (lambda: os.sched_setaffinity(0, {0})) if split else None
        self.process = subprocess.Popen(
            [binary, *flags], env=environment, stdout=subprocess.PIPE, stderr=self.log.open("w"), text=True, preexec_fn=cores
        )
        self.host, self.port = self.address(r"listening on http://(\S+)", self.process.stdout)
        with self.log.open() as lines:
            self.metrics = self.address(r"metrics on http://([^/]+)/metrics", lines)
        if split:
            os.sched_setaffinity(0, {1})

    def address(self, pattern, lines):
        for line in lines:
            if found := re.search(pattern, line):
                host, port = found.group(1).rsplit(":", 1)
                return host, int(port)
        raise SystemExit(self.log.read_text())

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def footprint(self):
        """Resident MB, open descriptors, threads."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        member = lambda name: int(re.search(rf"{name}:\s+(\d+)", status).group(1))
        files = len(os.listdir(f"/proc/{self.process.pid}/fd"))
        return member("VmRSS") / 1024, files, member("Threads")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(120)
        elsewhere = self.data / "postgres-location"
        if elsewhere.exists():
            shutil.rmtree(elsewhere.read_text().strip(), ignore_errors=True)
        errors = [line for line in self.log.read_text().splitlines() if '"level":"ERROR"' in line]
        shutil.rmtree(self.folder)
        return code, errors


class Client:
    """HTTP/1.1 by hand, so that what is measured is the server; connections are kept."""

    def __init__(self, host, port):
        self.address = (host, port)
        self.idle = []
        self.token = None

    async def call(self, method, path, body=b"", content_type=None):
        """Status, head and body of the answer."""
        lines = [f"{method} {path} HTTP/1.1", "host: load", f"content-length: {len(body)}"]
        if self.token:
            lines.append(f"authorization: Bearer {self.token}")
        if content_type:
            lines.append(f"content-type: {content_type}")
        message = "\r\n".join([*lines, "", ""]).encode() + body
        while self.idle:
            reader, writer = self.idle.pop()
            # The server closes what nobody uses.
            if not reader.at_eof():
                break
            writer.close()
        else:
            reader, writer = await asyncio.open_connection(*self.address, limit=1 << 22)

        async def send():
            try:
                writer.write(message)
                await writer.drain()
            except ConnectionError:
                pass

        sending = asyncio.ensure_future(send())
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = re.search(r"content-length: (\d+)", head)
            answer = await reader.readexactly(int(length.group(1))) if length else b""
        except (OSError, EOFError):
            sending.cancel()
            writer.close()
            raise
        if "connection: close" in head:
            sending.cancel()
            writer.close()
        else:
            await sending
            self.idle.append((reader, writer))
        return int(head[9:12]), head, answer

    async def sign_in(self, credentials):
        status, _, answer = await self.call("POST", "/api/v1/auth/login", json.dumps(credentials).encode(), "application/json")
        assert status == 200, answer
        self.token = json.loads(answer)["token"]

    async def send(self, operation, image, photo=None):
        body = form({"image": image} | ({"photoId": photo.encode()} if photo else {}))
        return await self.call("POST", f"/api/v1/photos/{operation}", body, f"multipart/form-data; boundary={BOUNDARY}")


def form(parts):
    """A multipart body; the image is sent as a file."""
    pieces = []
    for name, value in parts.items():
        file = '; filename="photo"' if name == "image" else ""
        pieces += [f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"{file}\r\n\r\n'.encode(), value, b"\r\n"]
    return b"".join([*pieces, f"--{BOUNDARY}--\r\n".encode()])


def photo_of(head):
    return re.search(r"x-photo-id: (\S+)", head).group(1)


class Soak:
    """Counts what calls were answered with, and whether that is what they must be."""

    def __init__(self, client, images, pause):
        self.client, self.images, self.pause = client, images, pause
        self.answers, self.wrong, self.waits = {}, [], []

    async def expect(self, name, wanted, call):
        began = time.monotonic()
        status, head, answer = await call
        self.waits.append(time.monotonic() - began)
        self.answers[name, status] = self.answers.get((name, status), 0) + 1
        if status not in wanted:
            self.wrong.append((name, status, answer[:200]))
        await asyncio.sleep(self.pause)
        return head, answer

    async def verdict(self, wanted, image, photo):
        _, answer = await self.expect("verify", {200}, self.client.send("verify", image, photo))
        if (found := json.loads(answer)["verdict"]) != wanted:
            self.wrong.append(("verdict", wanted, found))

    async def client_that_hangs_up(self, image):
        _, writer = await asyncio.open_connection(*self.client.address)
        head = f"POST /api/v1/photos/protect HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {self.client.token}\r\ncontent-length: {len(image)}\r\n\r\n"
        writer.write(head.encode() + image[: len(image) // 2])
        await writer.drain()
        writer.close()

    async def walk(self, until, credentials):
        """What clients do, in one round: protect, verify, find again, list, damage, delete, hang up."""
        before = None
        while time.monotonic() < until:
            image = random.choice(self.images)
            await self.client.sign_in(credentials)
            head, file = await self.expect("protect", {200}, self.client.send("protect", image))
            photo = photo_of(head)
            await self.verdict("INTACT", file, photo)
            _, answer = await self.expect("identify", {200}, self.client.send("identify", file))
            if photo not in [match["photoId"] for match in json.loads(answer)["matches"]]:
                self.wrong.append(("identify", photo, answer[:200]))
            await self.expect("list", {200}, self.client.call("GET", "/api/v1/photos?limit=50"))
            damaged = bytearray(file)
            for _ in range(20):
                damaged[random.randrange(len(damaged))] ^= 0xFF
            await self.expect("damaged", {200, 400, 413}, self.client.send("verify", bytes(damaged), photo))
            await self.expect("no picture", {400}, self.client.send("protect", b"no picture"))
            await self.client_that_hangs_up(image)
            if before:
                await self.expect("delete", {204}, self.client.call("DELETE", f"/api/v1/photos/{before}"))
            before = photo


def slope(points):
    """Least squares of (hours, value): change an hour."""
    count = len(points)
    mean_x, mean_y = (sum(point[axis] for point in points) / count for axis in (0, 1))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


async def soak(server, images, options):
    client = Client(server.host, server.port)
    credentials = json.loads((server.data / "demo-credentials.json").read_text())
    await client.sign_in(credentials)
    work = Soak(client, images, options.pause)
    began = time.monotonic()
    walks = [asyncio.ensure_future(work.walk(began + options.seconds, credentials)) for _ in range(options.clients)]
    points, step = [], max(options.seconds / 12, 5)
    print(f"{'minute':>6} {'calls':>7} {'p50 ms':>7} {'p99 ms':>7} {'MB':>6} {'files':>5} {'threads':>7}")
    seen = 0
    while not all(walk.done() for walk in walks):
        await asyncio.wait(walks, timeout=step, return_when=asyncio.ALL_COMPLETED)
        for walk in walks:
            if walk.done():
                walk.result()
        waits = sorted(work.waits[seen:]) or [0.0]
        seen = len(work.waits)
        hours = (time.monotonic() - began) / 3600
        # The least of some looks: a large picture that is being worked on is no growth.
        looks = []
        for _ in range(20):
            looks.append(server.footprint())
            await asyncio.sleep(0.1)
        memory, files, threads = (min(values) for values in zip(*looks, strict=True))
        points.append((hours, memory, files))
        p50, p99 = (waits[int(len(waits) * part)] * 1000 for part in (0.5, 0.99))
        print(f"{hours * 60:6.1f} {seen:7} {p50:7.0f} {p99:7.0f} {memory:6.1f} {files:5} {threads:7}", flush=True)
    for (name, status), count in sorted(work.answers.items()):
        print(f"{name:>12} {status}: {count}")
    later = points[len(points) // 4 :]
    growth, more = slope([(x, y) for x, y, _ in later]), slope([(x, z) for x, _, z in later])
    print(f"after the first quarter: {growth:+.1f} MB and {more:+.1f} descriptors an hour; wrong answers: {len(work.wrong)}")
    for wrong in work.wrong[:10]:
        print("wrong:", *wrong)


async def overload(server, images, options):
    client = Client(server.host, server.port)
    await client.sign_in(json.loads((server.data / "demo-credentials.json").read_text()))
    image = images[0]

    async def one(results):
        began, status = time.monotonic(), 0
        try:
            status, head, _ = await asyncio.wait_for(client.send("protect", image), 120)
            if status in (429, 503) and "retry-after:" not in head:
                status = -2
        except (OSError, EOFError, TimeoutError):
            status = -1
        results.append((time.monotonic(), status, time.monotonic() - began))

    async def closed(clients, seconds):
        results, end = [], time.monotonic() + seconds

        async def loop():
            while time.monotonic() < end:
                await one(results)

        await asyncio.gather(*(loop() for _ in range(clients)))
        return sum(status == 200 for _, status, _ in results) / seconds

    async def ask_whether_it_lives(waits, stop):
        while not stop.is_set():
            began, probe = time.monotonic(), Client(server.host, server.port)
            try:
                await asyncio.wait_for(probe.call("GET", "/livez"), 10)
                waits.append(time.monotonic() - began)
            except (OSError, EOFError, TimeoutError):
                waits.append(10.0)
            for _, writer in probe.idle:
                writer.close()
            await asyncio.sleep(0.02)

    # Under the same probes as later: they cost what a call costs that does nothing.
    stop = asyncio.Event()
    lives = asyncio.ensure_future(ask_whether_it_lives([], stop))
    await closed(2, 3)
    peak = await closed(2, options.seconds)
    stop.set()
    await lives
    print(f"peak {peak:.1f} a second, closed loop")
    print(f"{'load':>5} {'sent/s':>7} {'good/s':>7} {'of peak':>7} {'refused/s':>9} {'broken':>6} {'livez p99 ms':>12} {'well after s':>12}")
    for times in options.times:
        rate, results, calls, waits, stop = peak * times, [], [], [], asyncio.Event()
        lives = asyncio.ensure_future(ask_whether_it_lives(waits, stop))
        began = time.monotonic()
        while (passed := time.monotonic() - began) < options.seconds:
            running = sum(not call.done() for call in calls)
            while len(calls) < passed * rate and running < 400:
                calls.append(asyncio.ensure_future(one(results)))
                running += 1
            await asyncio.sleep(0.002)
        end = time.monotonic()
        stop.set()
        await lives
        within = [status for at, status, _ in results if at <= end]
        await asyncio.wait(calls, timeout=120)
        # Well again: one call after the other is answered as fast as before.
        recovered, after = None, time.monotonic()
        while recovered is None and time.monotonic() < after + 60:
            lone = []
            await one(lone)
            if lone[0][1] == 200 and lone[0][2] < 4 / peak:
                recovered = time.monotonic() - end
        seconds = end - began
        good = within.count(200) / seconds
        refused = sum(status in (429, 503) for status in within) / seconds
        broken = sum(status in (-1, -2) for _, status, _ in results)
        p99 = sorted(waits)[int(len(waits) * 0.99)] * 1000
        well = "never" if recovered is None else f"{recovered:.1f}"
        print(f"{times:5} {len(calls) / seconds:7.1f} {good:7.1f} {good / peak:7.0%} {refused:9.1f} {broken:6} {p99:12.0f} {well:>12}", flush=True)


async def throughput(server, images, options):
    client = Client(server.host, server.port)
    await client.sign_in(json.loads((server.data / "demo-credentials.json").read_text()))
    _, head, file = await client.send("protect", images[0])
    photo = photo_of(head)
    # Of one picture alone, each call would count more copies.
    pictures = itertools.cycle(images)
    calls = {"protect": lambda: client.send("protect", next(pictures)), "verify": lambda: client.send("verify", file, photo)}
    print(f"{'':>8} {'clients':>7} {'calls/s':>8} {'server CPU ms':>13} {'cores busy':>10} {'of cores / engine CPU':>21} {'refused':>7}")
    for operation, engine_ms in zip(calls, options.engine_ms, strict=True):
        for clients in (1, 2, 8, 64):
            # A client alone keeps one core busy at most.
            cores = min(clients, 1 if options.split else os.cpu_count())
            answers, end = {}, 0.0

            async def loop():
                while time.monotonic() < end:
                    status, head, _ = await calls[operation]()
                    answers[status] = answers.get(status, 0) + 1
                    if wait := re.search(r"retry-after: (\d+)", head):
                        await asyncio.sleep(min(int(wait.group(1)), end - time.monotonic()))

            # The first seconds open connections and start threads.
            for seconds in (2, options.seconds):
                answers.clear()
                began, cpu = time.monotonic(), server.cpu_seconds()
                end = began + seconds
                await asyncio.gather(*(loop() for _ in range(clients)))
            took, good = time.monotonic() - began, answers.pop(200, 0)
            cpu_ms = (server.cpu_seconds() - cpu) / good * 1000
            share = good / took / (cores / engine_ms * 1000)
            print(f"{operation:>8} {clients:7} {good / took:8.1f} {cpu_ms:13.1f} {cpu_ms * good / took / cores / 1000:10.0%} {share:21.0%} {sum(answers.values()):7}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["soak", "overload", "throughput"])
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--binary", default="target/release/lumatrace")
    parser.add_argument("--seconds", type=float, help="of the soak (3600), of each load (15), or of each row (10)")
    parser.add_argument("--clients", type=int, default=3, help="of the soak, each one call after the other")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds after each call of the soak")
    parser.add_argument("--times", type=float, nargs="+", default=[0.5, 1, 2, 5, 10], help="loads, as multiples of the peak")
    parser.add_argument("--engine-ms", type=float, nargs=2, default=[44, 14], help="CPU ms of protect and verify, as `--bench engine` says")
    parser.add_argument("--split", action="store_true")
    parser.add_argument("--flag", action="append", default=[], help="of the server, as --flag=--workers=1")
    options = parser.parse_args()
    options.seconds = options.seconds or {"soak": 3600, "overload": 15, "throughput": 10}[options.what]
    server = Server(options.binary, options.split, options.flag)
    print("API http://{}:{}, metrics http://{}:{}/metrics".format(server.host, server.port, *server.metrics), flush=True)
    try:
        images = [path.read_bytes() for path in options.photos]
        asyncio.run({"soak": soak, "overload": overload, "throughput": throughput}[options.what](server, images, options))
    finally:
        code, errors = server.stop()
    print(f"the server ended with {code} and logged {len(errors)} errors")
    for line in errors[:5]:
        print(line)


if __name__ == "__main__":
    main()

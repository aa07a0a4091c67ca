#!/usr/bin/env python3
"""Protects all photos of a folder, several at a time, and goes on where it was interrupted.

    python3 examples/batch/batch.py FOLDER OUTPUT [--jobs 4]

Protected files go to OUTPUT under their names; OUTPUT/photos.csv has a line for each: file, its SHA-256, photo id, SHA-256 of the
protected file. A file that has its line is not sent again. Each file has an Idempotency-Key of its own, made of its name and
content, so that a photo whose answer was lost when the run was interrupted is not protected twice within a day: the server sends
the same bytes again.

Needs requests (pip install requests). LUMATRACE_URL, LUMATRACE_TENANT, LUMATRACE_USERNAME and LUMATRACE_PASSWORD say where and
whom.
"""

import argparse
import csv
import hashlib
import os
import signal
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import requests

URL = os.environ.get("LUMATRACE_URL", "http://127.0.0.1:8081")
KINDS = {".jpg", ".jpeg", ".png", ".webp"}
# How long a photo is tried. A key whose sender was killed stays in progress for half a minute.
PATIENCE = 120
COLUMNS = ["file", "sha256", "photoId", "protectedSha256"]


class Session:
    """A login that all threads share, made anew when its token has ended."""

    def __init__(self):
        self.lock = threading.Lock()
        self.token = None

    def authorization(self, stale=None):
        with self.lock:
            if self.token is None or self.token == stale:
                login = {name: os.environ[f"LUMATRACE_{variable}"] for name, variable in
                         (("tenantId", "TENANT"), ("username", "USERNAME"), ("password", "PASSWORD"))}
                answer = requests.post(f"{URL}/api/v1/auth/login", json=login, timeout=60)
                answer.raise_for_status()
                self.token = answer.json()["token"]
            return self.token


def protect(session, stop, name, content, sha256):
    """Sends one photo until it is protected; gives back the answer, or a sentence that says why not."""
    key = hashlib.sha256(f"{name}\0{sha256}".encode()).hexdigest()[:64]
    token = session.authorization()
    started, wait = time.monotonic(), 1
    while time.monotonic() - started < PATIENCE:
        if stop.is_set():
            return "interrupted"
        try:
            answer = requests.post(f"{URL}/api/v1/photos/protect", timeout=300, files={"image": (Path(name).name, content)},
                                   headers={"Authorization": f"Bearer {token}", "Idempotency-Key": key})
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            stop.wait(wait)
            wait = min(2 * wait, 30)
            continue
        if answer.status_code == 401:
            token = session.authorization(stale=token)
        elif "Retry-After" in answer.headers and answer.status_code in (409, 429, 503):
            stop.wait(int(answer.headers["Retry-After"]))
        elif answer.ok:
            return answer
        else:
            problem = answer.json()
            return f"{problem['code']}: {problem['message']}"
    return f"no answer in {PATIENCE} seconds"


def work(session, stop, folder, output, name):
    content = (folder / name).read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    answer = protect(session, stop, name, content, sha256)
    if isinstance(answer, str):
        return name, None, answer
    path = output / name
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(answer.content)
    partial.replace(path)
    row = [name, sha256, answer.headers["X-Photo-Id"], answer.headers["X-Content-SHA256"]]
    return name, row, None


def bar(done, total, failed, started):
    width = 40
    filled = width * done // max(total, 1)
    rate = done / max(time.monotonic() - started, 1e-6)
    text = f"\r[{'#' * filled}{'.' * (width - filled)}] {done}/{total}, {failed} failed, {rate:.1f} a second"
    print(text, end="", file=sys.stderr, flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("output", type=Path)
    arguments.add_argument("--jobs", type=int, default=4, help="photos at a time")
    options = arguments.parse_args()
    names = sorted(str(path.relative_to(options.folder)) for path in options.folder.rglob("*")
                   if path.suffix.lower() in KINDS)
    options.output.mkdir(parents=True, exist_ok=True)
    table = options.output / "photos.csv"
    finished = set()
    if table.exists():
        # A line that was cut off by an interruption has no end and does not count.
        content = table.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            table.write_bytes(whole)
        with table.open(newline="") as lines:
            finished = {row["file"] for row in csv.DictReader(lines)}
    todo = [name for name in names if name not in finished]
    print(f"{len(names)} photos, {len(finished)} of them protected before", file=sys.stderr)

    session, stop = Session(), threading.Event()
    started, done, failed = time.monotonic(), 0, []
    new = not table.exists() or table.stat().st_size == 0
    with table.open("a", newline="") as lines, ThreadPoolExecutor(options.jobs) as pool:
        writer = csv.writer(lines)
        if new:
            writer.writerow(COLUMNS)
        waiting, rest = set(), iter(todo)
        try:
            while True:
                # As many in flight as there are jobs: memory does not grow with the folder.
                for name in rest:
                    waiting.add(pool.submit(work, session, stop, options.folder, options.output, name))
                    if len(waiting) >= options.jobs:
                        break
                if not waiting:
                    break
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ready:
                    name, row, reason = future.result()
                    if row:
                        writer.writerow(row)
                        lines.flush()
                        os.fsync(lines.fileno())
                        done += 1
                    else:
                        failed.append((name, reason))
                    bar(done, len(todo), len(failed), started)
        except KeyboardInterrupt:
            # Once is enough: what is under way comes to its end.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            stop.set()
            print("\ninterrupted; run it again to go on", file=sys.stderr)
            sys.exit(130)
    print(file=sys.stderr)
    for name, reason in failed:
        print(f"{name}: {reason}", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

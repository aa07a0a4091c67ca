#!/usr/bin/env python3
"""The walk of a client in Python: login, protect, verify, logout.

    python3 examples/clients/walk.py PHOTO

Needs requests (pip install requests). LUMATRACE_URL, LUMATRACE_TENANT, LUMATRACE_USERNAME and LUMATRACE_PASSWORD say where and
whom. Protects under an Idempotency-Key, so that sending again after a broken connection cannot protect twice.
"""

import os
import sys
import time
import uuid
from pathlib import Path

import requests

URL = os.environ.get("LUMATRACE_URL", "http://127.0.0.1:8081")
TRIES = 5


def send(session, method, path, **request):
    """Sends a request; again after a lost connection, 409 in progress, 429 or 503, when the server says so."""
    for attempt in range(TRIES):
        try:
            answer = session.request(method, URL + path, timeout=120, **request)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            if attempt == TRIES - 1:
                raise
            time.sleep(2**attempt)
            continue
        if "Retry-After" in answer.headers and answer.status_code in (409, 429, 503):
            time.sleep(int(answer.headers["Retry-After"]))
            continue
        if not answer.ok:
            problem = answer.json()
            sys.exit(f"{problem['code']}: {problem['message']} ({problem['action']}) traceId {problem['traceId']}")
        return answer
    sys.exit(f"{path}: no answer after {TRIES} tries")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: walk.py PHOTO")
    photo = Path(sys.argv[1]).read_bytes()
    session = requests.Session()
    login = {name: os.environ[f"LUMATRACE_{variable}"]
             for name, variable in (("tenantId", "TENANT"), ("username", "USERNAME"), ("password", "PASSWORD"))}
    token = send(session, "POST", "/api/v1/auth/login", json=login).json()["token"]
    session.headers["Authorization"] = f"Bearer {token}"

    protected = send(session, "POST", "/api/v1/photos/protect",
                     headers={"Idempotency-Key": str(uuid.uuid4())},
                     files={"image": photo}, data={"request": '{"deviceModel":"walk.py"}'})
    photo_id = protected.headers["X-Photo-Id"]
    print(f"protected {photo_id}, {protected.headers['X-Watermark-PSNR']} dB, {len(protected.content)} bytes")

    verdict = send(session, "POST", "/api/v1/photos/verify",
                   files={"image": protected.content}, data={"photoId": photo_id}).json()
    print(f"verify: authentic {verdict['authentic']}, {verdict['verdict']}, {verdict['message']}")
    print(f"content credentials: {verdict['c2paStatus']}, {verdict['c2pa']['trust']}, {verdict['c2pa']['manifestId']}")
    send(session, "POST", "/api/v1/auth/logout")
    if not (verdict["authentic"] and verdict["verdict"] == "INTACT"):
        sys.exit("the protected file should be authentic and intact")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Stands between clients and the server, and breaks off in the middle of the first answer to each Idempotency-Key.

    .ci/lossy_proxy.py HOST:PORT

Prints its own address, then a line for each request with a key: "lost", "replayed", or what else came.
"""

import http.client
import http.server
import sys

UPSTREAM = sys.argv[1]
SEEN = set()


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        if "Transfer-Encoding" in self.headers:
            self.send_error(411)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream = http.client.HTTPConnection(UPSTREAM, timeout=120)
        upstream.request("POST", self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        content = answer.read()
        key = self.headers.get("Idempotency-Key")
        replayed = answer.headers.get("Idempotency-Replayed") == "true"
        lost = key is not None and key not in SEEN
        if lost:
            SEEN.add(key)
        if key:
            print("lost" if lost else "replayed" if replayed else "not replayed", answer.status, flush=True)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if lost else content)
        self.close_connection = lost

    def log_message(self, *_):
        pass


proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
print(f"http://127.0.0.1:{proxy.server_port}", flush=True)
proxy.serve_forever()

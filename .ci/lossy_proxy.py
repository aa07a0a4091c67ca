#!/usr/bin/env python3
"""Stands between clients and the server, and loses the first answer to each Idempotency-Key, as a broken connection does.

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
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream = http.client.HTTPConnection(UPSTREAM)
        upstream.request("POST", self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        content = answer.read()
        key = self.headers.get("Idempotency-Key")
        if key and key not in SEEN:
            SEEN.add(key)
            print("lost", answer.status, flush=True)
            self.close_connection = True
            return
        if key:
            replayed = answer.headers.get("Idempotency-Replayed") == "true"
            print("replayed" if replayed else "not replayed", answer.status, flush=True)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
print(f"http://127.0.0.1:{proxy.server_port}", flush=True)
proxy.serve_forever()

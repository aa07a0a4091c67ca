#!/usr/bin/env node
// The walk of a client in JavaScript: login, protect, verify, logout. Node 20 or a browser's fetch; no packages.
//
//     node examples/clients/walk.mjs PHOTO
//
// LUMATRACE_URL, LUMATRACE_TENANT, LUMATRACE_USERNAME and LUMATRACE_PASSWORD say where and whom. Protects under an
// Idempotency-Key, so that sending again after a broken connection cannot protect twice.

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const url = process.env.LUMATRACE_URL ?? "http://127.0.0.1:8081";
const tries = 5;

/** Sends a request and reads the answer; again after a lost connection, 409 in progress, 429 or 503, when the server says so. */
async function send(path, request) {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    let answer, content;
    try {
      answer = await fetch(url + path, { method: "POST", signal: AbortSignal.timeout(120_000), ...request });
      content = Buffer.from(await answer.arrayBuffer());
    } catch (error) {
      if (attempt === tries - 1) throw error;
      await sleep(1000 * 2 ** attempt);
      continue;
    }
    const wait = answer.headers.get("retry-after");
    if (wait && [409, 429, 503].includes(answer.status)) {
      await sleep(1000 * Number(wait));
      continue;
    }
    if (!answer.ok) {
      const { code, message, action, traceId } = JSON.parse(content);
      throw new Error(`${code}: ${message} (${action}) traceId ${traceId}`);
    }
    return { headers: answer.headers, content };
  }
  throw new Error(`${path}: no answer after ${tries} tries`);
}

const [file] = process.argv.slice(2);
if (!file) throw new Error("usage: walk.mjs PHOTO");
const { LUMATRACE_TENANT: tenantId, LUMATRACE_USERNAME: username, LUMATRACE_PASSWORD: password } = process.env;
const login = await send("/api/v1/auth/login", {
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ tenantId, username, password }),
});
const authorization = `Bearer ${JSON.parse(login.content).token}`;

const upload = new FormData();
upload.append("image", new Blob([await readFile(file)]), "photo");
upload.append("request", JSON.stringify({ deviceModel: "walk.mjs" }));
const sent = await send("/api/v1/photos/protect", {
  headers: { authorization, "idempotency-key": randomUUID() },
  body: upload,
});
const photoId = sent.headers.get("x-photo-id");
console.log(`protected ${photoId}, ${sent.headers.get("x-watermark-psnr")} dB, ${sent.content.length} bytes`);

const question = new FormData();
question.append("image", new Blob([sent.content]), "photo");
question.append("photoId", photoId);
const answer = await send("/api/v1/photos/verify", { headers: { authorization }, body: question });
const verdict = JSON.parse(answer.content);
console.log(`verify: authentic ${verdict.authentic}, ${verdict.verdict}, ${verdict.message}`);
console.log(`content credentials: ${verdict.c2paStatus}, ${verdict.c2pa.trust}, ${verdict.c2pa.manifestId}`);
await send("/api/v1/auth/logout", { headers: { authorization } });
if (!verdict.authentic || verdict.verdict !== "INTACT") {
  throw new Error("the protected file should be authentic and intact");
}

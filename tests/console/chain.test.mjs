// The check of an audit log's chain, as the browser does it.
import test from "node:test";
import assert from "node:assert/strict";
import * as c from "../../src/http/console/assets/js/chain.js";
async function log(n, tenant = "acme") {
  let p = "0".repeat(64),
    out = [];
  for (let i = 1; i <= n; i++) {
    const e = {
      tenantId: tenant,
      sequence: i,
      eventId: `e${i}`,
      at: "2027-01-15T08:00:00.000000Z",
      actor: 'account:Zoë "press"',
      action: "photo.protected",
      subject: "photo:1",
      detail: { b: "2", a: "ü\u2028" },
      previousHash: p,
    };
    e.hash = await c.eventHash(e);
    p = e.hash;
    out.push(e);
  }
  return out;
}
async function* batches(list, size = 3) {
  for (let i = 0; i < list.length; i += size) yield list.slice(i, i + size).map((e) => (typeof e === "string" ? e : JSON.stringify(e)));
}
const run = (list, about = {}) => c.check(batches(list), { tenant: "acme", head: about.head ?? { sequence: 0, hash: "" }, ...about });
test("the hash of an event is the one in docs/audit.md", async () => {
  const e = JSON.parse(
    String.raw`{"action":"photo.protected","actor":"account:Zoë \"press\"","at":"2027-01-15T08:00:00.000000Z","detail":{"format":"jpg","width":"640"},"eventId":"00000000-0000-0000-0000-000000000001","previousHash":"0000000000000000000000000000000000000000000000000000000000000000","sequence":1,"subject":"photo:00000000-0000-0000-0000-000000000007","tenantId":"acme"}`,
  );
  assert.equal(await c.eventHash(e), "a6345e8dd96b23ac1818c7ed39df74f482fc0362bc2f48423e90e6b78fab475a");
});
test("a whole log is whole up to its head", async () => {
  const l = await log(10);
  const h = { sequence: 10, hash: l[9].hash };
  const r = await run(l, { head: h, kept: { sequence: 4, hash: l[3].hash } });
  assert.deepEqual(r, { whole: h, broken: null, kept: "held", keptAt: 4 });
});
test("a changed event is named", async () => {
  const l = await log(10);
  l[4] = { ...l[4], actor: "account:eve" };
  const r = await run(l, { head: { sequence: 10, hash: l[9].hash } });
  assert.deepEqual(r.broken, { reason: "changed", sequence: 5 });
  assert.equal(r.whole.sequence, 4);
});
test("one whose hash was changed with it shows at the next", async () => {
  const l = await log(10);
  l[4] = { ...l[4], actor: "account:eve" };
  l[4].hash = await c.eventHash(l[4]);
  const r = await run(l);
  assert.deepEqual(r.broken, { reason: "link", sequence: 6 });
});
test("missing events are named", async () => {
  const l = await log(10);
  l.splice(4, 2);
  const r = await run(l);
  assert.deepEqual(r.broken, { reason: "missing", sequence: 5, until: 6 });
});
test("a missing first event is named", async () => {
  const l = await log(10);
  l.shift();
  assert.deepEqual((await run(l)).broken, { reason: "missing", sequence: 1, until: 1 });
});
test("a moved event is named, and after which it stands", async () => {
  const l = await log(10);
  const [e] = l.splice(4, 1);
  l.splice(7, 0, e);
  const r = await run(l);
  assert.deepEqual(r.broken, { reason: "moved", sequence: 5, after: 8 });
});
test("an event that is there twice is named", async () => {
  const l = await log(10);
  l.splice(7, 0, l[2]);
  const r = await run(l);
  assert.deepEqual(r.broken, { reason: "moved", sequence: 3, after: 7 });
});
test("another tenant's log is none", async () => {
  const l = await log(3, "bolt");
  assert.equal((await run(l)).broken.reason, "foreign");
});
test("a log that was cut off, or has another head, is told", async () => {
  const l = await log(10);
  const h = { sequence: 10, hash: l[9].hash };
  assert.deepEqual((await run(l.slice(0, 7), { head: h })).broken, { reason: "cut", sequence: 8, until: 10 });
  assert.deepEqual((await run(l, { head: { sequence: 10, hash: "f".repeat(64) } })).broken, { reason: "head", sequence: 10 });
});
test("what is no event is named and goes no further", async () => {
  const l = await log(4);
  for (const bad of [
    "{",
    "null",
    "[]",
    '{"sequence":3,"hash":"x"}',
    "[".repeat(100000),
    JSON.stringify({ ...l[2], detail: { a: { a: { a: { a: { a: { a: { a: { a: { a: {} } } } } } } } } } }),
  ]) {
    l[2] = bad;
    const r = await run(l);
    assert.deepEqual(r.broken, { reason: "unreadable", sequence: 3 }, bad.slice(0, 30));
  }
});
test("a head that was noted earlier is compared", async () => {
  const l = await log(6);
  const k = (kept) => run(l, { kept }).then((r) => r.kept);
  assert.equal(await k({ sequence: 3, hash: "0".repeat(64) }), "other");
  assert.equal(await k({ sequence: 9, hash: l[0].hash }), "beyond");
  assert.equal(await k({ sequence: null, hash: l[3].hash }), "held");
  assert.equal(await k({ sequence: null, hash: "0".repeat(64) }), "absent");
  l.splice(1, 1);
  assert.equal(await k({ sequence: 5, hash: l[3].hash }), "unreached");
});
test("a noted head is read", () => {
  const h = "AB".repeat(32);
  assert.deepEqual(c.readHead(` 0012:${h} `), { sequence: 12, hash: h.toLowerCase() });
  assert.deepEqual(c.readHead(h), { sequence: null, hash: h.toLowerCase() });
  for (const x of ["", "12", `x:${h}`, h + "0", `1:${h.slice(1)}`]) assert.equal(c.readHead(x), null, x);
});
test("lines are read as they come, and none is longer than memory allows", async () => {
  const bytes = new TextEncoder().encode("a\nüß€😀\n\nlast");
  for (const n of [1, 2, 3, 100]) {
    const s = new ReadableStream({
      start(k) {
        for (let i = 0; i < bytes.length; i += n) k.enqueue(bytes.slice(i, i + n));
        k.close();
      },
    });
    const out = [];
    for await (const b of c.lines(s)) out.push(...b);
    assert.deepEqual(out, ["a", "üß€😀", "last"]);
  }
  let cancelled = false;
  const s = new ReadableStream({
    pull(k) {
      k.enqueue(new Uint8Array(1 << 16).fill(97));
    },
    cancel() {
      cancelled = true;
    },
  });
  const out = [];
  for await (const b of c.lines(s)) out.push(...b);
  assert.equal(out.length, 1);
  assert.ok(cancelled);
});

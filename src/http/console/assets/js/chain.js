// The chain of the audit log, checked here as docs/audit.md says: the server is not asked whether its own log is whole.
// Pure: it knows no network and no page.
import { canonical } from "./canonical.js";

/**
 * @typedef {{ tenantId: string, sequence: number, eventId: string, at: string, actor: string, action: string, subject: string,
 *   detail: Record<string, string>, previousHash: string, hash: string }} AuditEvent
 * @typedef {{ sequence: number, hash: string }} Head The place and hash of an event.
 * @typedef {{ sequence: number | null, hash: string }} KeptHead One that was noted; whoever noted the hash alone has no place.
 * @typedef {"changed" | "link" | "missing" | "moved" | "foreign" | "unreadable" | "cut" | "head"} Reason
 * @typedef {{ reason: Reason, sequence: number, until?: number, after?: number }} Break The first place that is not right.
 * @typedef {"held" | "other" | "beyond" | "absent" | "unreached"} KeptResult
 * @typedef {{ whole: Head, broken: Break | null, kept: KeptResult | null, keptAt: number | null }} Checked
 */

const BEFORE_THE_FIRST = "0".repeat(64);
const LONGEST_LINE = 1 << 18;
const AT_ONCE = 128;
const BREATH = 24;
const HASH = /^[0-9a-f]{64}$/;

/** SHA-256 of an event's other members, as 64 hex digits. @param {AuditEvent} event */
export async function eventHash({ hash: _, ...members }) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonical(members)));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** `1204:a6345e…`, as `lumatrace audit verify --kept` takes it, or a hash alone. @param {string} text @returns {KeptHead | null} */
export function readHead(text) {
  const [, sequence, hash] = /^(?:0*(\d{1,15})\s*[:\s]\s*)?([0-9a-f]{64})$/i.exec(text.trim()) ?? [];
  return hash ? { sequence: sequence ? Number(sequence) : null, hash: hash.toLowerCase() } : null;
}

export const writeHead = (/** @type {Head} */ head) => `${head.sequence}:${head.hash}`;

/**
 * The lines of a stream, some at a time. A line without end is cut: it will be no event.
 * @param {ReadableStream<Uint8Array>} stream @returns {AsyncGenerator<string[]>}
 */
export async function* lines(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const parts = (rest + decoder.decode(value, { stream: !done })).split("\n");
      rest = done ? "" : parts.pop() ?? "";
      if (rest.length > LONGEST_LINE) yield [rest.slice(0, LONGEST_LINE)];
      const whole = parts.filter(Boolean);
      if (whole.length) yield whole;
      if (done || rest.length > LONGEST_LINE) return;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

const isText = (/** @type {unknown} */ value) => typeof value === "string";

/** Whether a value has the shape of an event: text, but for its place and an object of text. So no line can be nested deeply. */
function isEvent(/** @type {any} */ { sequence, detail, ...texts }) {
  const isObject = typeof detail === "object" && detail !== null && !Array.isArray(detail);
  return Number.isSafeInteger(sequence) && isObject && [...Object.values(texts), ...Object.values(detail)].every(isText) && HASH.test(texts.hash);
}

/** @param {string} line @returns {AuditEvent | null} */
function read(line) {
  try {
    const event = JSON.parse(line);
    return isEvent(event) ? event : null;
  } catch {
    return null;
  }
}

/** The event of a line with the hash that it ought to have. @param {string} line */
async function examine(line) {
  const event = read(line);
  return { event, hash: event && (await eventHash(event)) };
}

/**
 * What is wrong with an event after those that are whole.
 * @param {{ event: AuditEvent | null, hash: string | null }} examined @param {Head} whole @param {string} tenant @returns {Break | null}
 */
function fault({ event, hash }, whole, tenant) {
  const sequence = whole.sequence + 1;
  if (!event) return { reason: "unreadable", sequence };
  if (event.sequence > sequence) return { reason: "missing", sequence, until: event.sequence - 1 };
  if (event.sequence < sequence) return { reason: "moved", sequence: event.sequence, after: whole.sequence };
  if (event.tenantId !== tenant) return { reason: "foreign", sequence };
  if (event.hash !== hash) return { reason: "changed", sequence };
  if (event.previousHash !== whole.hash) return { reason: "link", sequence };
  return null;
}

/** The lines a few at a time, with a breath for the page every so many milliseconds. @param {AsyncIterable<string[]>} batches */
async function* gently(batches) {
  let since = performance.now();
  for await (const batch of batches) {
    for (let from = 0; from < batch.length; from += AT_ONCE) {
      yield batch.slice(from, from + AT_ONCE);
      if (performance.now() - since < BREATH) continue;
      await breath();
      since = performance.now();
    }
  }
}

/** Lets the page draw and hear. A timer alone would wait for a second in a tab that nobody looks at. */
function breath() {
  const { scheduler } = /** @type {any} */ (globalThis);
  return scheduler?.yield ? scheduler.yield() : new Promise((done) => setTimeout(done));
}

/**
 * Checks a log from its first event on, up to the first place that is not right.
 * @param {AsyncIterable<string[]>} batches its lines, oldest first
 * @param {{ tenant: string, head: Head, kept?: KeptHead | null, onProgress?: (whole: Head) => void, signal?: AbortSignal }} about
 *   `head` is where the server says that the log ended, before it was asked for it
 * @returns {Promise<Checked>}
 */
export async function check(batches, { tenant, head, kept = null, onProgress = () => {}, signal }) {
  /** @type {Head} */
  let whole = { sequence: 0, hash: BEFORE_THE_FIRST };
  /** @type {Break | null} */
  let broken = null;
  let met = /** @type {{ result: KeptResult, at: number } | null} */ (null);

  const take = (/** @type {Head} */ next) => {
    whole = { sequence: next.sequence, hash: next.hash };
    const same = next.hash === kept?.hash;
    if (kept && !met && (kept.sequence === null ? same : kept.sequence === next.sequence)) met = { result: same ? "held" : "other", at: next.sequence };
    if (next.sequence === head.sequence && next.hash !== head.hash) broken = { reason: "head", sequence: next.sequence };
  };

  search: for await (const batch of gently(batches)) {
    signal?.throwIfAborted();
    // After a gap one thing is left to find out: whether what is missing comes later, in another place.
    const examined = broken ? batch.map((line) => ({ event: read(line), hash: null })) : await Promise.all(batch.map(examine));
    let before = whole.sequence;
    for (const one of examined) {
      if (broken?.reason === "missing") {
        if (one.event?.sequence === broken.sequence) broken = { reason: "moved", sequence: broken.sequence, after: before };
      } else {
        broken = fault(one, whole, tenant);
        if (!broken) take(/** @type {AuditEvent} */ (one.event));
      }
      if (broken && broken.reason !== "missing") break search;
      before = one.event?.sequence ?? before;
    }
    onProgress(whole);
  }
  signal?.throwIfAborted();
  broken ??= whole.sequence < head.sequence ? { reason: "cut", sequence: whole.sequence + 1, until: head.sequence } : null;
  /** @type {KeptResult} */
  const unmet = broken ? "unreached" : kept?.sequence ? "beyond" : "absent";
  return { whole, broken, kept: kept ? met?.result ?? unmet : null, keptAt: met?.at ?? null };
}

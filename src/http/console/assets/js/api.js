// The seam. Screens call these and nothing else; each is one call of the public API, or of /console/session.
// A refusal is thrown as a Refusal: the API's own problem object, with the status and the seconds to wait.
import { t } from "./i18n.js";
import { stepUp } from "./session.js";

const V1 = "/api/v1";

/** @typedef {import("openapi").components["schemas"]} Schemas what the API answers, by docs/openapi.json */
/** @typedef {{ onProgress?: (share: number) => void, signal?: AbortSignal }} Upload */

/** What the API refused, in its own words. */
export class Refusal extends Error {
  /** @param {number} status @param {any} problem @param {number | null} retryAfter seconds */
  constructor(status, problem, retryAfter) {
    super(problem.message);
    Object.assign(this, problem, { status, retryAfter });
  }
}

/** No answer at all: the API has no words for it. */
const unreachable = () => new Refusal(0, { code: "UNREACHABLE", message: t("unreachable"), action: t("unreachable.action"), traceId: "" }, null);

function refusal(status, problem, retryAfter) {
  const known = problem && typeof problem.code === "string" ? problem : { code: `HTTP ${status}`, message: t("unreadable", { status }), action: t("unreachable.action"), traceId: "" };
  return new Refusal(status, known, Number(retryAfter) || null);
}

/** The session ended elsewhere: whoever shows the frame leads to sign-in, and back. */
function ended(error) {
  if (error.status === 401 && error.code !== "AUTH_FAILED") document.dispatchEvent(new CustomEvent("session-ended"));
  return error;
}

/** Calls again once after the password was given, where the API asks for it (RFC 9470). */
async function withStepUp(call) {
  try {
    return await call();
  } catch (error) {
    if (error.code !== "AUTH_REAUTHENTICATE") throw ended(error);
    await stepUp().catch(() => {
      throw error;
    });
    return call();
  }
}

async function send(method, address, body, headers = {}) {
  let response;
  try {
    response = await fetch(address, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw unreachable();
  }
  const text = await response.text();
  const json = parse(text);
  if (!response.ok) throw refusal(response.status, json, response.headers.get("Retry-After"));
  return json;
}

const call = (method, address, body) => withStepUp(() => send(method, address, body));
const get = (address, query = {}) => call("GET", address + search(query));

/** `?a=b` of what is not empty. */
function search(query) {
  const some = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return some.length ? `?${new URLSearchParams(some.map(([name, value]) => [name, String(value)]))}` : "";
}

/**
 * Sends a form with progress, which fetch does not give everywhere.
 * @param {string} address @param {FormData} form @param {Upload & { type?: XMLHttpRequestResponseType, headers?: Record<string, string> }} how
 * @returns {Promise<XMLHttpRequest>}
 */
function upload(address, form, { onProgress, signal, type = "json", headers = {} }) {
  return new Promise((done, fail) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.responseType = type;
    request.setRequestHeader("Accept", type === "json" ? "application/json" : "image/*, application/json");
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    request.upload.onload = () => onProgress?.(1);
    request.onerror = () => fail(unreachable());
    request.onabort = () => fail(new DOMException("", "AbortError"));
    request.onload = async () => {
      if (request.status < 300) return done(request);
      const problem = type === "json" ? request.response : parse(await request.response.text());
      fail(ended(refusal(request.status, problem, request.getResponseHeader("Retry-After"))));
    };
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function withImage(file, fields = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
  form.append("image", file, "image");
  return form;
}

// The session. Its token is in a cookie that no script can read.
export const session = () => send("GET", "/console/session");
/** Who is signed in, with the session: both in one turn, and without a session an ordinary refusal. */
export const caller = async () => {
  const [now, me] = await Promise.all([session(), send("GET", `${V1}/me`)]);
  return { session: now, me };
};
export const signIn = (credentials) => send("POST", "/console/session", credentials);
export const signOut = () => send("DELETE", "/console/session");

// The caller
/** @type {() => Promise<Schemas["Me"]>} */
export const me = () => get(`${V1}/me`);
/** @type {() => Promise<Schemas["TenantPolicy"]>} */
export const policy = () => get(`${V1}/tenant/policy`);
/** @type {(range: any) => Promise<Schemas["Usage"]>} */
export const usage = (range) => get(`${V1}/usage`, range);
export const changePassword = (currentPassword, newPassword) => call("POST", `${V1}/me/password`, { currentPassword, newPassword });
export const endMySessions = () => call("DELETE", `${V1}/me/sessions`);
/** Whether the server works: `/readyz` answers 503 with the same members when it does not. */
export const ready = async () => {
  const response = await fetch("/readyz", { cache: "no-store", headers: { Accept: "application/json" } });
  return { ok: response.ok, ...(parse(await response.text()) ?? {}) };
};
/** @type {() => Promise<Schemas["Keys"]>} */
export const keySet = () => get("/.well-known/jwks.json");

// Photos
/** @type {(filters?: any) => Promise<Schemas["PhotoPage"]>} */
export const photos = (filters = {}) => get(`${V1}/photos`, filters);
export const countPhotos = (filters = {}) => get(`${V1}/photos/count`, filters);
/** @type {(id: any) => Promise<Schemas["Photo"]>} */
export const photo = (id) => get(`${V1}/photos/${encodeURIComponent(id)}`);
/** @type {(id: any, label: any) => Promise<Schemas["Photo"]>} */
export const setLabel = (id, label) => call("PATCH", `${V1}/photos/${encodeURIComponent(id)}`, { label });
export const forget = (id) => call("DELETE", `${V1}/photos/${encodeURIComponent(id)}`);
export const manifestAddress = (id) => `${V1}/photos/${encodeURIComponent(id)}/manifest`;
export const manifest = (id) => get(manifestAddress(id), { format: "json" });

/** Adds what the console shows of a photo beside an answer about it, where the answer does not bring it. */
async function complete(answer, traceId) {
  const whole = { examinedAt: new Date().toISOString(), traceId, ...answer };
  const record = answer.protectedSha256 === undefined ? await photo(answer.photoId).catch(() => ({})) : {};
  const named = answer.c2pa.photoId;
  const other = answer.verdict === "CONFLICT" && named && named !== answer.photoId ? await photo(named).catch(() => /** @type {any} */ ({})) : {};
  return { ...record, ...whole, c2pa: { ...answer.c2pa, label: other.label } };
}

/** The tenant's photos whose mark is in the picture, best first. @param {File} file @param {Upload} how @returns {Promise<Schemas["Verification"][]>} */
export async function identify(file, how) {
  const answer = await upload(`${V1}/photos/identify`, withImage(file), how);
  return Promise.all(answer.response.matches.map((match) => complete(match, answer.getResponseHeader("X-Request-Id"))));
}

/** Whether the picture is this photo. @param {File} file @param {{ photoId: string, policy?: string }} fields @param {Upload} how @returns {Promise<Schemas["Verification"]>} */
export async function verify(file, fields, how) {
  const answer = await upload(`${V1}/photos/verify`, withImage(file, fields), how);
  return complete(answer.response, answer.getResponseHeader("X-Request-Id"));
}

/**
 * Marks a photo. `key` is the Idempotency-Key, which a retry repeats.
 * @param {File} file @param {object} request @param {string} key @param {Upload} how
 */
export async function protect(file, request, key, how) {
  const answer = await upload(`${V1}/photos/protect`, withImage(file, { request: JSON.stringify(request) }), { ...how, type: "blob", headers: { "Idempotency-Key": key } });
  const header = (name) => answer.getResponseHeader(name);
  return {
    blob: answer.response,
    photoId: header("X-Photo-Id"),
    sha256: header("X-Content-SHA256"),
    psnr: Number(header("X-Watermark-PSNR")),
    protectionLevel: header("X-Protection-Level"),
    c2paStatus: header("X-C2PA-Status"),
    copies: Number(header("X-Content-Copies")),
    fileName: /filename="([^"]+)"/.exec(header("Content-Disposition") ?? "")?.[1] ?? "protected",
  };
}

// The audit log
/** @type {(filters?: any) => Promise<Schemas["EventPage"]>} */
export const audit = (filters = {}) => get(`${V1}/audit`, filters);
/** @type {() => Promise<Schemas["AuditHead"]>} */
export const auditHead = () => get(`${V1}/audit/head`);
export const auditExportAddress = (filters = {}) => `${V1}/audit/export${search(filters)}`;
/** All events, oldest first, as they come: a line each. @param {AbortSignal} signal @returns {Promise<ReadableStream<Uint8Array>>} */
export async function auditStream(signal) {
  const response = await fetch(auditExportAddress(), { credentials: "same-origin", cache: "no-store", headers: { Accept: "application/x-ndjson, application/json" }, signal });
  if (!response.ok) throw ended(refusal(response.status, parse(await response.text()), response.headers.get("Retry-After")));
  return response.body;
}
/** @type {(id: any, cursor?: any) => Promise<Schemas["EventPage"]>} */
export const history = (id, cursor) => audit({ subject: `photo:${id}`, limit: 200, cursor });

// Administration
const ADMIN = `${V1}/admin`;
const one = (kind, id) => `${ADMIN}/${kind}/${encodeURIComponent(id)}`;
/** @type {(page?: any) => Promise<Schemas["AccountPage"]>} */
export const accounts = (page) => get(`${ADMIN}/accounts`, page);
/** @type {(account: any) => Promise<Schemas["CreatedAccount"]>} */
export const createAccount = (account) => call("POST", `${ADMIN}/accounts`, account);
export const changeAccount = (username, change) => call("PATCH", one("accounts", username), change);
export const deleteAccount = (username) => call("DELETE", one("accounts", username));
export const endSessions = (username) => call("DELETE", `${one("accounts", username)}/sessions`);
/** @type {(page?: any) => Promise<Schemas["ApiKeyPage"]>} */
export const apiKeys = (page) => get(`${ADMIN}/api-keys`, page);
/** @type {(key: any) => Promise<Schemas["CreatedApiKey"]>} */
export const createApiKey = (key) => call("POST", `${ADMIN}/api-keys`, key);
export const revokeApiKey = (id) => call("DELETE", one("api-keys", id));
/** @type {(page?: any) => Promise<Schemas["ApplicationPage"]>} */
export const applications = (page) => get(`${ADMIN}/applications`, page);
/** @type {(application: any) => Promise<Schemas["CreatedApplication"]>} */
export const createApplication = (application) => call("POST", `${ADMIN}/applications`, application);
export const revokeApplication = (id) => call("DELETE", one("applications", id));


/** Asks a publisher, as anybody may. @param {string} tenant @param {File} file @param {Upload} how */
export const check = async (tenant, file, how) => (await upload(`${V1}/check/${encodeURIComponent(tenant)}`, withImage(file), how)).response;

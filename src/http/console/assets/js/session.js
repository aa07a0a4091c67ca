// Who is signed in, and the password again where administration asks for it. The token itself is in a cookie that no script can read.
import * as api from "./api.js";

/** @typedef {{ tenantId: string, username: string, role: string, scopes: string[], signedInAt: string, expiresAt: string, endsAt: string, passwordNeededAt: string }} Session */
/** @typedef {{ session: Session, me: any }} Caller */

const WARNING = 5 * 60e3;

/** @type {Caller | null} */
let caller = null;
/** @type {Promise<void> | null} */
let asking = null;
/** @type {number[]} */
let timers = [];

const tell = (name) => document.dispatchEvent(new Event(name));

/** Who is signed in, as far as is known without asking. */
export const current = () => caller;
export const isAdmin = () => Boolean(caller?.session.scopes.includes("admin"));

/** When the session ends for good, once that is near; null before. */
export const endsSoon = () => (caller && Date.parse(caller.session.endsAt) - Date.now() < WARNING ? caller.session.endsAt : null);

/** Asks once who is signed in; null for nobody. */
export async function open() {
  if (caller) return caller;
  try {
    caller = await api.caller();
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
  watch();
  return caller;
}

/** Forgets who was signed in; screens let go of what they hold. */
export function close() {
  caller = null;
  timers.forEach(clearTimeout);
  tell("session-closed");
}

export async function signIn(credentials) {
  await api.signIn(credentials);
  close();
}

/**
 * Asks whether the session is still there, and still the same person's: after sleep, the back button, or another tab. True where
 * that was answered, either way.
 */
export async function check() {
  if (!caller) return true;
  try {
    const session = await api.session();
    if (session.username !== caller?.session.username || session.tenantId !== caller.session.tenantId) location.reload();
    else renew(session);
    return true;
  } catch (error) {
    if (error.status === 401) tell("session-ended");
    return error.status === 401;
  }
}

/** Takes the password once and repeats it for all who wait; rejects when the person would rather not. */
export function stepUp() {
  asking ??= ask().finally(() => (asking = null));
  return asking;
}

async function ask() {
  const { askPassword } = await import("./step-up.js");
  if (!caller) throw new DOMException("", "AbortError");
  renew(await askPassword(caller.session));
}

function renew(session) {
  if (caller) caller.session = session;
  watch();
  tell("session");
}

/** Wakes up when the end is near, and when an idle session must have ended. */
function watch() {
  timers.forEach(clearTimeout);
  if (!caller) return;
  const at = (time, act) => setTimeout(act, Math.max(0, time - Date.now()));
  const { endsAt, expiresAt } = caller.session;
  timers = [at(Date.parse(expiresAt) + 1000, check)];
  if (!endsSoon()) timers.push(at(Date.parse(endsAt) - WARNING + 100, () => tell("session")));
}

/** An address of our own to go to after signing in; anything else leads home. */
export function ownAddress(next) {
  const home = "/console/";
  if (!next?.startsWith(home)) return home;
  const url = new URL(next, location.origin);
  return url.origin === location.origin && url.pathname.startsWith(home) && url.pathname !== `${home}sign-in` ? url.pathname + url.search : home;
}

/** The sign-in page that leads back to where one is. */
export function signInAddress() {
  const here = ownAddress(location.pathname + location.search);
  return `/console/sign-in${here === "/console/" ? "" : `?${new URLSearchParams({ next: here })}`}`;
}

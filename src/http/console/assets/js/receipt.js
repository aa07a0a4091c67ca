// Checks the receipt that `register` gave: a detached JWS (RFC 7515 appendix F) of its other members, against the server's public keys.
import { canonical } from "./canonical.js";

const RS256 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
const TYPE = "lumatrace-receipt+jws";
const BASE64 = { "-": "+", _: "/" };

const bytesOf = (text) => Uint8Array.from(atob(text.replace(/[-_]/g, (sign) => BASE64[sign])), (sign) => sign.charCodeAt(0));
const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text))).replace(/=+$/, "").replace(/[+/]/g, (sign) => (sign === "+" ? "-" : "_"));

/** @typedef {"good" | "bad" | "unknownKey" | "unreadable"} Finding */

/**
 * @param {string} text the receipt, as JSON
 * @param {{ keys: (JsonWebKey & { kid: string })[] }} keySet the server's `/.well-known/jwks.json`
 * @returns {Promise<{ finding: Finding, receipt?: any, kid?: string }>}
 */
export async function checkReceipt(text, keySet) {
  let receipt, header, sealed;
  try {
    receipt = JSON.parse(text);
    const [first, payload, last, ...more] = receipt.signature.split(".");
    if (payload !== "" || more.length || receipt.photoId.length !== 36) return { finding: "unreadable" };
    header = { text: first, ...JSON.parse(new TextDecoder().decode(bytesOf(first))) };
    sealed = bytesOf(last);
  } catch {
    return { finding: "unreadable" };
  }
  // Only what the server itself writes: no other algorithm, and no token that is passed off as a receipt (RFC 8725, sections 3.1 and 3.11).
  if (header.alg !== "RS256" || header.typ !== TYPE || header.crit) return { finding: "bad", receipt };
  const key = keySet.keys.find(({ kid }) => kid === header.kid);
  if (!key) return { finding: "unknownKey", receipt, kid: String(header.kid) };
  const { signature, ...members } = receipt;
  const message = new TextEncoder().encode(`${header.text}.${base64(canonical(members))}`);
  const open = await crypto.subtle.importKey("jwk", { kty: key.kty, n: key.n, e: key.e }, RS256, false, ["verify"]);
  return { finding: (await crypto.subtle.verify(RS256, open, sealed, message)) ? "good" : "bad", receipt };
}

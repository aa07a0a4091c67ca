// An event of the audit log in words. Pure functions; whatever the words do not say stands in the event's members.
import { t } from "./i18n.js";

/** @typedef {import("./chain.js").AuditEvent} AuditEvent */

/** Every action, in the order in which one would look for it. */
export const ACTIONS = [
  "photo.registered", "photo.protected", "photo.labelled", "photo.deleted",
  "manifest.stored", "manifest.deleted", "binding.stored", "binding.changed",
  "session.started", "session.ended", "session.refused",
  "account.created", "account.disabled", "account.enabled", "account.role_changed", "account.password_changed", "account.sessions_ended", "account.deleted",
  "credential.created", "credential.renewed", "credential.revoked",
  "tenant.created", "tenant.suspended", "tenant.resumed", "tenant.policy_changed",
  "signer.imported", "signer.removed", "audit.exported", "audit.sealed",
];

const ICONS = { photo: "photos", manifest: "protect", binding: "protect", session: "out", account: "accounts", credential: "keys", tenant: "settings", signer: "protect", audit: "audit" };

/** `kind:id`, the id whole. @param {string} name @returns {[string, string]} */
export function split(name) {
  const at = name.indexOf(":");
  return at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at + 1)];
}

/** Whoever acted, or was acted on. `form` is `who` or `whom` in a sentence, `name` by itself. @param {string} name @param {"who" | "whom" | "name"} form */
export function nameOf(name, form = "who") {
  const [kind, id] = split(name);
  if (kind === "account") return id;
  const shown = kind === "tenant" ? id : id.slice(0, 8);
  return ["operator", "server", "application", "api_key", "tenant", "photo"].includes(kind) ? t(`${form}.${kind}`, { id: shown }) : name;
}

/** What happened, as a sentence. @param {AuditEvent} event */
export function sentence({ action, actor, subject, detail }) {
  if (!ACTIONS.includes(action)) return t("did.other", { actor: nameOf(actor), action, subject });
  const self = actor === subject && ["account.password_changed", "account.sessions_ended"].includes(action) ? ".self" : "";
  const named = action === "credential.created" && detail.name ? t(`whom.named.${split(subject)[0]}`, { name: detail.name }) : nameOf(subject, "whom");
  return t(`did.${action}${self}`, {
    actor: nameOf(actor), subject: named, who: subject.startsWith("tenant:") ? t("others") : nameOf(subject, "name"), role: detail.role ? t(`role.${detail.role}`) : "", n: Number(detail.refusals ?? 0),
  });
}

/** What else a reader wants at once: the way in, and where from. @param {AuditEvent} event */
export function circumstances({ detail }) {
  const ways = (detail.by ?? "").split(/[ ,]+/).filter(Boolean).map((way) => t(`way.${way}`));
  return [ways.join(", "), detail.source && t("from.source", { source: detail.source })].filter(Boolean).join(" · ");
}

/** @param {AuditEvent} event */
export const eventIcon = ({ action }) => ICONS[action.split(".")[0]] ?? "unknown";

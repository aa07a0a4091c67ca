// Settings: who I am, and what holds for the tenant. What the operator alone can change is shown with the command that changes it.
import { html, nothing } from "../part.js";
import { icon } from "../icons.js";
import { minute, number, t } from "../i18n.js";
import { copyable as copyableId, problem, say, tag } from "../parts.js";
import { go } from "../router.js";
import { DialogPart, copyable, shellWord } from "../admin.js";
import * as api from "../api.js";
import * as session from "../session.js";

const SHORTEST = 8;
const LONGEST = 1024;

/** What the operator sets: the member of the policy, the option that changes it, and another value for that. @type {[string, string, (now: any) => string][]} */
const POLICY = [
  ["privacy", "--privacy", (now) => (now === "full" ? "strict" : "full")],
  ["contentHash", "--content-hash-policy", (now) => (now === "strict" ? "format" : "strict")],
  ["manifests", "--manifests", (now) => (now === "keep" ? "none" : "keep")],
  ["check", "--check", (now) => (now === "on" ? "off" : "on")],
  ["maxCopies", "--max-copies", (now) => (now === null ? "4" : "none")],
  ["maxMegapixels", "--max-megapixels", (now) => (now === 16 ? "51" : "default")],
];

const COMMANDS = ["signer list", "trust list", "key list"];

class Settings extends DialogPart {
  static properties = { me: { state: true }, session: { state: true }, policy: { state: true }, keys: { state: true }, refusals: { state: true }, shownPassword: { state: true }, did: { state: true } };

  constructor() {
    super();
    /** @type {any} */
    this.me = null;
    this.session = this.policy = this.keys = this.did = null;
    /** What could not be loaded, by name. @type {Record<string, any>} */
    this.refusals = {};
    this.shownPassword = false;
  }

  get shown() { return this.query.has("password") ? "password" : this.query.has("sessions") ? "sessions" : null; }

  closed() {
    this.shownPassword = false;
    if (this.shown) go("/console/settings", { replace: true });
  }

  willUpdate(changed) {
    if (changed.has("query") && !this.me && !this.busy) this.#load();
  }

  #load = () => this.attempt(async () => {
    this.refusals = {};
    const [me, session] = await Promise.all([api.me(), api.session()]);
    Object.assign(this, { me, session });
    const one = (name, call) => call().then((value) => (this[name] = value), (error) => (this.refusals = { ...this.refusals, [name]: error }));
    await Promise.all([one("policy", api.policy), one("keys", async () => (await api.keySet()).keys)]);
  });

  #signIn = (password) => api.signIn({ tenantId: this.me.tenantId, username: this.me.username, password });

  /** A new password ends every session but this one, whose cookie comes anew. */
  #setPassword = (event) => {
    event.preventDefault();
    const form = event.target;
    const value = (name) => String(new FormData(form).get(name));
    this.attempt(async () => {
      await api.changePassword(value("current"), value("next"));
      this.#done("password.done", form);
    });
  };

  /** The API ends all sessions, this one among them. So the password comes first: whoever has it wrong loses nothing. */
  #endOthers = (event) => {
    event.preventDefault();
    const form = event.target;
    const password = String(new FormData(form).get("current"));
    this.attempt(async () => {
      await this.#signIn(password);
      await api.endMySessions();
      await this.#signIn(password);
      this.#done("sessions.done", form);
    });
  };

  async #done(key, form) {
    form.reset();
    this.did = key;
    say(t(key));
    this.session = await api.session();
    await session.check();
    this.close();
  }

  #password = (id, name, autocomplete, rules = {}) => html`<div class="field"><label for=${id}>${t(name)}</label><div class="password">
    <input class="input" id=${id} name=${id} required type=${this.shownPassword ? "text" : "password"} autocomplete=${autocomplete} minlength=${rules.shortest ?? nothing} maxlength=${LONGEST}>
    <button type="button" class="button quiet tiny" aria-label=${t("password.show", { name: t(name) })} aria-pressed=${Boolean(this.shownPassword)} @click=${() => (this.shownPassword = !this.shownPassword)}>${t("signIn.show")}</button></div></div>`;

  #form(name, submit, fields) {
    return html`<form @submit=${submit}><h2 id="dialog-title">${t(name)}</h2><p class="muted">${t(`${name}.text`)}</p>
      <input class="unseen" type="text" autocomplete="username" tabindex="-1" aria-hidden="true" readonly .value=${this.me.username}>
      ${fields}${this.error ? problem(this.error) : nothing}
      <div class="row end"><button type="button" class="button" @click=${this.close}>${t("cancel")}</button><button class="button first" ?disabled=${this.busy}>${t(`${name}.do`)}</button></div></form>`;
  }

  #content() {
    const current = this.#password("current", "password.current", "current-password");
    if (this.shown === "password") return this.#form("password", this.#setPassword, html`${current}${this.#password("next", "password.new", "new-password", { shortest: SHORTEST })}`);
    return this.shown === "sessions" ? this.#form("sessions", this.#endOthers, current) : nothing;
  }

  /** @param {string} line */
  #command = (line) => copyable(line, line, line.split(" ").map((word) => html`<span class="nowrap">${word}</span> `));

  #set = (...options) => this.#command(["lumatrace tenant set", shellWord(this.me.tenantId), ...options].join(" "));

  #you() {
    const { me, session } = this;
    return html`<section class="card" aria-labelledby="you"><div class="card-head"><h2 id="you">${t("settings.you")}</h2>${this.did ? tag("good", t(this.did), "check") : nothing}</div>
      <div class="card-body stack-of"><dl class="facts"><dt>${t("name")}</dt><dd>${me.username}</dd><dt>${t("signIn.tenant")}</dt><dd>${me.tenantId}</dd><dt>${t("role")}</dt><dd>${t(`role.${me.role}`)}</dd>
        <dt>${t("settings.may")}</dt><dd><ul>${me.scopes.map((scope) => html`<li>${t(`scope.${scope}`)} <code class="muted">${scope}</code></li>`)}</ul></dd>
        <dt>${t("settings.since")}</dt><dd>${minute(session.signedInAt)}</dd><dt>${t("settings.until")}</dt><dd>${minute(session.endsAt)}</dd>
        ${me.server?.version ? html`<dt>${t("settings.version")}</dt><dd>${me.server.version}</dd>` : nothing}</dl>
        <div class="row"><button type="button" class="button" @click=${() => go("/console/settings?password")}>${t("password")}</button><button type="button" class="button" @click=${() => go("/console/settings?sessions")}>${t("sessions")}</button></div></div></section>`;
  }

  #limits() {
    const { limits } = this.me;
    const calls = (name) => (limits[name] === null || limits[name] === undefined ? t("limit.none") : number(limits[name]));
    return html`<section class="card" aria-labelledby="limits"><div class="card-head"><h2 id="limits">${t("settings.limits")}</h2></div>
      <div class="card-body stack-of"><dl class="facts"><dt>${t("limit.bytes")}</dt><dd>${number(limits.imageBytes / 2 ** 20, 1)} MiB</dd><dt>${t("limit.pixels")}</dt><dd>${t("limit.megapixels", { n: number(limits.imagePixels / 1e6, 1) })}</dd>
        ${["callsPerSecond", "callsAtOnce", "callsPerHour"].map((name) => html`<dt>${t(`limit.${name}`)}</dt><dd>${calls(name)}</dd>`)}</dl>
        <p class="small muted">${t("limit.change")}</p>${this.#set("--per-second 200", "--burst 400", "--per-hour default")}</div></section>`;
  }

  #value = (member, now) => {
    if (member === "maxCopies") return now === null ? t("policy.maxCopies.none") : number(now);
    return member === "maxMegapixels" ? t("limit.megapixels", { n: number(now ?? 16) }) : t(`policy.${member}.${now}`);
  };

  #meaning = (member, now) => (typeof now === "string" ? t(`policy.${member}.${now}.text`) : t(`policy.${member}.text`));

  #policy() {
    const rows = this.policy && POLICY.filter(([member]) => this.policy[member] !== undefined);
    return html`<section class="card" aria-labelledby="policy"><div class="card-head"><h2 id="policy">${t("settings.policy")}</h2></div>
      <div class="card-body small muted">${t("settings.policy.text")}</div>
      ${this.refusals.policy ? html`<div class="card-body">${problem(this.refusals.policy)}</div>` : nothing}
      ${rows?.map(([member, option, other]) => html`<div class="policy"><div><h3>${t(`policy.${member}`)}</h3>${tag("", this.#value(member, this.policy[member]))}</div>
        <div class="stack-of"><p>${this.#meaning(member, this.policy[member])}
          ${member === "check" && this.policy.check === "on" ? html`<a href=${`/console/check/${this.me.tenantId}`}>${t("policy.check.page")}</a>` : nothing}</p>${this.#set(option, other(this.policy[member]))}</div></div>`)}</section>`;
  }

  #published() {
    return html`<section class="card" aria-labelledby="published"><div class="card-head"><h2 id="published">${t("settings.keys")}</h2></div>
      <div class="card-body stack-of"><p>${t("settings.keys.text")}</p>${this.refusals.keys ? problem(this.refusals.keys) : nothing}
        <ul class="stack-of">${this.keys?.map((key, i) => html`<li>${copyableId(key.kid)} <span class="muted small">${key.alg}</span> ${tag("", t(i ? "settings.keys.other" : "settings.keys.now"))}</li>`)}</ul>
        <p class="row"><a class="button tiny" href="/.well-known/jwks.json" download="jwks.json">${icon("save")}${t("settings.jwks")}</a><a class="button tiny" href="/.well-known/c2pa/anchors.pem" download="anchors.pem">${icon("save")}${t("settings.anchors")}</a></p>
        <p class="small muted">${t("settings.anchors.text")}</p></div></section>`;
  }

  #elsewhere() {
    return html`<section class="card" aria-labelledby="elsewhere"><div class="card-head"><h2 id="elsewhere">${t("settings.elsewhere")}</h2></div>
      <div class="card-body stack-of"><p class="small muted">${t("settings.elsewhere.text")}</p>
        ${COMMANDS.map((command) => html`<div class="stack-of tight"><p>${t(`command.${command}`)}</p>${this.#command(`lumatrace ${command}`)}</div>`)}</div></section>`;
  }

  render() {
    if (!this.session) return this.error ? html`<div class="page"><h1>${t("nav.settings")}</h1>${this.refused(this.#load)}</div>` : nothing;
    return html`<div class="page">
      <div class="page-head"><div><h1>${t("nav.settings")}</h1><p>${t("settings.text")}</p></div></div>
      <div class="columns settings"><div class="stack-of">${this.#policy()}${this.#elsewhere()}</div><div class="stack-of">${this.#you()}${this.#limits()}${this.#published()}</div></div>
      ${this.dialog(this.#content())}</div>`;
  }
}
customElements.define("lt-settings", Settings);

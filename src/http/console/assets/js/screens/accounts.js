// Accounts: who may sign in. What cannot be done to oneself is not offered; what cannot be undone asks for the name.
import { html, nothing } from "../part.js";
import { icon } from "../icons.js";
import { day, t } from "../i18n.js";
import { problem, say, tag } from "../parts.js";
import { go } from "../router.js";
import { DialogPart, address, copyBox, once, pages } from "../admin.js";
import * as api from "../api.js";

const PAGE = 100;
const ROLES = ["ROLE_USER", "ROLE_ADMIN"];
const PASSWORD_BYTES = 24;

/** A password of 192 random bits in 32 letters, as the server makes its own. */
function newPassword() {
  const bytes = crypto.getRandomValues(new Uint8Array(PASSWORD_BYTES));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

const roleName = (role) => t(`role.${role}`);

class Accounts extends DialogPart {
  static properties = { items: { state: true }, did: { state: true }, typed: { state: true } };

  constructor() {
    super();
    /** @type {import("openapi").components["schemas"]["Account"][] | null} */
    this.items = null;
    this.next = this.me = this.loaded = this.did = null;
    this.typed = "";
  }

  get #cursor() { return this.query.get("cursor"); }

  /** The account of the dialog. */
  get #chosen() { return this.items?.find((account) => account.username === this.query.get("name") && account.username !== this.me); }

  get shown() { return this.made || this.query.has("new") || this.#chosen; }

  closed() {
    Object.assign(this, { did: null, typed: "" });
    if (this.query.has("new") || this.query.has("name")) go(address("accounts", { cursor: this.#cursor }), { replace: true });
  }

  willUpdate(changed) {
    if (!changed.has("query")) return;
    const key = this.#cursor ?? "";
    if (this.loaded !== key) this.#load();
    this.loaded = key;
  }

  #load = () => this.attempt(async () => {
    this.me ??= (await api.me()).username;
    const page = await api.accounts({ cursor: this.#cursor, limit: PAGE });
    Object.assign(this, { items: page.items, next: page.next });
  });

  #create = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    this.attempt(async () => {
      const made = await api.createAccount({ username: form.get("username"), role: form.get("role") });
      this.made = { username: made.username, password: made.password };
      await this.#load();
    });
  };

  /** Does one thing with an account, then shows the account as it is. */
  #change(work, done) {
    const { username } = this.#chosen;
    return this.attempt(async () => {
      await work(username);
      await this.#load();
      this.did = t(done, { name: username });
    });
  }

  #renew = () => this.attempt(async () => {
    const { username } = this.#chosen;
    const password = newPassword();
    await api.changeAccount(username, { password });
    this.made = { username, password };
  });

  #delete = (event) => {
    event.preventDefault();
    const { username } = this.#chosen;
    this.attempt(async () => {
      await api.deleteAccount(username);
      await this.#load();
      this.close();
      say(t("account.delete.done", { name: username }));
    });
  };

  #status = (account) => (account.status === "enabled" ? tag("good", t("account.enabled")) : tag("bad", t("account.disabled"), "close"));

  #row = (account) => html`<tr><td><strong>${account.username}</strong> ${account.username === this.me ? tag("", t("account.you")) : nothing}</td>
    <td data-name=${t("role")}>${roleName(account.role)}</td><td data-name=${t("status")}>${this.#status(account)}</td>
    <td class="nowrap" data-name=${t("created")}>${day(account.createdAt)}</td>
    <td class="number">${account.username === this.me
      ? html`<a href="/console/settings">${t("nav.settings")}</a>`
      : html`<button type="button" class="button tiny" aria-label=${t("manageThis", { name: account.username })} @click=${() => go(address("accounts", { cursor: this.#cursor, name: account.username }))}>${t("manage")}</button>`}</td></tr>`;

  #table() {
    return html`<section class="card" aria-label=${t("nav.accounts")}><div class="scroll"><table class="table stack"><thead><tr><th scope="col">${t("name")}</th><th scope="col">${t("role")}</th>
      <th scope="col">${t("status")}</th><th scope="col">${t("created")}</th><th scope="col"><span class="unseen">${t("actions")}</span></th></tr></thead><tbody>${this.items.map(this.#row)}</tbody></table></div></section>
      ${pages((cursor) => address("accounts", { cursor }), this.#cursor, this.next)}`;
  }

  #roles = (now) => html`<div class="field"><label for="role">${t("role")}</label><select class="input" id="role" name="role">
    ${ROLES.map((role) => html`<option value=${role} ?selected=${role === now}>${roleName(role)}: ${t(`role.${role}.text`)}</option>`)}</select></div>`;

  #new() {
    return html`<form @submit=${this.#create}><h2 id="dialog-title">${t("account.new")}</h2>
      <div class="field"><label for="username">${t("name")}</label><input class="input" id="username" name="username" required maxlength="256" autocomplete="off" autocapitalize="none" spellcheck="false"></div>
      ${this.#roles("ROLE_USER")}<p class="small muted">${t("account.new.text")}</p>${this.error ? problem(this.error) : nothing}
      <div class="row end"><button type="button" class="button" @click=${this.close}>${t("cancel")}</button><button class="button first" ?disabled=${this.busy}>${t("account.create")}</button></div></form>`;
  }

  /** One thing to do, with what it means, behind a line of its own. */
  #deed = (title, text, control) =>
    html`<details class="block" name="deed"><summary><strong>${title}</strong>${icon("next")}</summary><div class="stack-of deed"><p class="small muted">${text}</p>${control}</div></details>`;

  #button = (title, act, look = "") => html`<div><button type="button" class="button ${look}" ?disabled=${this.busy} @click=${act}>${title}</button></div>`;

  #manage(account) {
    const { username: name, role } = account;
    const enabled = account.status === "enabled";
    const other = enabled ? "disable" : "enable";
    return html`<div class="deeds"><div class="card-head"><h2 id="dialog-title">${name}</h2><span class="row">${tag("", roleName(role))}${this.#status(account)}</span></div>
      <div class="said" role="status">${this.did ? html`<p class="row">${tag("good", t("done.well"), "check")}<span>${this.did}</span></p>` : nothing}</div>
      ${this.error ? html`<div class="card-body">${problem(this.error)}</div>` : nothing}
      ${this.#deed(t("account.role"), t("account.role.text"), html`${this.#roles(role)}${this.#button(t("account.role.do"), () => {
        const next = /** @type {HTMLSelectElement} */ (this.querySelector("#role")).value;
        this.#change((username) => api.changeAccount(username, { role: next }), "account.role.done");
      })}`)}
      ${this.#deed(t("account.password"), t("account.password.text", { name }), this.#button(t("account.password.do"), this.#renew))}
      ${this.#deed(t("account.sessions"), t("account.sessions.text", { name }), this.#button(t("account.sessions.do"), () => this.#change(api.endSessions, "account.sessions.done")))}
      ${this.#deed(t(`account.${other}`), t(`account.${other}.text`, { name }), this.#button(t(`account.${other}.do`), () => this.#change((username) => api.changeAccount(username, { status: enabled ? "disabled" : "enabled" }), `account.${other}.done`), enabled ? "danger" : ""))}
      ${this.#deed(t("account.delete"), t("account.delete.text", { name }), html`<form class="plain" @submit=${this.#delete}><div class="field"><label for="typed">${t("confirm.type", { text: name })}</label>
        <input class="input" id="typed" autocomplete="off" autocapitalize="none" spellcheck="false" .value=${this.typed} @input=${(event) => (this.typed = event.target.value)}></div>
        <div><button class="button danger" ?disabled=${this.busy || this.typed !== name}>${t("account.delete.do")}</button></div></form>`)}
      <div class="row end card-body"><button type="button" class="button" @click=${this.close}>${t("close")}</button></div></div>`;
  }

  #content() {
    if (this.made) return once({ title: t("account.once"), about: this.made.username, done: this.close, boxes: copyBox(t("signIn.password"), this.made.password) });
    if (this.query.has("new")) return this.#new();
    return this.#chosen ? this.#manage(this.#chosen) : nothing;
  }

  render() {
    if (!this.items) return this.error ? html`<div class="page"><h1>${t("nav.accounts")}</h1>${this.refused(this.#load)}</div>` : nothing;
    return html`<div class="page">
      <div class="page-head"><div><h1>${t("nav.accounts")}</h1><p>${t("accounts.text")}</p></div>
        <button type="button" class="button first" @click=${() => go(address("accounts", { cursor: this.#cursor, new: "" }))}>${icon("plus")}${t("account.new")}</button></div>
      ${this.error && !this.shown ? this.refused(this.#load) : nothing}
      ${this.#table()}${this.dialog(this.#content())}</div>`;
  }
}
customElements.define("lt-accounts", Accounts);

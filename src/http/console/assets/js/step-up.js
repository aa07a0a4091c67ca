// One question: the password again. It goes to the server once and stays nowhere.
import { Part, html, nothing } from "./part.js";
import { t } from "./i18n.js";
import { countdown, passwordField, problem } from "./parts.js";
import * as api from "./api.js";

class StepUp extends Part {
  static properties = { error: { state: true }, busy: { state: true }, wait: { state: true } };

  constructor() {
    super();
    this.error = null;
    this.busy = false;
    this.wait = 0;
    /** @type {import("./session.js").Session} */
    this.session = undefined;
    this.done = undefined;
    this.fail = undefined;
  }

  firstUpdated() {
    this.querySelector("dialog").showModal();
  }

  async #submit(event) {
    event.preventDefault();
    const { tenantId, username } = this.session;
    const password = String(new FormData(event.target).get("password"));
    this.busy = true;
    this.error = null;
    try {
      this.done(await api.signIn({ tenantId, username, password }));
      this.remove();
    } catch (error) {
      this.error = error;
      if (error.retryAfter) countdown(error.retryAfter, (left) => (this.wait = left));
    }
    this.busy = false;
  }

  #close() {
    this.fail(new DOMException("", "AbortError"));
    this.remove();
  }

  render() {
    return html`<dialog aria-labelledby="again" @close=${this.#close}><form @submit=${this.#submit}>
      <h2 id="again">${t("again.title")}</h2><p class="muted">${t("again.text")}</p>
      ${this.wait ? html`<div class="note warn" role="alert">${t("signIn.wait", { n: this.wait })}</div>` : this.error ? problem(this.error) : nothing}
      <input type="text" class="unseen" tabindex="-1" aria-hidden="true" autocomplete="username" readonly .value=${this.session.username}>
      ${passwordField("again-password", t("again.of", { name: this.session.username }))}
      <div class="row end"><button type="button" class="button" @click=${() => this.querySelector("dialog").close()}>${t("cancel")}</button><button class="button first" ?disabled=${this.busy || this.wait > 0}>${t("again.go")}</button></div>
    </form></dialog>`;
  }
}
customElements.define("lt-step-up", StepUp);

/**
 * Shows the dialog. Resolves with the new session, rejects on cancel.
 * @param {import("./session.js").Session} session
 * @returns {Promise<import("./session.js").Session>}
 */
export function askPassword(session) {
  return new Promise((done, fail) => document.body.append(Object.assign(document.createElement("lt-step-up"), { session, done, fail })));
}

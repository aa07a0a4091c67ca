// What the screens of administration share: a call that is under way or was refused, a secret that is shown once, pages.
import { Part, html, nothing } from "./part.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";
import { failure } from "./parts.js";

/** A screen that asks the API. It shows what is under way and what was refused; a call that the person gave up is neither. */
export class AskingPart extends Part {
  /** @type {Record<string, object>} */
  static properties = { path: {}, query: { attribute: false }, error: { state: true }, busy: { state: true } };

  constructor() {
    super();
    this.query = new URLSearchParams();
    /** @type {any} */
    this.error = null;
    this.busy = false;
  }

  /** @template T @param {() => Promise<T>} work @returns {Promise<T | undefined>} */
  async attempt(work) {
    Object.assign(this, { busy: true, error: null });
    try {
      return await work();
    } catch (error) {
      if (error.name === "AbortError" || error.code === "AUTH_REAUTHENTICATE") return undefined;
      if (!error.code) throw error;
      this.error = error;
    } finally {
      this.busy = false;
    }
  }

  /** In place of what could not be loaded. @param {() => void} again */
  refused(again) {
    return failure(this.error, again);
  }
}

/**
 * A dialog that follows its screen: open while there is something to show in it. Escape does not close one that shows a secret,
 * which would then be lost.
 */
export class DialogPart extends AskingPart {
  /** @type {Record<string, object>} */
  static properties = { made: { state: true } };

  /** The address that asks for a dialog which was closed: until it changes, it asks in vain. @type {URLSearchParams | null} */
  #declined = null;
  #leave = () => (this.made = null);
  #stay = (event) => this.made && event.preventDefault();

  constructor() {
    super();
    /** What was made just now, with its secret. @type {any} */
    this.made = null;
  }

  /** What is shown in the dialog, if anything. @returns {any} */
  get shown() { return this.made; }

  /** Where the dialog is closed. */
  closed() {}

  connectedCallback() {
    super.connectedCallback();
    addEventListener("pagehide", this.#leave);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener("pagehide", this.#leave);
    this.#leave();
  }

  updated(changed) {
    const dialog = this.querySelector("dialog");
    if (!dialog) return;
    const shown = this.shown && this.query !== this.#declined;
    if (shown && !dialog.open) dialog.showModal();
    else if (!shown && dialog.open) dialog.close();
    // The form that had the focus is gone.
    if (changed.has("made") && this.made) /** @type {HTMLElement} */ (dialog.querySelector("#dialog-title")).focus();
  }

  /** @param {unknown} content */
  dialog(content) {
    return html`<dialog aria-labelledby="dialog-title" @cancel=${this.#stay} @keydown=${(event) => event.key === "Escape" && this.#stay(event)} @close=${this.#shut}>
      ${content}</dialog>`;
  }

  #shut = () => {
    Object.assign(this, { made: null, error: null });
    this.closed();
    this.#declined = this.shown ? this.query : null;
  };

  close = () => this.querySelector("dialog").close();
}

const SHOWN = 2000;

/** A button that copies, and says itself whether it could: what is behind an open dialog is silent. */
class Copy extends Part {
  static properties = { text: { attribute: false }, name: { attribute: false }, result: { state: true } };

  constructor() {
    super();
    this.text = this.name = this.result = "";
  }

  async #copy() {
    // Without https there is no clipboard; then a click on the text selects all of it.
    this.result = await navigator.clipboard?.writeText(this.text).then(() => "copied", () => "") || "copy.byHand";
    setTimeout(() => (this.result = ""), SHOWN);
  }

  render() {
    const label = t(this.result || "copy");
    return html`<button type="button" class="button tiny" aria-label=${this.result ? nothing : t("copyThis", { text: this.name })} @click=${this.#copy}>${icon(this.result === "copied" ? "check" : "copy")}${label}</button>
      <span class="unseen" role="status">${this.result ? label : ""}</span>`;
  }
}
customElements.define("lt-copy", Copy);

/** Text to be copied as a whole: a command, a secret, a head. @param {string} name @param {string} text @param {unknown} shown */
export const copyable = (name, text, shown = text) => html`<div class="secret"><code>${shown}</code><lt-copy .name=${name} .text=${text}></lt-copy></div>`;

/** The same under its name. @param {string} name @param {string} text */
export const copyBox = (name, text) => html`<div class="field"><span class="small muted">${name}</span>${copyable(name, text)}</div>`;

/** Secrets that nobody can show again. @param {{ title: string, about: string, boxes: unknown, done: () => void }} secret */
export const once = ({ title, about, boxes, done }) =>
  html`<div class="done"><div class="row">${icon("lock")}<span class="muted small">${about}</span></div>
    <h2 id="dialog-title" tabindex="-1">${title}</h2><p class="muted">${t("once.text")}</p>${boxes}
    <div class="row end"><button type="button" class="button first" @click=${done}>${t("once.stored")}</button></div></div>`;

/** Links to the first page and the next. @param {(cursor: string | null) => string} address @param {string | null} cursor @param {string | null} next */
export const pages = (address, cursor, next) =>
  cursor || next
    ? html`<nav class="row pages" aria-label=${t("pages")}>${cursor ? html`<a class="button" href=${address(null)}>${t("pages.first")}</a>` : nothing}
        ${next ? html`<a class="button" href=${address(next)}>${t("pages.next")}${icon("next")}</a>` : nothing}</nav>`
    : nothing;

/** `name=value` of an address, without those that are empty. @param {string} path @param {Record<string, string | null | undefined>} values */
export function address(path, values) {
  const some = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  const query = new URLSearchParams(/** @type {[string, string][]} */ (some)).toString().replaceAll(/=(?=&|$)/g, "");
  return `/console/${path}${query ? `?${query}` : ""}`;
}

/** Text as one word of a POSIX shell. @param {string} text */
export const shellWord = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

// Check: a reader asks a publisher whether a picture is theirs. No session; the picture stays here as a blob: address and is sent once.
import { Part, html, nothing } from "../part.js";
import { icon } from "../icons.js";
import { number, percent, t } from "../i18n.js";
import { dropZone, problem, say } from "../parts.js";
import * as api from "../api.js";

const TENANT = /^[a-z0-9_-]{1,64}$/;
const TRIES_WHEN_BUSY = 5;
const ANSWERS = { UNCHANGED: ["good", "check"], CHANGED: ["bad", "altered"], KNOWN: ["warn", "uncertain"], UNKNOWN: ["", "unknown"] };

/** What a refusal means to somebody who knows nothing of this server, or undefined. */
function plainly(error) {
  if (error.status === 404) return "gone";
  if (error.status === 413) return "large";
  if (error.status === 429) return "often";
  if (error.status === 503) return "busy";
  if (error.status === 400 || error.status === 415) return "unreadable";
  return error.status === 0 ? "offline" : undefined;
}

class Check extends Part {
  static properties = { path: {}, phase: { state: true }, progress: { state: true }, answer: { state: true }, error: { state: true }, seconds: { state: true } };

  #stop = new AbortController();
  #paste = (event) => {
    const [file] = [...event.clipboardData.files].filter(({ type }) => type.startsWith("image/"));
    if (file && this.phase !== "gone") this.#ask(file);
  };
  #leave = () => this.#clear();

  constructor() {
    super();
    /** The tenant of the address. */
    this.path = "";
    this.phase = "empty";
    this.progress = 0;
    this.seconds = 0;
    this.url = this.file = this.answer = this.error = null;
  }

  connectedCallback() {
    super.connectedCallback();
    document.addEventListener("paste", this.#paste);
    addEventListener("pagehide", this.#leave);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener("paste", this.#paste);
    removeEventListener("pagehide", this.#leave);
    this.#clear();
  }

  willUpdate(changed) {
    if (changed.has("path")) this.#clear(TENANT.test(this.path ?? "") ? "empty" : "gone");
  }

  /** Lets go of the picture, and of a call under way. */
  #clear(phase = "empty") {
    this.#stop.abort();
    if (this.url) URL.revokeObjectURL(this.url);
    Object.assign(this, { url: null, file: null, answer: null, error: null, phase });
  }

  async #ask(file, tries = 0) {
    if (file !== this.file) {
      this.#clear();
      Object.assign(this, { file, url: URL.createObjectURL(file) });
    }
    const stop = (this.#stop = new AbortController());
    Object.assign(this, { phase: "sending", progress: 0, error: null });
    try {
      const answer = await api.check(this.path, file, {
        signal: stop.signal,
        onProgress: (progress) => { if (!stop.signal.aborted) Object.assign(this, { progress, phase: progress < 1 ? "sending" : "asking" }); },
      });
      if (stop.signal.aborted) return;
      Object.assign(this, { answer: answer.answer, phase: "answer" });
      say(t(`check.${answer.answer}`, { tenant: this.path }));
    } catch (error) {
      if (stop.signal.aborted) return;
      if (error.code === undefined) throw error;
      if (error.status === 404) return this.#clear("gone");
      Object.assign(this, { error, phase: "refused" });
      if (error.status === 503 && error.retryAfter && tries < TRIES_WHEN_BUSY) this.#again(error.retryAfter, file, tries + 1, stop.signal);
      else say(t(`check.no.${plainly(error) ?? "other"}`));
    }
  }

  /** Asks again by itself, as the server says when. */
  #again(seconds, file, tries, signal) {
    if (signal.aborted) return;
    Object.assign(this, { seconds, phase: "busy" });
    if (seconds > 0) setTimeout(() => this.#again(seconds - 1, file, tries, signal), 1000);
    else this.#ask(file, tries);
  }

  #another = () => html`<div class="row center"><button type="button" class="button" @click=${() => this.#clear()}>${icon("close")}${t("another")}</button></div>`;

  #refusal() {
    const kind = plainly(this.error);
    if (!kind) return problem(this.error);
    const minutes = Math.ceil((this.error.retryAfter ?? 60) / 60);
    const { max = 0, actual = 0, limit } = this.error.errors?.find((field) => field.limit) ?? {};
    const unit = limit === "pixels" ? "pixels" : "bytes";
    const text = kind === "large" && limit ? t(`check.large.${unit}`, { max: number(max / 1e6, 1), actual: number(actual / 1e6, 1) }) : t(`check.no.${kind}.text`, { n: minutes });
    return html`<div class="note warn" role="alert"><p><strong>${t(`check.no.${kind}`)}</strong></p><p>${text}</p></div>
      ${["often", "busy", "offline"].includes(kind) ? html`<div class="row center"><button type="button" class="button" @click=${() => this.#ask(this.file)}>${icon("retry")}${t("retry")}</button></div>` : nothing}`;
  }

  #said() {
    switch (this.phase) {
      case "sending": return html`<p>${t("sending", { share: percent(this.progress) })}</p><progress aria-label=${t("sending.label")} max="1" .value=${this.progress}></progress>`;
      case "asking": return html`<p>${t("check.asking")}</p><progress aria-label=${t("check.asking")}></progress>`;
      case "busy": return html`<p>${t("busy")}</p><p class="muted small">${t("busy.text", { n: this.seconds })}</p><progress aria-label=${t("busy")}></progress>`;
      case "refused": return this.#refusal();
      default: {
        const [tone, glyph] = ANSWERS[this.answer] ?? ANSWERS.UNKNOWN;
        return html`<div class="verdict ${tone}"><div class="verdict-icon">${icon(glyph)}</div><h2>${t(`check.${this.answer}`, { tenant: this.path })}</h2></div>
          <p class="doubt">${t(`check.${this.answer}.not`, { tenant: this.path })}</p>`;
      }
    }
  }

  render() {
    if (this.phase === "gone") return html`<div class="check-page">${this.#brand()}<h1 class="unseen">${t("check.title")}</h1><section class="card">${empty404()}</section></div>`;
    return html`<div class="check-page">${this.#brand()}
      <div><h1>${t("check.ask", { tenant: this.path })}</h1><p class="muted">${t("check.text", { tenant: this.path })}</p></div>
      ${this.phase === "empty"
        ? dropZone({ title: t("drop.one"), hint: t("check.hint"), onFiles: ([file]) => this.#ask(file) })
        : html`<section class="card check-answer" aria-busy=${["sending", "asking", "busy"].includes(this.phase)}><img class="check-picture" src=${this.url} alt=${t("picture.alt", { name: this.file.name })}>
            <div class="stack-of card-body">${this.#said()}</div></section>
          <p class="promise">${icon("lock")}${t("promise.verify")}</p>${this.#another()}`}</div>`;
  }

  #brand = () => html`<span class="brand"><img src="/console/icon.svg" alt="" width="24" height="24">LumaTrace</span>`;
}

const empty404 = () => html`<div class="empty">${icon("unknown")}<h2>${t("check.no.gone")}</h2><p>${t("check.no.gone.text")}</p></div>`;

customElements.define("lt-check", Check);

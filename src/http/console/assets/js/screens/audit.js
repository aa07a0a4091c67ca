// Audit: who did what, newest first. The chain is checked here, event by event, so that nobody need believe the server about it.
import { html, nothing } from "../part.js";
import { icon } from "../icons.js";
import { dayLong, number, t, clock } from "../i18n.js";
import { copyable as copyableId, empty, problem, say, short, tag } from "../parts.js";
import { go } from "../router.js";
import { AskingPart, address, copyable, pages } from "../admin.js";
import { ACTIONS, circumstances, eventIcon, nameOf, sentence, split } from "../events.js";
import { check, lines, readHead, writeHead } from "../chain.js";
import * as api from "../api.js";

const PAGE = 50;
/** Milliseconds between two looks at the progress. */
const EACH = 100;
const FILTERS = ["actor", "action", "subject", "from", "to"];
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const PHOTO_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The first moment of a day of the person's calendar, `days` later, as the API wants it; undefined for what is no day. */
function moment(text, days = 0) {
  if (!DAY.test(text ?? "")) return undefined;
  const [year, month, day] = text.split("-").map(Number);
  const date = new Date(year, month - 1, day + days);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** A name as the log has it: whoever writes `ana` means the account. */
const actorOf = (text) => (!text || /^(operator|server)$|:/.test(text) ? text : `account:${text}`);

function subjectOf(text) {
  if (!text || text.includes(":")) return text;
  if (text.startsWith("LCUID-LAP-")) return `application:${text.slice(10)}`;
  return PHOTO_ID.test(text) ? `photo:${text}` : `account:${text}`;
}

class Audit extends AskingPart {
  static properties = { events: { state: true }, checking: { state: true }, result: { state: true }, checkError: { state: true }, whole: { state: true }, keptWrong: { state: true }, asked: { state: true } };

  #stop = new AbortController();

  constructor() {
    super();
    /** @type {import("../chain.js").AuditEvent[] | null} */
    this.events = null;
    this.next = null;
    /** A check under way: how many events are whole, of how many. */
    this.checking = null;
    /** @type {import("../chain.js").Checked | null} */
    this.result = null;
    this.checkError = null;
    /** The head that the result was compared with. @type {import("../chain.js").KeptHead | null} */
    this.noted = null;
    /** @type {import("../chain.js").Head | null} */
    this.whole = null;
    this.keptWrong = false;
    /** Whether the chain was checked: from then on its part of the page stays open. */
    this.asked = false;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#stop.abort();
  }

  willUpdate(changed) {
    if (changed.has("query")) this.#load();
  }

  /** The filters of the address as the API takes them. */
  get #filters() {
    const value = (name) => this.query.get(name)?.trim() || undefined;
    return { actor: actorOf(value("actor")), action: value("action"), subject: subjectOf(value("subject")), from: moment(value("from")), to: moment(value("to"), 1) };
  }

  get #filtered() { return FILTERS.some((name) => this.query.get(name)); }

  /** An address of this screen with these filters. */
  #address = (values) => address("audit", Object.fromEntries(Object.entries(values).filter(([, value]) => value)));

  #load = () => this.attempt(async () => {
    const asked = this.query;
    const page = await api.audit({ ...this.#filters, cursor: this.query.get("cursor"), limit: PAGE });
    if (asked !== this.query) return;
    Object.assign(this, { events: page.items, next: page.next });
    say(t("audit.found", { n: page.items.length }));
  });

  #filter = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    go(this.#address(Object.fromEntries(FILTERS.map((name) => [name, String(form.get(name)).trim()]))));
  };

  #check = async (event) => {
    event.preventDefault();
    const noted = String(new FormData(event.target).get("kept")).trim();
    const kept = noted ? readHead(noted) : null;
    this.keptWrong = Boolean(noted) && !kept;
    if (this.keptWrong) return /** @type {HTMLElement} */ (this.querySelector("#kept")).focus();
    const stop = (this.#stop = new AbortController());
    Object.assign(this, { asked: true, checking: { whole: 0, all: 0 }, result: null, checkError: null });
    let [whole, shownAt] = [{ sequence: 0, hash: "" }, 0];
    try {
      const [{ tenantId }, head] = await Promise.all([api.me(), api.auditHead()]);
      const onProgress = (now) => {
        whole = now;
        if (performance.now() - shownAt < EACH) return;
        shownAt = performance.now();
        this.checking = { whole: now.sequence, all: Math.max(head.sequence, now.sequence) };
      };
      const stream = await api.auditStream(stop.signal);
      const result = await check(lines(stream), { tenant: tenantId, head, kept, onProgress, signal: stop.signal });
      Object.assign(this, { result, noted: kept });
      say(this.#verdict(result).title);
    } catch (error) {
      if (stop.signal.aborted) return;
      // A stream that breaks off is no answer of the API: it has no code, and says nothing about the log.
      Object.assign(this, { checkError: error.code ? error : { brokeOff: true }, whole });
    } finally {
      if (stop === this.#stop) this.checking = null;
    }
  };

  #cancel = () => {
    this.#stop.abort();
    this.checking = null;
  };

  /** The result in words. */
  #verdict({ whole, broken, kept, keptAt }) {
    const at = keptAt ?? this.noted?.sequence;
    const compared = kept && { good: kept === "held", text: t(`kept.${kept}`, { sequence: number(at ?? 0) }) };
    if (!broken) return { good: !compared || compared.good, title: whole.sequence ? t("chain.whole", { n: whole.sequence, count: number(whole.sequence) }) : t("chain.empty"), text: t("chain.whole.text"), compared };
    const { reason, sequence, until = sequence, after = 0 } = broken;
    const several = until > sequence ? ".many" : "";
    return {
      good: false, compared,
      title: t(`break.${reason}${several}`, { sequence: number(sequence), until: number(until), after: number(after), before: number(sequence - 1) }),
      text: whole.sequence ? t("chain.upTo", { sequence: number(whole.sequence) }) : t("chain.fromTheFirst"),
    };
  }

  #resultPart() {
    const { whole, broken } = this.result;
    const { good, title, text, compared } = this.#verdict(this.result);
    return html`<div class="note ${good ? "good" : "bad"} stack-of">
      <div><p class="row"><span class="tone">${icon(broken ? "altered" : "check")}</span><strong>${title}</strong></p><p>${text}</p></div>
      ${compared ? html`<p class="row">${tag(compared.good ? "good" : "bad", t(compared.good ? "kept.same" : "kept.differs"), compared.good ? "check" : "altered")}<span>${compared.text}</span></p>` : nothing}
      ${whole.sequence ? html`<div class="head"><p class="small muted">${t(broken ? "head.last" : "head.now")}</p>
        ${copyable(t("head"), writeHead(whole))}
        <p class="small muted">${t("head.note")}</p></div>` : nothing}
      ${broken ? html`<div><a class="button tiny" href=${address("audit", { cursor: String(broken.sequence + 2) })}>${t("chain.look")}</a></div>` : nothing}</div>`;
  }

  #progress() {
    const { whole, all } = this.checking;
    return html`<div class="stack-of"><p class="small muted">${all ? t("chain.running", { done: number(whole), all: number(all) }) : t("chain.starting")}</p>
      <progress aria-label=${t("chain.check")} max=${all || nothing} .value=${whole}></progress><div><button type="button" class="button tiny" @click=${this.#cancel}>${icon("close")}${t("cancel")}</button></div></div>`;
  }

  #chain() {
    return html`<section class="card" aria-labelledby="chain"><details class="chain" ?open=${this.asked}><summary><h2 id="chain">${t("chain")}</h2><span class="muted small">${t("chain.short")}</span>${icon("next")}</summary>
      <div class="card-body stack-of">
        <p class="muted">${t("chain.text")}</p>
        <form class="chain-form" @submit=${this.#check}><div class="field"><label for="kept">${t("kept")}</label>
          <input class="input mono" id="kept" name="kept" autocomplete="off" autocapitalize="none" spellcheck="false" placeholder="1204:a6345e8d…" aria-invalid=${this.keptWrong ? "true" : nothing} aria-describedby="kept-hint" ?disabled=${Boolean(this.checking)}>
          <p class="small ${this.keptWrong ? "wrong" : "muted"}" id="kept-hint">${t(this.keptWrong ? "kept.wrong" : "kept.hint")}</p></div>
          <button class="button first" ?disabled=${Boolean(this.checking)}>${icon("audit")}${t("chain.check")}</button></form>
        ${this.checking ? this.#progress() : nothing}
        ${this.result ? this.#resultPart() : nothing}
        ${this.checkError?.brokeOff ? html`<div class="note warn" role="alert"><p><strong>${t("chain.brokeOff")}</strong> ${t(this.whole.sequence ? "chain.brokeOff.text" : "chain.brokeOff.early", { sequence: number(this.whole.sequence) })}</p></div>` : this.checkError ? problem(this.checkError) : nothing}
      </div></details></section>`;
  }

  #form() {
    const field = (name, type, hint = nothing) => html`<div class="field"><label for="f-${name}">${t(`filter.${name}`)}</label>
      <input class="input" id="f-${name}" name=${name} type=${type} autocomplete="off" autocapitalize="none" spellcheck="false" placeholder=${hint} .value=${this.query.get(name) ?? ""}></div>`;
    const chosen = this.query.get("action") ?? "";
    return html`<form class="audit-filters" role="search" aria-label=${t("filter")} @submit=${this.#filter}>
      ${field("actor", "text", t("filter.actor.hint"))}
      <div class="field"><label for="f-action">${t("filter.action")}</label><select class="input" id="f-action" name="action">
        <option value="">${t("filter.action.any")}</option>${ACTIONS.map((action) => html`<option value=${action} ?selected=${action === chosen}>${t(`kind.${action}`)}</option>`)}</select></div>
      ${field("subject", "text", t("filter.subject.hint"))}${field("from", "date")}${field("to", "date")}
      <div class="row"><button class="button">${icon("search")}${t("filter.show")}</button>
        ${this.#filtered ? html`<a class="button quiet" href="/console/audit">${icon("close")}${t("filter.clear")}</a>` : nothing}</div></form>`;
  }

  /** All that the log has of an event, and the ways on from it. */
  #members(event) {
    const [kind, id] = split(event.subject);
    return html`<div class="members stack-of"><div class="row">
        <a class="button tiny" href=${this.#address({ actor: event.actor })}>${t("event.allBy", { name: nameOf(event.actor, "name") })}</a>
        <a class="button tiny" href=${this.#address({ subject: event.subject })}>${t("event.allAbout", { name: nameOf(event.subject, "name") })}</a>
        ${kind === "photo" && event.action !== "photo.deleted" ? html`<a class="button tiny" href="/console/photo/${id}">${t("openPhoto")}</a>` : nothing}</div>
      <pre class="small">${JSON.stringify(event, null, 2)}</pre>
      <div>${copyableId(event.hash, t("event.hash", { hash: short(event.hash) }))}</div></div>`;
  }

  #event = (event) => html`<li>${icon(eventIcon(event))}
    <details class="event"><summary><span>${sentence(event)} <span class="small muted">${circumstances(event)}</span></span>${icon("next")}</summary>${this.#members(event)}</details>
    <div class="event-when small muted"><time datetime=${event.at}>${clock(event.at, "2-digit")}</time><span class="event-number">#${number(event.sequence)}</span></div></li>`;

  /** The events of a page, day by day of the person's calendar. */
  #days() {
    return [...Map.groupBy(this.events, (event) => dayLong(event.at))].map(([name, events]) => html`<section class="log-day"><h2 class="small muted">${name}</h2><ol class="log">${events.map(this.#event)}</ol></section>`);
  }

  #nothing() {
    return empty("audit", t("audit.none"), t(this.#filtered ? "audit.none.filtered" : "audit.none.text"), this.#filtered ? html`<a class="button" href="/console/audit">${t("filter.clear")}</a>` : nothing);
  }

  render() {
    return html`<div class="page">
      <div class="page-head"><div><h1>${t("nav.audit")}</h1><p>${t("audit.text")}</p></div>
        <a class="button" href=${api.auditExportAddress(this.#filters)} download title=${t("export.text")}>${icon("save")}${t(this.#filtered ? "export.some" : "export.all")}</a></div>
      ${this.#chain()}${this.#form()}
      ${this.error ? this.refused(this.#load) : nothing}
      ${this.events ? html`<section class="card" aria-label=${t("audit.events")} aria-busy=${Boolean(this.busy)}>${this.events.length ? this.#days() : this.#nothing()}</section>
        ${pages((cursor) => this.#address({ ...Object.fromEntries(FILTERS.map((name) => [name, this.query.get(name)])), cursor }), this.query.get("cursor"), this.next)}` : nothing}
    </div>`;
  }
}
customElements.define("lt-audit", Audit);

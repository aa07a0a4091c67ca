// Every screen of the console in every state, each with the way to it. What a real server gives at once is real; what it would give only
// when it is busy, broken or under attack is answered in its place.
import { attempt } from "./checks.mjs";
import { paint, edit } from "./pictures.mjs";
import { fillSignIn, signIn, verdict } from "./person.mjs";

/** How each state is looked at. */
export const VIEWS = [1440, 390].flatMap((width) => ["light", "dark"].map((scheme) => ({ width, scheme, height: width > 1000 ? 900 : 844 })));

const V1 = "**/api/v1";

/** What is painted over the edited photo, in fractions of it. */
const BLOCK = { x: 0.5, y: 0.4, width: 0.4, height: 0.4 };

const problem = (status, code, message, action, headers = {}) => ({
  status,
  contentType: "application/json",
  headers,
  body: JSON.stringify({ code, message, action, traceId: "0af7651916cd43dd8448eb211c80319c", status, errors: [] }),
});
const BUSY = problem(503, "SERVER_BUSY", "The server has too much to do.", "Try again in a few seconds.", { "Retry-After": "40" });
const LARGE = problem(413, "IMAGE_TOO_LARGE", "The image has 31 MB, and 25 MB are allowed.", "Send a smaller image.");
const BROKEN = problem(500, "INTERNAL_ERROR", "Something failed inside the server.", "Tell the operator the trace id.");

/** Answers a call in the server's place. */
const answer = (page, pattern, what) => instead(page, pattern, null, what);
const instead = (page, pattern, method, what) =>
  page.route(pattern, (route) => (method && route.request().method() !== method ? route.fallback() : route.fulfill(typeof what.body === "string" ? what : { json: what })));
/** What the server answers. The browser says where a request comes from; sent from here, it must be said again. */
const fetched = (route) => route.fetch({ timeout: 60_000, headers: { ...route.request().headers(), "sec-fetch-site": "same-origin" } });
/** Changes what the server answers. */
const change = (page, pattern, how) =>
  page.route(pattern, async (route) => {
    // A page that went on meanwhile wants no answer any more.
    const response = await fetched(route).catch(() => null);
    await (response ? route.fulfill({ response, json: how(await response.json()) }) : route.abort()).catch(() => {});
  });
/** Lets a call wait for its answer for ever. A route would keep the upload itself waiting. */
const hold = (kit, urlPattern) => kit.cdp.send("Fetch.enable", { patterns: [{ urlPattern, requestStage: "Response" }] });
const SPEED = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
/** Lets uploads crawl, so that their progress can be seen. */
const slow = (kit) => kit.cdp.send("Network.emulateNetworkConditions", { ...SPEED, uploadThroughput: 40_000 });

const choose = async (page, file, name = "harbour.jpg") => page.getByLabel("Choose a picture").setInputFiles({ name, mimeType: "image/jpeg", buffer: file });
const heading = (page, name, level = 1) => page.getByRole("heading", { level, name }).first().waitFor();

async function verify(page, kit, file, name) {
  await page.goto(`${kit.base}/console/verify`);
  await choose(page, file, name);
}
const verified = (which, how = null) => async (page, kit) => {
  if (how) await change(page, `${V1}/photos/identify`, (said) => ({ ...said, matches: how(said.matches, kit) }));
  await verify(page, kit, kit[which]);
  await verdict(page);
};
const at = (address, title) => async (page, kit) => {
  await page.goto(`${kit.base}/console/${address}`);
  await heading(page, title);
};
const press = (page, name) => page.getByRole("button", { name, exact: typeof name === "string" }).first().click();

const START = /^Protect (the photo|\d+ photos)/;
const dialog = (page) => page.getByRole("dialog").waitFor();

/** Whose eyes: `nobody` is not signed in, `admin` may administer. */
export const STATES = [
  { name: "sign-in", who: "nobody", open: at("sign-in", /Sign in/) },
  {
    name: "sign-in-refused", who: "nobody",
    async open(page, kit) {
      await page.goto(`${kit.base}/console/sign-in`);
      await fillSignIn(page, { tenantId: "demo", username: "demo", password: "not the password of anybody" });
      await press(page, "Sign in");
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "sign-in-no-cookie", who: "nobody",
    async open(page, kit) {
      await instead(page, "**/console/session", "GET", problem(401, "AUTH_MISSING", "No token was sent", "Log in."));
      await page.goto(`${kit.base}/console/sign-in`);
      await fillSignIn(page, kit.who);
      await press(page, "Sign in");
      await page.getByText("your browser kept no session").waitFor();
    },
  },
  {
    name: "sign-in-wait", who: "nobody",
    async open(page, kit) {
      await answer(page, "**/console/session", problem(429, "RATE_LIMIT_EXCEEDED", "Too many failed sign-ins.", "Wait, and try again.", { "Retry-After": "48" }));
      await page.goto(`${kit.base}/console/sign-in`);
      await fillSignIn(page, { tenantId: "demo", username: "demo", password: "wrong" });
      await press(page, "Sign in");
      await page.getByText(/Try again in \d+ seconds/).waitFor();
    },
  },
  { name: "home", open: at("", "Home") },
  {
    name: "home-empty",
    async open(page, kit) {
      await change(page, `${V1}/photos?*`, () => ({ items: [], next: null }));
      await change(page, `${V1}/photos`, () => ({ items: [], next: null }));
      await change(page, `${V1}/usage*`, (said) => ({ ...said, operations: { register: 0, protect: 0, verify: 0, identify: 0 }, days: [] }));
      await at("", "Home")(page, kit);
    },
  },
  {
    name: "home-broken",
    async open(page, kit) {
      for (const path of ["photos*", "usage*"]) await answer(page, `${V1}/${path}`, BROKEN);
      await page.goto(`${kit.base}/console/`);
      await page.getByText(BROKEN_WORDS).first().waitFor();
    },
  },
  { name: "missing", async open(page, kit) { await page.goto(`${kit.base}/console/nowhere`); await page.getByRole("heading").first().waitFor(); } },

  { name: "verify", open: at("verify", "Verify a picture") },
  {
    name: "verify-sending",
    async open(page, kit) {
      await page.goto(`${kit.base}/console/verify`);
      await slow(kit);
      await choose(page, kit.protected);
      await page.getByText(/Sending, [1-9]/).waitFor();
    },
  },
  {
    name: "verify-waiting",
    async open(page, kit) {
      await hold(kit, "*/api/v1/photos/identify");
      await verify(page, kit, kit.protected);
      await page.getByText("Looking for your mark").first().waitFor();
    },
  },
  {
    name: "verify-busy",
    async open(page, kit) {
      await answer(page, `${V1}/photos/identify`, BUSY);
      await verify(page, kit, kit.protected);
      await page.getByText("The server is busy").first().waitFor();
    },
  },
  {
    name: "verify-large",
    async open(page, kit) {
      await answer(page, `${V1}/photos/identify`, LARGE);
      await verify(page, kit, kit.protected);
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "verify-no-image",
    async open(page, kit) {
      await verify(page, kit, Buffer.from("This is a letter, not a picture."), "letter.jpg");
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "verify-offline",
    async open(page, kit) {
      await page.route(`${V1}/photos/identify`, (route) => route.abort());
      await verify(page, kit, kit.protected);
      await page.getByRole("alert").waitFor();
    },
  },
  { name: "verify-intact", open: verified("protected") },
  { name: "verify-recovered", open: verified("scaled") },
  { name: "verify-altered", open: verified("edited") },
  {
    name: "verify-conflict",
    open: verified("scaled", ([match], kit) => [{
      ...match, verdict: "CONFLICT", authentic: false, c2paStatus: "VALID",
      c2pa: { ...match.c2pa, status: "VALID", trust: "UNKNOWN", signer: { commonName: "Somebody", organization: "Elsewhere" }, signedAt: "2026-11-03T09:00:00Z", photoId: kit.otherId, codes: [] },
    }]),
  },
  { name: "verify-uncertain", open: verified("scaled", ([match]) => [{ ...match, alteration: "UNCERTAIN", smallestVisible: 0.6, watermark: { ...match.watermark, zScore: 7.1, falsePositiveProbability: 1e-10 } }]) },
  { name: "verify-unknown", open: verified("foreign") },
  { name: "verify-several", open: verified("protected", ([match], kit) => [match, { ...match, photoId: kit.otherId, label: "quay", exactMatch: false, verdict: "RECOVERED", authentic: false }]) },

  { name: "protect", open: at("protect", "Protect photos") },
  {
    name: "protect-lines",
    async open(page, kit) {
      await page.goto(`${kit.base}/console/protect`);
      const jpeg = (name, buffer) => ({ name, mimeType: "image/jpeg", buffer });
      await page.getByLabel("Choose photos").setInputFiles([jpeg("harbour.jpg", kit.original), jpeg("stamp.jpg", kit.stamp), jpeg("letter.jpg", Buffer.from("no picture"))]);
      await press(page, START);
      await page.getByRole("heading", { name: /2 of 3/ }).waitFor({ timeout: 60_000 });
    },
  },
  {
    name: "protect-sending",
    async open(page, kit) {
      await page.goto(`${kit.base}/console/protect`);
      await slow(kit);
      const jpeg = (name) => ({ name, mimeType: "image/jpeg", buffer: kit.original });
      await page.getByLabel("Choose photos").setInputFiles(["one.jpg", "two.jpg", "three.jpg", "four.jpg"].map(jpeg));
      await press(page, START);
      await page.getByText(/Sending, [1-9]/).first().waitFor();
    },
  },
  {
    name: "protect-ready",
    async open(page, kit) {
      await page.goto(`${kit.base}/console/protect`);
      await page.getByLabel("Choose photos").setInputFiles([{ name: "harbour.jpg", mimeType: "image/jpeg", buffer: kit.original }]);
      await page.getByRole("button", { name: START }).waitFor();
    },
  },

  { name: "photos", async open(page, kit) { await at("photos", "Photos")(page, kit); await page.locator("tbody tr").first().waitFor(); } },
  { name: "photos-limited", open: at("photos?level=LIMITED", "Photos") },
  {
    name: "photos-none",
    async open(page, kit) {
      await change(page, `${V1}/photos?*`, () => ({ items: [], next: null }));
      await page.goto(`${kit.base}/console/photos?label=zebra`);
      await page.getByText("No photo fits").waitFor();
    },
  },
  {
    name: "photos-empty",
    async open(page, kit) {
      await page.route(/\/api\/v1\/photos(\/count)?(\?.*)?$/, async (route) => {
        const count = route.request().url().includes("/count");
        await route.fulfill({ json: count ? { count: 0, exact: true } : { items: [], next: null } });
      });
      await at("photos", "Photos")(page, kit);
      await page.getByText("No photos yet").waitFor();
    },
  },
  { name: "photos-by-file", open: at(`photos?sha256=${"0".repeat(64)}`, "Photos") },
  { name: "photo", async open(page, kit) { await page.goto(`${kit.base}/console/photo/${kit.photoId}`); await heading(page, "Record", 2); } },
  { name: "photo-missing", async open(page, kit) { await page.goto(`${kit.base}/console/photo/00000000-0000-4000-8000-000000000000`); await page.getByText(/no such photo/).waitFor(); } },
  {
    name: "photo-naming",
    async open(page, kit) {
      await page.goto(`${kit.base}/console/photo/${kit.photoId}`);
      await press(page, /label|Rename/i);
      await page.getByLabel("Label", { exact: true }).waitFor();
    },
  },
  {
    name: "photo-receipt",
    async open(page, kit) {
      await page.goto(`${kit.base}/console/photo/${kit.photoId}`);
      await page.getByRole("textbox", { name: /receipt/i }).fill('{"photoId": "somebody else\'s", "signature": "a..b"}');
      await press(page, /^Check/);
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "photo-forget",
    async open(page, kit) {
      await page.goto(`${kit.base}/console/photo/${kit.photoId}`);
      await press(page, /^Forget/);
      await dialog(page);
    },
  },

  { name: "audit", who: "admin", async open(page, kit) { await at("audit", "Audit")(page, kit); await page.locator("ol.log li").first().waitFor(); } },
  {
    name: "audit-event", who: "admin",
    async open(page, kit) {
      await at("audit?action=photo.protected", "Audit")(page, kit);
      await page.locator("ol.log summary").first().click();
    },
  },
  {
    name: "audit-none", who: "admin",
    async open(page, kit) {
      await answer(page, `${V1}/audit?*`, { items: [], next: null });
      await at("audit?actor=nobody", "Audit")(page, kit);
    },
  },
  { name: "audit-chain", who: "admin", open: checked(/events are there/) },
  { name: "audit-chain-broken", who: "admin", open: checked(/was changed/, (line, i) => (i === 2 ? line.replace(/"actor": ?"[^"]*"/, '"actor":"account:mallory"') : line)) },

  { name: "accounts", who: "admin", open: at("accounts", "Accounts") },
  { name: "accounts-new", who: "admin", async open(page, kit) { await at("accounts?new", "Accounts")(page, kit); await dialog(page); } },
  {
    name: "accounts-made", who: "admin",
    async open(page, kit) {
      await instead(page, `${V1}/admin/accounts`, "POST", { username: "ben", role: "ROLE_USER", status: "enabled", createdAt: "2026-11-30T09:00:00Z", password: "correct-horse-battery-staple-0001" });
      await at("accounts?new", "Accounts")(page, kit);
      await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("ben");
      await press(page, "Create account");
      await page.getByText("Hand over the password").waitFor();
    },
  },
  {
    name: "accounts-manage", who: "admin",
    async open(page, kit) {
      await change(page, `${V1}/admin/accounts?*`, (said) => ({ ...said, items: [...said.items, { username: "ben", role: "ROLE_USER", status: "disabled", createdAt: "2026-11-03T09:00:00Z" }] }));
      await at("accounts?name=ben", "Accounts")(page, kit);
      await dialog(page);
      await page.locator("dialog summary", { hasText: "Delete" }).click();
    },
  },

  {
    name: "keys", who: "admin",
    async open(page, kit) {
      const soon = new Date(Date.now() + 5 * 864e5).toISOString();
      const key = { id: "5d1c6a52-3f0e-4b58-9d0c-1f0d4f6d2a11", name: "wordpress-plugin", scope: "photos:protect photos:verify", createdBy: "ana", createdAt: "2026-11-01T09:00:00Z", expiresAt: soon, lastUsedAt: "2026-11-29T09:00:00Z", revokedAt: null };
      await change(page, `${V1}/admin/api-keys?*`, (said) => ({ ...said, items: [key, { ...key, name: "old", scope: "admin", lastUsedAt: null, revokedAt: "2026-11-20T09:00:00Z" }] }));
      await at("keys", "Keys")(page, kit);
      await page.getByText("wordpress-plugin").waitFor();
    },
  },
  { name: "keys-new", who: "admin", async open(page, kit) { await at("keys?new", "Keys")(page, kit); await dialog(page); } },
  {
    name: "keys-made", who: "admin",
    async open(page, kit) {
      await instead(page, `${V1}/admin/api-keys`, "POST", { id: "5d1c6a52-3f0e-4b58-9d0c-1f0d4f6d2a11", name: "wordpress-plugin", scope: "photos:protect", apiKey: "lt_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG", createdAt: "2026-11-30T09:00:00Z", expiresAt: null });
      await at("keys?new", "Keys")(page, kit);
      await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("wordpress-plugin");
      await press(page, "Create key");
      await page.getByText("Copy the secret now").waitFor();
    },
  },
  { name: "applications", who: "admin", open: at("keys?applications", "Keys") },
  { name: "applications-new", who: "admin", async open(page, kit) { await at("keys?applications&new", "Keys")(page, kit); await dialog(page); } },
  { name: "settings", open: at("settings", "Settings") },
  { name: "settings-password", async open(page, kit) { await at("settings?password", "Settings")(page, kit); await dialog(page); } },
  { name: "settings-sessions", async open(page, kit) { await at("settings?sessions", "Settings")(page, kit); await dialog(page); } },
  {
    name: "step-up", who: "admin",
    async open(page, kit) {
      await instead(page, `${V1}/admin/api-keys`, "POST", problem(401, "AUTH_REAUTHENTICATE", "The password was given too long ago.", "Sign in again."));
      await at("keys?new", "Keys")(page, kit);
      await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("wordpress-plugin");
      await press(page, "Create key");
      await page.getByRole("heading", { name: "Your password again" }).waitFor();
    },
  },
  { name: "menu-more", narrow: true, async open(page, kit) { await at("", "Home")(page, kit); await press(page, "More"); } },
  { name: "german", async open(page, kit) { await at("", "Home")(page, kit); await press(page, /DE/); await heading(page, "Übersicht"); } },

  { name: "check", who: "nobody", open: check() },
  ...["UNCHANGED", "CHANGED", "KNOWN", "UNKNOWN"].map((said) => ({ name: `check-${said.toLowerCase()}`, who: "nobody", open: check({ answer: said, tenantId: "demo", message: "" }) })),
  { name: "check-limit", who: "nobody", open: check(problem(429, "RATE_LIMIT_EXCEEDED", "Too many pictures from here.", "Try again later.", { "Retry-After": "1200" })) },
  { name: "check-missing", who: "nobody", open: check(problem(404, "NOT_FOUND", "There is no such thing", "Check the address and the id.")) },
];
const BROKEN_WORDS = JSON.parse(BROKEN.body).message;

/** The audit screen, after the chain was checked. `how` changes a line of the log on its way. */
function checked(words, how = (line) => line) {
  return async (page, kit) => {
    await page.route(`${V1}/audit/export*`, async (route) => {
      const response = await fetched(route);
      const lines = (await response.text()).trimEnd().split("\n");
      await route.fulfill({ response, body: lines.map((line, i) => `${how(line, i)}\n`).join("") });
    });
    await at("audit", "Audit")(page, kit);
    await page.locator("summary", { hasText: "Check the chain" }).click();
    await press(page, "Check the chain");
    await page.getByText(words).first().waitFor({ timeout: 60_000 });
  };
}

/** The public page of a tenant; with `said`, after a picture was dropped there. */
function check(said = null) {
  return async (page, kit) => {
    if (said) await answer(page, `${V1}/check/*`, said);
    await page.goto(`${kit.base}/console/check/demo`);
    await page.getByRole("heading").first().waitFor();
    if (!said) return;
    await page.locator("input[type=file]").setInputFiles({ name: "harbour.jpg", mimeType: "image/jpeg", buffer: kit.protected });
    await page.locator("[role=alert], .verdict").or(page.getByText("Nobody answers here")).first().waitFor();
  };
}

/** Pictures, and photos on the server, that the states are about. `look` is of the one that is edited. */
export async function prepare(base, who, easel, look = {}) {
  const kit = { base, who };
  const login = await fetch(`${base}/api/v1/auth/login`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(who) });
  const { token } = await login.json();
  const headers = { authorization: `Bearer ${token}` };
  kit.original = await paint(easel, { seed: Date.now() % 1e6, ...look });
  kit.foreign = await paint(easel, { seed: (Date.now() % 1e6) + 1, width: 900, height: 640 });
  kit.stamp = await paint(easel, { seed: (Date.now() % 1e6) + 2, width: 200, height: 150 });
  const protect = async (bytes, label) => {
    const form = new FormData();
    form.append("image", new Blob([bytes]), "image");
    form.append("request", JSON.stringify({ label }));
    const answer = await fetch(`${base}/api/v1/photos/protect`, { method: "POST", headers, body: form });
    if (!answer.ok) throw new Error(`protect: ${answer.status} ${await answer.text()}`);
    return { id: answer.headers.get("x-photo-id"), bytes: Buffer.from(await answer.arrayBuffer()) };
  };
  const one = await protect(kit.original, "harbour");
  Object.assign(kit, { photoId: one.id, protected: one.bytes });
  kit.otherId = (await protect(await paint(easel, { seed: (Date.now() % 1e6) + 3 }), "quay")).id;
  await protect(kit.stamp, "stamp");
  kit.edited = await edit(easel, kit.protected, { block: BLOCK });
  kit.scaled = await edit(easel, kit.protected, { scale: 0.6, quality: 0.85 });
  const { role } = await (await fetch(`${base}/api/v1/me`, { headers })).json();
  kit.admin = role === "ROLE_ADMIN";
  await fetch(`${base}/api/v1/auth/logout`, { method: "POST", headers });
  return kit;
}

/**
 * Takes a page from state to state; `visit` is called in each. `only` has the beginnings of the names that are meant, or nothing.
 * @returns {Promise<number>} in how many states it was
 */
export async function through(page, kit, only, visit) {
  let states = 0;
  for (const state of STATES) {
    if (only.length && !only.some((name) => state.name.startsWith(name))) continue;
    if (state.who === "admin" && !kit.admin) {
      console.log(`SKIPPED: ${state.name}, the account is no administrator's`);
      continue;
    }
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize(state.narrow ? { width: 390, height: 844 } : { width: 1440, height: 900 });
    if (!(await attempt(page, state.name, () => enter(page, kit, state)))) continue;
    states += 1;
    await visit(state, VIEWS.filter(({ width }) => !state.narrow || width < 1000));
  }
  return states;
}

/** Takes a page to a state, and away from the last one. */
async function enter(page, kit, state) {
  await page.unrouteAll({ behavior: "ignoreErrors" });
  kit.cdp ??= await page.context().newCDPSession(page);
  await kit.cdp.send("Network.enable");
  await kit.cdp.send("Fetch.disable");
  await kit.cdp.send("Network.emulateNetworkConditions", SPEED);
  const signedIn = (await page.context().cookies()).length > 0;
  if (state.who === "nobody" && signedIn) await page.context().clearCookies();
  if (state.who !== "nobody" && !signedIn) await signIn(page, kit.base, kit.who);
  await page.evaluate(() => localStorage.clear()).catch(() => {});
  await state.open(page, kit);
}

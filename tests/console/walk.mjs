// The walk: sign in, protect a photo, save it, edit it, verify it, find the area under the edit, sign out, and nothing is left.
//
//     node walk.mjs BASE_URL CREDENTIALS_JSON
//
// Meanwhile the browser's own protocol notes what leaves for where, and what the policy of the pages refuses; afterwards every file
// of the browser's profile is searched for pieces of the picture.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { foreign, open, watch } from "./browser.mjs";
import { attempt, check, summary } from "./checks.mjs";
import { areas, credentials, fillSignIn, go, overlap, signIn, verdict } from "./person.mjs";
import { edit, paint } from "./pictures.mjs";
import { Needles, search } from "./traces.mjs";

const [base, path] = process.argv.slice(2);
if (!path) throw new Error("usage: walk.mjs BASE_URL CREDENTIALS_JSON");
const who = credentials(path);

/** What is painted over the photo, in fractions of it: 16 %, more than any replacement that could stay unseen. */
const BLOCK = { x: 0.5, y: 0.4, width: 0.4, height: 0.4 };
/** The file's name, and with it the label: a word that is nowhere else. */
const NAME = `harbour-${Date.now()}`;

const browser = await open();
const { context, page, folder, profile } = browser;
const easel = await context.newPage();
await page.bringToFront();
const seen = await watch(context, page);
const chromium = await context.newCDPSession(page);
const visited = [];
page.on("framenavigated", (frame) => visited.push(frame.url()));
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const needles = new Needles();
const put = (name, bytes) => {
  needles.add(bytes);
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

let [drawn, shares, back] = [[], [], 0];
await attempt(page, "the walk", async () => {
  // First start: who is not signed in is led to the one screen that is open.
  await page.goto(`${base}/console/`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  check(new URL(page.url()).pathname === "/console/sign-in", "without a session, /console/ leads to sign-in");
  await fillSignIn(page, { ...who, password: "not the password of anybody" });
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("alert").waitFor();
  check(new URL(page.url()).pathname === "/console/sign-in", "a wrong password stays at sign-in, and says so");
  await signIn(page, base, who);
  const [cookie, ...others] = await context.cookies();
  check(cookie?.httpOnly && cookie.sameSite === "Strict" && others.length === 0, "the session is one cookie, HttpOnly and SameSite=Strict");

  // Protect, and save.
  const photo = put(`${NAME}.jpg`, await paint(easel, { seed: Date.now() % 1e6 }));
  await go(page, "Protect");
  await page.getByLabel("Choose photos").setInputFiles(photo);
  await page.getByRole("button", { name: "Protect the photo" }).click();
  const save = page.getByRole("link", { name: /^Save(?! all)/ }).or(page.getByRole("button", { name: /^Save(?! all)/ })).first();
  await save.waitFor({ timeout: 60_000 });
  const [download] = await Promise.all([page.waitForEvent("download"), save.click()]);
  const saved = readFileSync(await download.path());
  const protectedFile = put("saved.jpg", saved);
  check(saved.length > 10_000 && sha256(saved) !== sha256(readFileSync(photo)), "what was saved is a picture, and another one than was sent");
  check(download.suggestedFilename().includes(NAME), `the saved file has a name that tells what it is of: ${download.suggestedFilename()}`);

  // Verify it as it is.
  await go(page, "Verify");
  await page.getByLabel("Choose a picture").setInputFiles(protectedFile);
  const whole = await verdict(page);
  check(whole.name === "Intact", `the saved file is intact: ${whole.name}, ${whole.headline}`);
  check((await areas(page).catch(() => [])).length === 0, "no area is drawn over it");

  // Edit it, save it again, and verify: a second picture replaces the first.
  const edited = put("edited.jpg", await edit(easel, saved, { block: BLOCK }));
  await page.getByRole("button", { name: "Another picture" }).click();
  await page.getByLabel("Choose a picture").setInputFiles(edited);
  const altered = await verdict(page);
  check(altered.name === "Altered", `the edited file is altered: ${altered.name}, ${altered.headline}`);
  drawn = await areas(page);
  shares = drawn.map((corners) => overlap(corners, BLOCK));
  const best = drawn[shares.indexOf(Math.max(...shares))] ?? [[0, 0]];
  const middle = [0, 1].map((axis) => best.reduce((sum, corner) => sum + corner[axis], 0) / best.length);
  const inside = middle[0] > BLOCK.x && middle[0] < BLOCK.x + BLOCK.width && middle[1] > BLOCK.y && middle[1] < BLOCK.y + BLOCK.height;
  check(drawn.length > 0 && inside, `the middle of a drawn area lies under the edit: ${JSON.stringify(middle)}`);
  check(Math.max(0, ...shares) >= 0.3, `a drawn area covers the edit: overlap ${Math.max(0, ...shares).toFixed(2)}`);
  const list = page.getByRole("listitem").filter({ has: page.getByRole("button", { name: /Area 1/ }) });
  check((await list.count()) > 0, "the list beside says in words what is drawn");
  check(await page.locator("lt-picture img").evaluate((image) => image.src.startsWith("blob:")), "the picture on the screen is the browser's own");
  const during = search(profile, needles);
  check(during.found.length === 0, `while the picture is on the screen, no file of the profile has a piece of it: ${during.found}`);

  // One photo's page, so that the history has something that must not come back.
  await go(page, "Photos");
  await page.getByRole("link", { name: NAME }).first().click();
  await page.getByRole("heading", { level: 1, name: NAME }).waitFor();

  // What is kept in the browser.
  const stored = await page.evaluate(async () => ({
    local: { ...localStorage },
    session: { ...sessionStorage },
    databases: (await indexedDB.databases()).map(({ name }) => name),
    caches: await caches.keys(),
    cookie: document.cookie,
    workers: (await navigator.serviceWorker.getRegistrations()).length,
  }));
  check(Object.keys(stored.local).every((key) => ["theme", "language"].includes(key)), `localStorage has a theme and a language at most: ${JSON.stringify(stored.local)}`);
  check(Object.keys(stored.session).length === 0, `sessionStorage is empty: ${JSON.stringify(stored.session)}`);
  check(stored.databases.length + stored.caches.length + stored.workers === 0, "no database, no cache of a worker, no worker");
  check(stored.cookie === "", "no script sees a cookie");

  // Sign out: the back button shows nothing.
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  check((await context.cookies()).length === 0, "signing out takes the cookie away");
  const photoWords = [NAME, "Altered", "Intact"];
  const leak = async () => {
    const text = await page.locator("body").innerText();
    const blobs = await page.locator("img[src^='blob:']").count();
    return [...photoWords.filter((word) => text.includes(word)), ...(blobs ? ["a picture"] : [])];
  };
  // As the button does it, with the browser's memory of pages, which Playwright's own goBack does not reckon with.
  const goBack = async () => {
    await page.evaluate(() => history.back()).catch(() => {});
    await page.waitForTimeout(600);
  };
  const { currentIndex } = await chromium.send("Page.getNavigationHistory");
  for (; back < currentIndex; back++) {
    await goBack();
    const shown = await leak();
    check(shown.length === 0, `step ${back + 1} of the back button, ${page.url()}, shows ${shown}`);
  }
  check(back > 3, `the back button was pressed ${back} times`);
  await page.goto(`${base}/console/photos`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  check((await page.evaluate(() => fetch("/api/v1/me").then((answer) => answer.status))) === 401, "the session is over for the API too");
  await page.goto("about:blank");
  await goBack();
  check((await leak()).length === 0, "nothing comes back out of the browser's memory of pages");
  const { entries } = await chromium.send("Page.getNavigationHistory");
  const telling = [...visited, ...entries.flatMap(({ url, title }) => [url, title])].filter((text) => text.includes(NAME) || /^(blob|data):/.test(text));
  check(telling.length === 0, `no address or title of the history tells of the file: ${telling}`);
});

const away = foreign(seen.requests, base);
check(seen.requests.length > 20, `the log of the network has the walk: ${seen.requests.length} requests`);
check(away.length === 0, `no request left for another host: ${JSON.stringify(away)}`);
check(seen.violations.length === 0, `the policy refused nothing: ${seen.violations}`);
check(seen.errors.length === 0, `no script failed: ${seen.errors}`);
const { length: requests } = seen.requests;
const { length: violations } = seen.violations;

// Each watch finds what is there to be found.
await page.goto(`${base}/console/sign-in`);
await page.evaluate(() => {
  document.body.append(Object.assign(document.createElement("img"), { src: "https://elsewhere.invalid/pixel.png" }));
  try {
    document.body.innerHTML = "<b>unchecked</b>";
  } catch {
    // as it should be
  }
  setTimeout(() => { throw new Error("on purpose"); });
  localStorage.setItem("theme", "a word that is kept in the profile");
});
await page.waitForTimeout(1000);
check(seen.violations.length >= violations + 2, "the watch sees what the policy refuses");
check(seen.errors.length > 0, "the watch sees a script that fails");
const control = new Needles();
control.put(Buffer.from("a word that is kept in the profile"));
control.put(Buffer.from("a word that is kept in the profile", "utf16le"));

await context.close();
const after = search(profile, needles);
check(after.found.length === 0, `no file of the profile has a piece of the picture: ${after.found}`);
check(search(profile, control).found.length > 0, "the search finds what is there");
await browser.close();

summary(
  `requests ${requests}, to other hosts ${away.length}, violations of the policy ${violations}`,
  `area: overlap ${Math.max(0, ...shares).toFixed(2)} with the edit, of ${drawn.length} drawn`,
  `profile: ${after.count} files, ${after.bytes} bytes, none of ${needles.size} pieces; ${back} steps back showed nothing`,
);

// The console by keyboard alone: Tab, Enter, Space, arrows, Escape and "/", with no mouse; the focus can always be seen, and nothing covers it.
//
//     node keyboard.mjs BASE_URL CREDENTIALS_JSON
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { open, watch } from "./browser.mjs";
import { attempt, check, summary } from "./checks.mjs";
import { credentials, verdict } from "./person.mjs";
import { prepare } from "./states.mjs";

const [base, path] = process.argv.slice(2);
if (!path) throw new Error("usage: keyboard.mjs BASE_URL CREDENTIALS_JSON");
const who = credentials(path);

const browser = await open({ height: 800 });
const { context, page, folder } = browser;
const easel = await context.newPage();
await page.bringToFront();
const kit = await prepare(base, who, easel);
const seen = await watch(context, page);
const keep = (name, bytes) => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};
let stops = 0;

/** What has the focus: its name, and whether a person sees that it has it. */
const focus = () =>
  page.evaluate(() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const text = (one) => one?.innerText?.trim().replace(/\s+/g, " ") ?? "";
    const name = element.getAttribute("aria-label") || [...(element.labels ?? [])].map(text).join(" ") || text(element) || element.getAttribute("title") || element.id;
    // A file chooser is drawn by the label around it.
    const shown = element.matches(".unseen") ? element.closest("label") : element;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(shown);
    const box = shown.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const top = document.elementFromPoint(Math.min(Math.max(x, 0), innerWidth - 1), Math.min(Math.max(y, 0), innerHeight - 1));
    return {
      name,
      tag: element.localName,
      // The calendar in a date field has a ring of the browser's own, which no style of the page tells of.
      outlined: element.matches("[type=date]:not(:focus-visible)") || (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1) || boxShadow !== "none",
      inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
      uncovered: Boolean(top) && (shown.contains(top) || top.contains(shown)),
    };
  });

const isSeen = (now) => now.outlined && now.inside && now.uncovered;

async function seeFocus() {
  let now = await focus();
  // A screen that is still loading moves under it: it has a second to come to rest.
  for (let wait = 0; wait < 20 && now && now.tag !== "main" && !isSeen(now); wait += 1) {
    await page.waitForTimeout(50);
    now = await focus();
  }
  if (!now || now.tag === "main") return now;
  stops += 1;
  check(isSeen(now), `the focus is seen on “${now.name.slice(0, 60)}” (${now.tag}) of ${new URL(page.url()).pathname}: ${JSON.stringify(now)}`);
  return now;
}

/** Tab, until what has the focus is called that. */
async function tabTo(name, key = "Tab") {
  const passed = [];
  for (let i = 0; i < 90; i++) {
    await page.keyboard.press(key);
    const now = await seeFocus();
    if (now && (name instanceof RegExp ? name.test(now.name) : now.name === name)) return now;
    passed.push(now?.name.slice(0, 24));
  }
  throw new Error(`no Tab leads to ${name}: ${[...new Set(passed)].join(" | ")}`);
}
const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
async function enter(name, key = "Enter") {
  await tabTo(name);
  await press(key);
}
const type = (text) => page.keyboard.type(text);
const title = (name) => page.getByRole("heading", { level: 1, name }).waitFor();
/** By the menu, as somebody goes there who sees it. */
async function screen(name, heading = name) {
  await enter(name);
  await title(heading);
}
const chosen = async (label, file) => {
  await tabTo(label);
  check((await focus()).tag === "input", `${label} is reached by Tab, and opens by Space as each file chooser does`);
  await page.getByLabel(label).setInputFiles(file);
};
const walk = (what, body) => attempt(page, what, body);

await walk("sign in", async () => {
  await page.goto(`${base}/console/`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await tabTo("Tenant");
  await type(who.tenantId);
  await tabTo("Name");
  await type(who.username);
  await tabTo("Password");
  await type(who.password);
  await press("Enter");
  await title("Home");
});

await walk("skip the menu", async () => {
  await page.reload();
  await title("Home");
  await enter("Skip to content");
  check((await page.evaluate(() => document.activeElement.localName)) === "main", "“Skip to content” goes there");
});

await walk("protect and save", async () => {
  await page.reload();
  await screen("Protect", "Protect photos");
  await chosen(/^Choose photos/, keep("keyboard.jpg", kit.foreign));
  check((await focus()) !== null, "the focus is not lost when a file was chosen");
  await enter("Protect the photo");
  await page.getByText(/1 of 1/).first().waitFor({ timeout: 60_000 });
  await tabTo(/^Save(?! all)/);
  const [download] = await Promise.all([page.waitForEvent("download"), press("Enter")]);
  check(Boolean(await download.path()), "Enter saves the protected file");
});

await walk("verify, and look closely", async () => {
  await screen("Verify", "Verify a picture");
  await chosen(/^Choose a picture/, keep("edited.jpg", kit.edited));
  check((await verdict(page)).name === "Altered", "the verdict is there");
  await tabTo(/move with the arrows/);
  const zoomed = () => page.locator(".zoomed").innerText();
  const before = await zoomed();
  await press("+", "+");
  check((await zoomed()) !== before, "plus zooms in");
  await press("ArrowRight", "ArrowDown", "-");
  await press("0");
  check((await zoomed()) === before, "0 fits the picture again");
  await press("o");
  check((await page.locator("svg.over").count()) === 0, "O hides the marks");
  await press("o");
  check((await page.locator("svg.over").count()) === 1, "O shows them again");
  await enter(/^Area 1|^1 ?Area 1|Area 1:/);
  check((await zoomed()) !== before, "an area of the list is brought close");
  await enter("Evidence", "Space");
  check(await page.locator("details").filter({ hasText: "Evidence" }).evaluate((details) => details.open), "Space opens the evidence");
  await enter("Another picture");
  await title("Verify a picture");
});

await walk("find a photo, and forget it", async () => {
  await screen("Photos");
  await page.locator("tbody tr").first().waitFor();
  await press("/");
  check((await seeFocus())?.tag === "input", "the slash goes to the search");
  await type("stamp");
  await page.waitForURL(/label=stamp/);
  await page.waitForFunction(() => {
    const rows = [...document.querySelectorAll("tbody tr")];
    return rows.length > 0 && rows.every((row) => row.textContent.includes("stamp"));
  });
  await press("ArrowDown");
  check((await focus())?.name === "stamp", "an arrow goes from the search to the first row");
  await press("ArrowUp");
  check((await seeFocus())?.tag === "input", "and another back");
  await press("ArrowDown");
  await press("Enter");
  await title("stamp");
  await enter("Forget …");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await press("Escape");
  check(!(await dialog.isVisible()), "Escape closes the question");
  check((await focus())?.name === "Forget …", "and the focus is where it was");
  await press("Enter");
  await dialog.waitFor();
  await tabTo(/^Type /);
  check(await dialog.getByRole("button", { name: "Forget this photo" }).isDisabled(), "nothing is forgotten before its name is typed");
  await type("stamp");
  await enter("Forget this photo");
  await title("Photos");
});

if (kit.admin) {
  await walk("audit", async () => {
    await screen("Audit");
    await page.locator("ol.log li").first().waitFor();
    await enter(/^Check the chain/);
    await tabTo(/^A head that I noted/);
    await enter("Check the chain");
    await page.getByText(/events are there, unchanged/).first().waitFor({ timeout: 60_000 });
    await tabTo("Did what");
    await type("Photo protected");
    await enter("Show");
    await page.waitForURL(/action=photo.protected/);
  });

  const name = `keyboard-${Date.now()}`;
  await walk("an account, made and deleted", async () => {
    await screen("Accounts");
    const dialog = page.getByRole("dialog");
    await enter("New account");
    await dialog.waitFor();
    await tabTo("Name");
    await type(name);
    await enter("Create account");
    await page.getByText("Hand over the password").waitFor();
    await press("Escape");
    check(await dialog.isVisible(), "Escape does not take away a password that nobody can show again");
    await enter("I have stored it");
    await enter(`Manage ${name}`);
    await enter(/^Disable/);
    await enter("Disable the account");
    await dialog.getByText(/may no longer sign in/).first().waitFor();
    await enter(/^Delete/);
    await tabTo(/^Type /);
    await type(name);
    await enter("Delete the account");
    await dialog.waitFor({ state: "hidden" });
    check((await page.getByRole("button", { name: `Manage ${name}` }).count()) === 0, "the account is gone");
  });

  await walk("a key, made and revoked", async () => {
    await screen("Keys", /Keys/);
    await enter("New key");
    await page.getByRole("dialog").waitFor();
    await tabTo("Name");
    await type(name);
    await tabTo(/^Read records/);
    await press("Space");
    await enter("Create key");
    await page.getByText("Copy the secret now").waitFor();
    await enter("I have stored it");
    await enter(new RegExp(`^Revoke ${name}`));
    const again = page.getByRole("dialog");
    await again.waitFor();
    await enter(/^Revoke/);
    await again.waitFor({ state: "hidden" });
  });
} else console.log("SKIPPED: administration by keyboard, the account is no administrator's");

await walk("settings", () => screen("Settings"));

await walk("sign out", async () => {
  await enter("Sign out");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});

check(seen.errors.length === 0, `no script failed: ${[...new Set(seen.errors)]}`);
await browser.close();
summary(`keyboard: ${stops} stops of the focus, each to be seen`);

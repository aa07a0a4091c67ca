// Screenshots of every screen and state, wide and narrow, light and dark, to be looked at by people.
//
//     node shots.mjs BASE_URL CREDENTIALS_JSON FOLDER [STATE...]
//     node shots.mjs BASE_URL CREDENTIALS_JSON --readme     the two in docs/images, of a picture that the test paints
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { open } from "./browser.mjs";
import { check, summary } from "./checks.mjs";
import { fewColours } from "./few-colours.mjs";
import { credentials, signIn } from "./person.mjs";
import { prepare, through } from "./states.mjs";

const [base, path, where, ...only] = process.argv.slice(2);
if (!where) throw new Error("usage: shots.mjs BASE_URL CREDENTIALS_JSON FOLDER|--readme [STATE...]");
const readme = where === "--readme";
const folder = readme ? fileURLToPath(new URL("../../docs/images", import.meta.url)) : where;
mkdirSync(folder, { recursive: true });

const { context, page, close } = await open();
const easel = await context.newPage();
await page.bringToFront();
// Grain would fill the two small ones with noise; always the same picture, so that a new shot shows what changed.
const kit = await prepare(base, credentials(path), easel, readme ? { seed: 4, grain: 2 } : {});

/** The narrow menu lies at the lower edge of the window: a window as tall as the page shows it where it belongs. */
async function shoot(name, { width, height, scheme }) {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: scheme });
  await page.waitForTimeout(100);
  const tall = await page.evaluate(() => document.documentElement.scrollHeight);
  if (width < 1000) await page.setViewportSize({ width, height: Math.max(height, Math.min(tall, 4000)) });
  await page.screenshot({ path: join(folder, `${name}-${width}-${scheme}.png`), fullPage: width > 1000 });
}

if (readme) {
  const most = 60_000;
  await signIn(page, base, kit.who);
  await through(page, kit, ["verify-altered", "protect-lines"], async (state) => {
    const file = join(folder, `console-${state.name.split("-")[0]}.png`);
    await page.setViewportSize({ width: 1080, height: 660 });
    await page.waitForTimeout(200);
    writeFileSync(file, await fewColours(easel, await page.screenshot()));
    check(statSync(file).size <= most, `${file} has ${statSync(file).size} bytes, of at most ${most}`);
  });
  await close();
  summary(`two screenshots in ${folder}`);
} else {
  let count = 0;
  const states = await through(page, kit, only, async (state, views) => {
    for (const view of views) await shoot(state.name, view);
    count += views.length;
  });
  await close();
  check(states > 0, "there were states to look at");
  summary(`${count} screenshots of ${states} states in ${folder}`);
}

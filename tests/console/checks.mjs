// Counting of checks, and where things are. A failure is said at once and counted; the rest goes on, so that one run tells all.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that the server embeds. */
export const assets = fileURLToPath(new URL("../../src/http/console/assets", import.meta.url));

let ran = 0;
const failed = [];

export function check(holds, what) {
  ran += 1;
  if (holds) return true;
  failed.push(what);
  console.error(`FAILED: ${what}`);
  return false;
}

/**
 * Does something on a page. Where that cannot be done, the failure says what the page showed instead; with CONSOLE_FAILURES, a folder,
 * as a picture too.
 * @param {import("playwright-core").Page} page
 */
export async function attempt(page, what, body) {
  try {
    await body();
    return true;
  } catch (error) {
    const text = await page.locator("body").innerText().catch(() => "nothing");
    check(false, `${what}: ${error.message}\n  at ${page.url()}, which shows: ${text.replace(/\s+/g, " ").slice(0, 600)}`);
    if (process.env.CONSOLE_FAILURES) {
      mkdirSync(process.env.CONSOLE_FAILURES, { recursive: true });
      await page.screenshot({ path: join(process.env.CONSOLE_FAILURES, `${what.replace(/\W+/g, "-")}.png`) }).catch(() => {});
    }
    return false;
  }
}

/** The last line of a script, and its exit code. */
export function summary(...lines) {
  for (const line of lines) console.log(line);
  console.log(`${ran} checks ran, ${failed.length} failed`);
  process.exitCode = failed.length ? 1 : 0;
}

// Counting of checks, and where things are. A failure is said at once and counted; the rest goes on, so that one run tells all.
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

/** The last line of a script, and its exit code. */
export function summary(...lines) {
  for (const line of lines) console.log(line);
  console.log(`${ran} checks ran, ${failed.length} failed`);
  process.exitCode = failed.length ? 1 : 0;
}

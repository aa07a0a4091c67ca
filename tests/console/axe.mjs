// Accessibility: axe-core on every screen and state, wide and narrow, light and dark; and nothing lost at 320 pixels or at 200 %.
//
//     node axe.mjs BASE_URL CREDENTIALS_JSON [STATE...]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { open, watch } from "./browser.mjs";
import { check, summary } from "./checks.mjs";
import { credentials } from "./person.mjs";
import { prepare, through } from "./states.mjs";

const [base, path, ...only] = process.argv.slice(2);
if (!path) throw new Error("usage: axe.mjs BASE_URL CREDENTIALS_JSON [STATE...]");

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** 320 px wide, 1280 px at 200 %, and as most people have it. */
const TIGHT = [{ width: 320, height: 640 }, { width: 640, height: 480 }, { width: 1440, height: 900 }];

const { context, page, close } = await open();
const easel = await context.newPage();
await page.bringToFront();
const kit = await prepare(base, credentials(path), easel);
const seen = await watch(context, page);
const cdp = await context.newCDPSession(page);

/** By the browser's protocol: the policy of the page lets no script in, and shall not have to. */
async function violations() {
  const run = `${axe}; axe.run(document, { runOnly: ${JSON.stringify(RULES)}, resultTypes: ["violations"] }).then(({ violations }) => JSON.stringify(violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(({ target, failureSummary }) => [target.join(" "), failureSummary]) }))))`;
  const { result, exceptionDetails } = await cdp.send("Runtime.evaluate", { expression: run, awaitPromise: true, returnByValue: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return JSON.parse(result.value);
}

/** What sticks out of the page, is cut off by what it is in, or lies under something else. A table that scrolls by itself is allowed to. */
const lost = () =>
  page.evaluate(() => {
    const wide = document.scrollingElement.scrollWidth - innerWidth;
    const found = wide > 0 ? [`the page is ${wide} px wider than the window`] : [];
    const name = (element) => element.getAttribute("aria-label") || element.innerText?.trim().slice(0, 40) || element.id || element.localName;
    // Of dialogs that lie on each other only the last is there to be used.
    const dialog = [...document.querySelectorAll("dialog:modal")].at(-1);
    for (const control of document.querySelectorAll("a[href], button, input:not(.unseen), select, textarea, summary, h1, h2, [tabindex='0']")) {
      if (!control.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
      if (control.closest(".unseen, .skip, [inert]") || (dialog && !dialog.contains(control))) continue;
      const box = control.getBoundingClientRect();
      if (!box.width || !box.height) continue;
      const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
      const top = x > 0 && x < innerWidth && y > 0 && y < innerHeight ? document.elementFromPoint(x, y) : null;
      // The narrow menu lies over what can be scrolled from under it.
      if (top && !control.contains(top) && !top.contains(control) && !top.closest("nav, header")) found.push(`${name(control)}: covered by ${top.localName} ${top.className}`);
      let [left, right] = [0, innerWidth];
      for (let frame = control.parentElement; frame; frame = frame.parentElement) {
        const { overflowX } = getComputedStyle(frame);
        if (["auto", "scroll"].includes(overflowX) && frame.scrollWidth > frame.clientWidth) [left, right] = [-Infinity, Infinity];
        else if (["hidden", "clip"].includes(overflowX)) {
          const around = frame.getBoundingClientRect();
          [left, right] = [Math.max(left, around.left), Math.min(right, around.right)];
        }
      }
      // Badges over a zoomed picture leave it with what they mark.
      if (control.matches(".badge")) continue;
      if (box.left < left - 1 || box.right > right + 1) found.push(`${name(control)}: from ${Math.round(box.left)} to ${Math.round(box.right)} px`);
      else if (control.matches("button, a.button") && control.scrollWidth > control.clientWidth + 1 && getComputedStyle(control).overflowX !== "visible") found.push(`${name(control)}: its words are cut off`);
    }
    return found;
  });

let [looked, fitted] = [0, 0];
const states = await through(page, kit, only, async (state, views) => {
  const said = new Map();
  for (const { scheme, ...size } of views) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme: scheme });
    await page.waitForTimeout(50);
    const found = await violations();
    looked += 1;
    // What is wrong in all four views is told once, and counted four times.
    for (const { id, help, nodes } of found) said.set(id, said.get(id) ?? `${id} (${help}) ${JSON.stringify(nodes.slice(0, 3))}`);
    check(found.length === 0, `axe on ${state.name}, ${size.width} px, ${scheme}: ${found.map(({ id, nodes }) => `${id} on ${nodes.length}`).join(", ")}`);
  }
  for (const one of said.values()) console.error(`  ${one}`);
  await page.emulateMedia({ colorScheme: "light" });
  for (const size of TIGHT.filter(({ width }) => !state.narrow || width < 400)) {
    await page.setViewportSize(size);
    await page.waitForTimeout(50);
    const found = await lost();
    fitted += 1;
    check(found.length === 0, `${state.name} at ${size.width} px: ${found.slice(0, 6).join("; ")}`);
  }
});
check(states > 0, "there were states to look at");
check(seen.violations.length === 0, `the policy refused nothing: ${[...new Set(seen.violations)]}`);
check(seen.errors.length === 0, `no script failed: ${[...new Set(seen.errors)]}`);
await close();
summary(`axe: ${states} states, ${looked} looks at them; ${fitted} times nothing was to be lost at 320 px, at 200 % and at 100 %`);

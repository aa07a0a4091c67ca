// Chromium, and what is noted while it runs: requests, violations of the policy, errors.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

// The browser's own conversations with its maker are no part of the console.
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-default-apps"];

/**
 * A browser with a profile of its own, which is gone after `close`.
 * @param {{ width?: number, height?: number, scheme?: "light" | "dark", scale?: number, language?: string, touch?: boolean, reducedMotion?: "reduce" | "no-preference" }} how
 */
export async function open({ width = 1440, height = 900, scheme = "light", scale = 1, language = "en-GB", touch = false, reducedMotion = "reduce" } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "console-"));
  const profile = join(folder, "profile");
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: FLAGS,
    // Playwright switches off what the back button of a real browser has.
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
    downloadsPath: join(folder, "downloads"),
    viewport: { width, height },
    deviceScaleFactor: scale,
    colorScheme: scheme,
    hasTouch: touch,
    locale: language,
    reducedMotion,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = context.pages()[0];
  page.setDefaultTimeout(Number(process.env.CONSOLE_TIMEOUT_MS ?? 20_000));
  const close = async () => {
    await context.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { context, page, folder, profile, close };
}

/** Notes what a page does from now on, by the browser's own protocol, which no policy of the page can keep from it. */
export async function watch(context, page) {
  const seen = { requests: [], violations: [], errors: [] };
  const cdp = await context.newCDPSession(page);
  await cdp.send("Network.enable");
  await cdp.send("Audits.enable");
  cdp.on("Network.requestWillBeSent", ({ request, type }) => seen.requests.push({ url: request.url, method: request.method, type }));
  cdp.on("Network.webSocketCreated", ({ url }) => seen.requests.push({ url, method: "GET", type: "WebSocket" }));
  cdp.on("Audits.issueAdded", ({ issue }) => {
    if (issue.code === "ContentSecurityPolicyIssue") seen.violations.push(JSON.stringify(issue.details.contentSecurityPolicyIssueDetails));
  });
  page.on("console", (message) => {
    if (/Content Security Policy|TrustedHTML|TrustedScript/.test(message.text())) seen.violations.push(message.text());
  });
  page.on("pageerror", (error) => seen.errors.push(error.stack ?? String(error)));
  page.on("crash", () => seen.errors.push("the page crashed"));
  return seen;
}

/** Requests that left for another host. What a page makes itself (blob:, data:) leaves for none. */
export const foreign = (requests, base) => requests.filter(({ url }) => !/^(blob|data|about):/.test(url) && new URL(url).host !== new URL(base).host);

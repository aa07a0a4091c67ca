// What a person does on the console, found as a person finds it: by role and visible words.
import { readFileSync } from "node:fs";

/** What the server wrote at its first start, or `lumatrace account create` printed. */
export function credentials(path) {
  const { tenantId, username, password } = JSON.parse(readFileSync(path, "utf8"));
  return { tenantId, username, password };
}

/** @param {import("playwright-core").Page} page */
export async function fillSignIn(page, { tenantId, username, password }) {
  await page.getByLabel("Tenant", { exact: true }).fill(tenantId);
  await page.getByLabel("Name", { exact: true }).fill(username);
  await page.getByLabel("Password", { exact: true }).fill(password);
}

/** @param {import("playwright-core").Page} page */
export async function signIn(page, base, who) {
  await page.goto(`${base}/console/`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await fillSignIn(page, who);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("navigation").first().waitFor();
}

/** Goes to a screen by the menu; on narrow screens some of it is behind "More". */
export async function go(page, name) {
  const link = page.getByRole("navigation").getByRole("link", { name, exact: true });
  if (!(await link.isVisible().catch(() => false))) await page.getByRole("button", { name: "More" }).click();
  await link.click();
}

/** The verdict is on the screen: its name, and the sentence in large type. */
export async function verdict(page) {
  const head = page.locator("header.verdict");
  // As long as a server without optimisation may take on a busy machine: no stopwatch.
  await head.waitFor({ timeout: 180_000 });
  return { name: (await head.locator(".verdict-name").innerText()).trim(), headline: (await head.getByRole("heading").innerText()).trim() };
}

/** The altered areas as they are drawn over the picture: corners in fractions of it. */
export const areas = (page) =>
  page.locator("svg.over").evaluate((over) => {
    const { width, height } = over.viewBox.baseVal;
    return [...over.querySelectorAll("polygon.region-line")].map((polygon) => [...polygon.points].map(({ x, y }) => [x / width, y / height]));
  });

/** What two areas share of what both cover; each given by corners, compared by the boxes around them. */
export function overlap(corners, block) {
  const [xs, ys] = [0, 1].map((axis) => corners.map((corner) => corner[axis]));
  const box = { x: Math.min(...xs), y: Math.min(...ys), width: Math.max(...xs) - Math.min(...xs), height: Math.max(...ys) - Math.min(...ys) };
  const across = (from, size) => Math.max(0, Math.min(box[from] + box[size], block[from] + block[size]) - Math.max(box[from], block[from]));
  const both = across("x", "width") * across("y", "height");
  return both / (box.width * box.height + block.width * block.height - both);
}

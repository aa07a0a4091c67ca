// Weights: bytes and requests of the first screens, time of script until they are ready, and the way of a 12 MP photo from drop to answer.
//
//     node weights.mjs BASE_URL CREDENTIALS_JSON
//
// With CONSOLE_REQUESTS=1, each request is listed with its bytes.
// Figures of the machine that it runs on. What is above its bound is said in a line that begins with MISSED, and fails nothing: a busy
// machine is no fault of the console.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { open } from "./browser.mjs";
import { attempt, check, summary } from "./checks.mjs";
import { credentials, signIn } from "./person.mjs";
import { paint } from "./pictures.mjs";

const [base, path] = process.argv.slice(2);
if (!path) throw new Error("usage: weights.mjs BASE_URL CREDENTIALS_JSON");
const who = credentials(path);

const TIMES = 5;
const BYTES = 60_000;
const SCRIPT_MS = 100;

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const bound = (value, most, what) => console.log(`${value <= most ? "within" : "MISSED:"} ${what}: ${Math.round(value)} of at most ${most}`);

/** Bytes as they came over the wire, heads included, and requests; `take` gives what came since it was called last. */
async function meter(context, page) {
  const cdp = await context.newCDPSession(page);
  await cdp.send("Network.enable");
  await cdp.send("Performance.enable");
  let [bytes, requests] = [0, 0];
  const address = new Map();
  const heaviest = [];
  cdp.on("Network.requestWillBeSent", ({ requestId, request }) => address.set(requestId, new URL(request.url).pathname));
  cdp.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    bytes += encodedDataLength;
    requests += 1;
    heaviest.push([encodedDataLength, address.get(requestId)]);
  });
  const metric = async (name) => (await cdp.send("Performance.getMetrics")).metrics.find((one) => one.name === name).value;
  const quiet = () => page.waitForLoadState("networkidle");
  return {
    async take() {
      await quiet();
      const taken = { bytes, requests, heaviest: heaviest.splice(0).toSorted((a, b) => b[0] - a[0]), script: 1000 * (await metric("ScriptDuration")) };
      [bytes, requests] = [0, 0];
      return taken;
    },
  };
}

/** One visit of somebody who was never here. */
async function visit() {
  const browser = await open();
  const { context, page } = browser;
  const weigh = await meter(context, page);
  await page.goto(`${base}/console/`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  const first = await weigh.take();
  first.painted = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
  await browser.close();
  return first;
}

/** With a session, and all caches empty: straight to the screen that decides. */
async function straightToVerify(state) {
  const browser = await open();
  const { context, page } = browser;
  await context.addCookies(state);
  const weigh = await meter(context, page);
  await page.goto(`${base}/console/verify`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  const verify = await weigh.take();
  await page.goto(`${base}/console/verify`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  const again = await weigh.take();
  await browser.close();
  return { verify, again };
}

const visits = [];
for (let i = 0; i < TIMES; i++) visits.push(await visit());
const first = { bytes: visits[0].bytes, requests: visits[0].requests, script: median(visits.map((one) => one.script)), painted: median(visits.map((one) => one.painted)) };
console.log(`first screen: ${first.bytes} bytes, ${first.requests} requests; script ${first.script.toFixed(1)} ms, painted after ${first.painted.toFixed(0)} ms (medians of ${TIMES})`);
if (process.env.CONSOLE_REQUESTS) for (const [bytes, path] of visits[0].heaviest) console.log(`  ${String(bytes).padStart(7)} ${path}`);

const browser = await open();
const { context, page } = browser;
const easel = await context.newPage();
await page.bringToFront();
await signIn(page, base, who);
const cookies = await context.cookies();

const big = await paint(easel, { width: 4000, height: 3000, seed: 12 });
const { token } = await (await fetch(`${base}/api/v1/auth/login`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(who) })).json();
const authorization = `Bearer ${token}`;
const form = (bytes) => {
  const data = new FormData();
  data.append("image", new Blob([bytes]), "image");
  return data;
};
const protectedAnswer = await fetch(`${base}/api/v1/photos/protect`, { method: "POST", headers: { authorization }, body: form(big) });
check(protectedAnswer.ok, `the API protects a photo of 12 MP: ${protectedAnswer.status}`);
const photo = Buffer.from(await protectedAnswer.arrayBuffer());
const onDisk = join(browser.folder, "twelve.jpg");
writeFileSync(onDisk, photo);

const api = [];
const matches = [];
for (let i = 0; i < TIMES; i++) {
  const start = performance.now();
  const answer = await fetch(`${base}/api/v1/photos/identify`, { method: "POST", headers: { authorization }, body: form(photo) });
  matches.push((await answer.json()).matches?.length);
  api.push(performance.now() - start);
}
check(matches.every((count) => count >= 1), `the API finds the photo: ${matches}`);
await fetch(`${base}/api/v1/auth/logout`, { method: "POST", headers: { authorization } });

/** Drops the file on the screen, as a person does; milliseconds until the verdict is there. */
async function drop() {
  await page.goto(`${base}/console/verify`);
  await page.getByLabel("Choose a picture").waitFor({ state: "attached" });
  const chooser = await page.evaluateHandle(() => Object.assign(document.createElement("input"), { type: "file" }));
  await chooser.asElement().setInputFiles(onDisk);
  return chooser.evaluate(async (input) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([input.files[0]], "twelve.jpg", { type: "image/jpeg" }));
    const zone = document.querySelector(".drop");
    const start = performance.now();
    zone.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    while (!document.querySelector("header.verdict")) {
      if (performance.now() - start > 60_000) throw new Error(document.body.innerText);
      await new Promise(requestAnimationFrame);
    }
    return performance.now() - start;
  });
}
const people = [];
for (let i = 0; i < TIMES; i++) await attempt(page, "a photo of 12 MP, dropped", async () => people.push(await drop()));
await browser.close();
console.log(`12 MP, ${(photo.length / 1e6).toFixed(1)} MB: ${Math.round(median(people))} ms from drop to answer, the API alone ${Math.round(median(api))} ms (medians of ${TIMES})`);

const straight = [];
for (let i = 0; i < TIMES; i++) straight.push(await straightToVerify(cookies));
const verify = straight[0].verify;
const script = median(straight.map((one) => one.verify.script));
console.log(`up to verify, cold: ${verify.bytes} bytes, ${verify.requests} requests, script ${script.toFixed(1)} ms; again: ${straight[0].again.bytes} bytes, ${straight[0].again.requests} requests`);
if (process.env.CONSOLE_REQUESTS) for (const [bytes, path] of verify.heaviest) console.log(`  ${String(bytes).padStart(7)} ${path}`);

bound(first.bytes, BYTES, "bytes of the first screen");
bound(verify.bytes, BYTES, "bytes up to verify");
bound(first.script, SCRIPT_MS, "milliseconds of script until the first screen is ready");
bound(script, SCRIPT_MS, "milliseconds of script until verify is ready");
check(first.bytes > 1000 && verify.requests > 5, "bytes were counted");
summary();

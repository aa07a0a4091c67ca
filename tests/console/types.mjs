// Types: the console's JavaScript is checked against the API's own description, and the vendored files against the package they are of.
//
//     node types.mjs
//
// `openapi-typescript` turns docs/openapi.json into declarations, which JSDoc in the console names as import("openapi"); tsc then
// checks every module. Nothing is emitted: what is served is what is in the repository.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assets, check, summary } from "./checks.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const run = (program, ...options) => execFileSync(process.execPath, [here(program), ...options], { cwd: here("."), encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

/** Where the packages have what assets/vendor/lit has, and how one was made from the other: assets/vendor/lit/README.md. */
const VENDORED = {
  "lit-html.js": "lit-html/lit-html.js",
  "lit-element.js": "lit-element/lit-element.js",
  "reactive-element.js": "@lit/reactive-element/reactive-element.js",
  "css-tag.js": "@lit/reactive-element/css-tag.js",
};
const vendored = (text) =>
  text
    .replaceAll('from"@lit/reactive-element"', 'from"./reactive-element.js"')
    .replaceAll('from"lit-html"', 'from"./lit-html.js"')
    .replace(/^\/\/# sourceMappingURL.*\n?/m, "");
const readme = readFileSync(`${assets}/vendor/lit/README.md`, "utf8");
for (const [name, path] of Object.entries(VENDORED)) {
  const file = readFileSync(`${assets}/vendor/lit/${name}`, "utf8");
  check(file === vendored(readFileSync(here(`node_modules/${path}`), "utf8")), `vendor/lit/${name} is the package's file`);
  check(readme.includes(createHash("sha256").update(file).digest("hex")), `vendor/lit/README.md has the hash of ${name}`);
}

run("node_modules/openapi-typescript/bin/cli.js", "../../docs/openapi.json", "-o", "node_modules/.openapi/openapi.d.ts");
let findings = "";
try {
  run("node_modules/typescript/bin/tsc", "--project", "tsconfig.json", "--pretty", "false");
} catch (error) {
  findings = error.stdout.replaceAll("../../src/http/console/assets/", "");
}
const modules = run("node_modules/typescript/bin/tsc", "--project", "tsconfig.json", "--listFilesOnly").split("\n").filter((file) => file.includes("/console/assets/js/"));
check(modules.length > 10, `tsc looks at ${modules.length} modules`);
check(findings === "", `tsc finds nothing\n${findings}`);
summary(`types: ${modules.length} modules, ${(findings.match(/error TS/g) ?? []).length} findings`);

/**
 * The canonical form of a JSON value (RFC 8785): members sorted by their UTF-16 units, no spaces. JSON.stringify writes strings and
 * numbers as the RFC asks.
 * @param {any} value
 * @returns {string}
 */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

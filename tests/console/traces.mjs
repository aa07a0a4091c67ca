// Pieces of a picture, and the search for them in every file of a folder, as tests/it/no_image.rs searches the server's.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Bytes that are looked for at once. Coded pictures do not repeat so many by chance. */
const NEEDLE = 24;

export class Needles {
  #pieces = new Map();

  /** Some pieces from all over the bytes, but for the head, which pictures have in common. */
  add(bytes, parts = 64) {
    for (let part = parts / 4; part < parts; part++) {
      const at = Math.floor((bytes.length * part) / parts);
      if (at + NEEDLE <= bytes.length) this.put(bytes.subarray(at, at + NEEDLE));
    }
  }

  put(piece) {
    const bytes = Buffer.from(piece).subarray(0, NEEDLE);
    this.#pieces.set(bytes.toString("latin1"), bytes);
  }

  get size() {
    return this.#pieces.size;
  }

  /** Whether any piece is in the bytes: as it is, as hexadecimal digits, or as base64 however it is aligned. */
  isIn(bytes) {
    return [...this.#pieces.values()].some((piece) => [piece, piece.toString("hex"), ...base64(piece)].some((form) => bytes.includes(form)));
  }
}

/** The letters that the whole groups within a piece make, for the three ways in which groups can begin. */
const base64 = (piece) => [0, 1, 2].map((skip) => piece.subarray(skip, skip + Math.floor((piece.length - skip) / 3) * 3).toString("base64"));

/** The files below a folder. */
export const files = (folder) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));

/** Which files have a piece, and how much was searched. Files that went away meanwhile are skipped. */
export function search(folder, needles) {
  const found = [];
  let [count, bytes] = [0, 0];
  for (const path of files(folder)) {
    let content;
    try {
      content = readFileSync(path);
    } catch {
      continue;
    }
    count += 1;
    bytes += content.length;
    if (needles.isIn(content)) found.push(path.slice(folder.length + 1));
  }
  return { found, count, bytes };
}

// A screenshot as a PNG with a palette: a third of the bytes, and nobody sees it.
import { crc32, deflateSync } from "node:zlib";

const COLOURS = 160;

/**
 * @param {import("playwright-core").Page} easel an empty page, to read the picture on
 * @param {Buffer} png
 * @returns {Promise<Buffer>}
 */
export async function fewColours(easel, png) {
  const { width, height, palette, text } = await easel.evaluate(reduce, { png: png.toString("base64"), colours: COLOURS });
  const indices = Buffer.from(text, "base64");
  // Each row begins with the number of its filter: none.
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) indices.copy(rows, y * (width + 1) + 1, y * width, (y + 1) * width);
  const size = Buffer.alloc(13);
  size.writeUInt32BE(width, 0);
  size.writeUInt32BE(height, 4);
  size.set([8, 3, 0, 0, 0], 8); // 8 bits, a palette
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", size), chunk("PLTE", Buffer.from(palette.flat())), chunk("IDAT", deflateSync(rows, { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

function chunk(name, content) {
  const body = Buffer.concat([Buffer.from(name, "latin1"), content]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** Median cut over colours of 5 bits a channel; in the page, where pictures can be read. */
async function reduce({ png, colours }) {
  const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0))]));
  const { width, height } = bitmap;
  const draw = new OffscreenCanvas(width, height).getContext("2d");
  draw.drawImage(bitmap, 0, 0);
  const { data } = draw.getImageData(0, 0, width, height);
  const key = (i) => ((data[i] >> 3) << 10) | ((data[i + 1] >> 3) << 5) | (data[i + 2] >> 3);
  const bins = new Map();
  for (let i = 0; i < data.length; i += 4) {
    const bin = bins.get(key(i)) ?? { count: 0, sum: [0, 0, 0] };
    bin.count += 1;
    for (let channel = 0; channel < 3; channel++) bin.sum[channel] += data[i + channel];
    bins.set(key(i), bin);
  }
  const all = [...bins].map(([key, { count, sum }]) => ({ key, count, mean: sum.map((one) => one / count) }));
  const spread = (box) => [0, 1, 2].map((channel) => Math.max(...box.map(({ mean }) => mean[channel])) - Math.min(...box.map(({ mean }) => mean[channel])));
  const weight = (box) => (box.length < 2 ? 0 : Math.max(...spread(box)) * Math.sqrt(box.reduce((sum, { count }) => sum + count, 0)));
  let boxes = [all];
  while (boxes.length < colours) {
    const next = boxes.toSorted((a, b) => weight(b) - weight(a))[0];
    if (!weight(next)) break;
    const wide = spread(next);
    const channel = wide.indexOf(Math.max(...wide));
    next.sort((a, b) => a.mean[channel] - b.mean[channel]);
    boxes = [...boxes.filter((box) => box !== next), next.slice(0, next.length >> 1), next.slice(next.length >> 1)];
  }
  const index = new Map();
  const palette = boxes.map((box, i) => {
    // The most frequent colour of a box: surfaces keep theirs.
    const { mean } = box.toSorted((a, b) => b.count - a.count)[0];
    for (const { key } of box) index.set(key, i);
    return mean.map(Math.round);
  });
  let text = "";
  for (let i = 0; i < data.length; i += 4) text += String.fromCharCode(index.get(key(i)));
  return { width, height, palette, text: btoa(text) };
}

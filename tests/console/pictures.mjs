// Pictures that the tests paint themselves, on the canvas of an empty page.

/**
 * A landscape of many small things: a mark needs detail to hide in. `seed` makes another one.
 * @param {import("playwright-core").Page} page
 * @param {{ width?: number, height?: number, seed?: number, grain?: number, type?: string, quality?: number }} how `grain` in levels of 255
 * @returns {Promise<Buffer>} the file
 */
export async function paint(page, { width = 1200, height = 800, seed = 1, grain = 16, type = "image/jpeg", quality = 0.92 } = {}) {
  const text = await page.evaluate(
    async ({ width, height, seed, grain, type, quality }) => {
      const canvas = new OffscreenCanvas(width, height);
      const draw = canvas.getContext("2d");
      // xorshift32: the same picture for the same seed.
      let state = (seed * 2654435761) >>> 0 || 1;
      const random = () => {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        return (state >>> 0) / 2 ** 32;
      };
      const unit = Math.hypot(width, height) / 1000;
      const sky = draw.createLinearGradient(0, 0, 0, height * 0.6);
      sky.addColorStop(0, "#27456f");
      sky.addColorStop(0.7, "#c98f6a");
      sky.addColorStop(1, "#f0d3a2");
      draw.fillStyle = sky;
      draw.fillRect(0, 0, width, height);
      draw.fillStyle = "#fbeecb";
      draw.beginPath();
      draw.arc(width * (0.2 + 0.6 * random()), height * 0.3, 40 * unit, 0, 7);
      draw.fill();
      for (let ridge = 0; ridge < 5; ridge++) {
        const base = height * (0.38 + ridge * 0.12);
        draw.fillStyle = `hsl(${215 - ridge * 22} ${18 + ridge * 6}% ${52 - ridge * 8}%)`;
        draw.beginPath();
        draw.moveTo(0, height);
        let y = base;
        for (let x = 0; x <= width; x += 6 * unit) {
          y += (random() - 0.5) * 14 * unit + (base - y) * 0.06;
          draw.lineTo(x, y);
        }
        draw.lineTo(width, height);
        draw.fill();
      }
      for (let i = 0; i < 1600; i++) {
        const depth = random();
        const [x, y] = [random() * width, height * (0.5 + 0.5 * depth)];
        const size = (2 + 16 * depth * random()) * unit;
        draw.fillStyle = `hsl(${40 + 100 * random()} ${25 + 40 * random()}% ${18 + 50 * random()}% / 0.85)`;
        draw.beginPath();
        if (i % 3) draw.ellipse(x, y, size / 2, size, random() - 0.5, 0, 7);
        else draw.rect(x, y, size * 1.5, size * 1.2);
        draw.fill();
      }
      const pixels = draw.getImageData(0, 0, width, height);
      for (let i = 0; i < pixels.data.length; i += 4) {
        const more = (random() + random() - 1) * grain;
        for (let channel = 0; channel < 3; channel++) pixels.data[i + channel] += more;
      }
      draw.putImageData(pixels, 0, 0);
      return coded(canvas, type, quality);

      async function coded(canvas, type, quality) {
        const bytes = new Uint8Array(await (await canvas.convertToBlob({ type, quality })).arrayBuffer());
        let text = "";
        for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
        return btoa(text);
      }
    },
    { width, height, seed, grain, type, quality },
  );
  return Buffer.from(text, "base64");
}

/**
 * The picture scaled, with a painted block over part of it, saved again. `block` is in fractions of the picture.
 * @param {import("playwright-core").Page} page
 * @param {Buffer} file
 * @param {{ block?: { x: number, y: number, width: number, height: number }, scale?: number, type?: string, quality?: number }} how
 * @returns {Promise<Buffer>}
 */
export async function edit(page, file, { block, scale = 1, type = "image/jpeg", quality = 0.9 } = {}) {
  const text = await page.evaluate(
    async ({ file, block, scale, type, quality }) => {
      const bytes = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes]));
      const [width, height] = [Math.round(bitmap.width * scale), Math.round(bitmap.height * scale)];
      const canvas = new OffscreenCanvas(width, height);
      const draw = canvas.getContext("2d");
      draw.imageSmoothingQuality = "high";
      draw.drawImage(bitmap, 0, 0, width, height);
      if (block) {
        const [x, y, w, h] = [block.x * width, block.y * height, block.width * width, block.height * height];
        const wall = draw.createLinearGradient(x, y, x, y + h);
        wall.addColorStop(0, "#8d6f5b");
        wall.addColorStop(1, "#5f4a3d");
        draw.fillStyle = wall;
        draw.fillRect(x, y, w, h);
        draw.fillStyle = "#d9c7a4";
        for (let row = 0; row < 4; row++) for (let column = 0; column < 6; column++) draw.fillRect(x + (w * (column + 0.25)) / 6, y + (h * (row + 0.25)) / 4, w / 14, h / 9);
      }
      const out = new Uint8Array(await (await canvas.convertToBlob({ type, quality })).arrayBuffer());
      let text = "";
      for (let i = 0; i < out.length; i += 0x8000) text += String.fromCharCode(...out.subarray(i, i + 0x8000));
      return btoa(text);
    },
    { file: file.toString("base64"), block, scale, type, quality },
  );
  return Buffer.from(text, "base64");
}

// A picture to try things with, painted here: a lake in the evening, never twice the same.
const [WIDTH, HEIGHT] = [1800, 1200];

/** Smooth random values: layers of waves, each finer and weaker. */
function ridge(base, height) {
  const waves = [1, 2, 4, 9, 21, 47].map((rate) => ({ rate, shift: Math.random() * 7, high: height / rate ** 0.9 }));
  return (x) => base + waves.reduce((sum, { rate, shift, high }) => sum + Math.sin((x / WIDTH) * rate * 5 + shift) * high, 0);
}

/** @returns {Promise<File>} */
export async function paintSample(name) {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const pen = canvas.getContext("2d");
  const hue = 190 + Math.random() * 50;
  const sky = pen.createLinearGradient(0, 0, 0, HEIGHT);
  [[0, 45], [0.45, 78], [0.56, 88], [0.57, 50], [1, 24]].forEach(([at, light]) => sky.addColorStop(at, `hsl(${hue - at * 20} 45% ${light}%)`));
  pen.fillStyle = sky;
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  pen.fillStyle = "hsl(38 95% 82%)";
  pen.beginPath();
  pen.arc(WIDTH * (0.2 + Math.random() * 0.6), HEIGHT * 0.3, 70, 0, 7);
  pen.fill();
  for (let layer = 0; layer < 4; layer++) {
    const line = ridge(HEIGHT * (0.44 + layer * 0.035), 70 - layer * 12);
    pen.fillStyle = `hsl(${hue + 10} ${18 + layer * 6}% ${58 - layer * 11}%)`;
    pen.beginPath();
    pen.moveTo(0, HEIGHT * 0.57);
    for (let x = 0; x <= WIDTH; x += 3) pen.lineTo(x, Math.min(HEIGHT * 0.57, line(x)));
    pen.lineTo(WIDTH, HEIGHT * 0.57);
    pen.fill();
  }
  for (let i = 0; i < 2600; i++) {
    const depth = Math.random() ** 1.6;
    pen.fillStyle = `hsl(${hue} 40% ${Math.random() < 0.5 ? 70 : 18}% / ${0.1 + depth * 0.25})`;
    pen.fillRect(Math.random() * WIDTH, HEIGHT * (0.575 + depth * 0.425), 20 + depth * 160, 1 + depth * 4);
  }
  grain(pen);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.93));
  return new File([blob], name, { type: "image/jpeg" });
}

/** As a sensor leaves it: a picture without any is no photograph to a mark. */
function grain(pen) {
  const image = pen.getImageData(0, 0, WIDTH, HEIGHT);
  for (let i = 0; i < image.data.length; i += 4) {
    const noise = (Math.random() + Math.random() - 1) * 14;
    for (let c = 0; c < 3; c++) image.data[i + c] += noise;
  }
  pen.putImageData(image, 0, 0);
}

// What can be told about a picture before it is sent: whether it is one, and whether it is too large.
import { bytes, number, t } from "./i18n.js";
import { current } from "./session.js";

const KINDS = [/^\xff\xd8\xff/, /^\x89PNG\r\n\x1a\n/, /^RIFF[^]{4}WEBP/];

/** The width and height that a browser shows, without drawing it; null where it cannot be read here. */
function sizeOf(file) {
  return new Promise((done) => {
    const image = new Image();
    const end = (size) => {
      URL.revokeObjectURL(image.src);
      done(size);
    };
    image.onload = () => end({ width: image.naturalWidth, height: image.naturalHeight });
    image.onerror = () => end(null);
    image.src = URL.createObjectURL(file);
  });
}

/**
 * Throws what speaks against sending this file, as `problem` shows it. What only the server can see, it says itself.
 * @param {File} file
 */
export async function fitToSend(file) {
  const limits = current()?.me.limits ?? {};
  const action = t("large.action");
  if (!file.size) throw { message: t("image.empty"), action: t("image.action") };
  if (file.size > limits.imageBytes) throw { message: t("large.bytes", { is: bytes(file.size), most: bytes(limits.imageBytes) }), action };
  const head = String.fromCharCode(...new Uint8Array(await readable(file.slice(0, 12).arrayBuffer())));
  if (!KINDS.some((kind) => kind.test(head))) throw { message: t("image.not", { name: file.name }), action: t("image.action") };
  const size = await sizeOf(file);
  if (size && size.width * size.height > limits.imagePixels) {
    const mega = (pixels) => number(pixels / 1e6, 1);
    throw { message: t("large.pixels", { ...size, is: mega(size.width * size.height), most: mega(limits.imagePixels) }), action };
  }
}

/** A file may be gone from the disk since it was chosen. */
export async function readable(reading) {
  try {
    return await reading;
  } catch {
    throw { message: t("image.gone"), action: t("image.goneAction") };
  }
}

/** What the drop zone says about limits, from those that hold for the caller. */
export function limitsHint(key) {
  const { imageBytes = 25 * 1048576, imagePixels = 16e6 } = current()?.me.limits ?? {};
  return t(key, { size: bytes(imageBytes), pixels: number(imagePixels / 1e6, 1) });
}

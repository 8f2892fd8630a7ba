// From a file to a picture, with notes on what can differ from the command line.

import { decodeByBrowser } from "./browser_decoder.js";
import { ImageError } from "./errors.js";
import { decodePng } from "./png.js";
import { isPng } from "./png_chunks.js";

const MOST_PIXELS = 89478485; // as the command line
const LARGEST_CHANGE_OF_SRGB = 1; // 8-bit levels that the profile of sRGB can change a colour by

/**
 * Decode an image file.
 *
 * @param {Blob} file The file.
 * @returns {Promise<{picture: Picture, doubt: string | null}>} The image, and what can differ from the command line:
 *   "colours" that the browser converted, or "alpha" that it reads differently.
 */
export async function decode(file) {
  if (file.size === 0) throw new ImageError("is empty");
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (!isPng(bytes)) {
    const type = mediaType(bytes);
    const picture = await decodeByBrowser(bytes, type, checkPixels);
    return { picture, doubt: type === "image/avif" && picture.isTransparent ? "alpha" : null };
  }
  const { picture, chunks } = await decodePng(bytes, checkPixels);
  if (chunks.isSrgb) return { picture, doubt: null };
  const shown = await decodeByBrowser(bytes, "image/png", checkPixels);
  // A profile of sRGB is not applied, so that no sample is rounded.
  if (chunks.hasProfile && isAlmostEqual(picture, shown)) return { picture, doubt: null };
  return { picture: shown, doubt: "colours" };
}

// The type by the content: the name of a file can be wrong. Only types that can have several images are told apart.
function mediaType(bytes) {
  const head = String.fromCharCode(...bytes.subarray(0, 12));
  if (head.startsWith("GIF8")) return "image/gif";
  if (/^RIFF.{4}WEBP/s.test(head)) return "image/webp";
  return /^.{4}ftypavi[fs]/s.test(head) ? "image/avif" : "";
}

function checkPixels(width, height) {
  if (width * height > MOST_PIXELS) {
    throw new ImageError(`has ${width} x ${height} pixels, more than the limit of 89,478,485. Crop it`);
  }
}

function isAlmostEqual(one, other) {
  if (one.width !== other.width || one.height !== other.height) return false;
  const scale = one.opaque / 255;
  return one.samples.every(
    (value, index) =>
      one.samples[index | 3] === 0 || Math.abs(value / scale - other.samples[index]) <= LARGEST_CHANGE_OF_SRGB,
  );
}

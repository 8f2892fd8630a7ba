// Decoding by the browser: JPEG, WebP, AVIF, GIF, BMP, and PNG files with colours other than sRGB.

import { ImageError } from "./errors.js";
import { Picture } from "./picture.js";

const ALTERED =
  "cannot be read: this browser changes the pixels that a page reads, as a protection against fingerprinting. " +
  "Allow the page to read canvas data, or use a PNG file";

/**
 * Decode a file with the browser, which applies the orientation and converts the colours to sRGB with 8 bits.
 *
 * @param {Uint8Array} bytes The file.
 * @param {string} type Its media type; empty if it is not known.
 * @param {(width: number, height: number) => void} checkSize Throws if the image is too large.
 * @returns {Promise<Picture>} The image.
 */
export async function decodeByBrowser(bytes, type, checkSize) {
  if ((await countImages(bytes, type)) > 1) {
    throw new ImageError("has several images (an animation). Save the wanted one as a file of its own");
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes], { type }), { premultiplyAlpha: "none" });
  } catch {
    throw new ImageError("is not an image that this browser can read, or it is damaged");
  }
  const { width, height } = bitmap;
  try {
    checkSize(width, height);
    if (!canvasIsExact()) throw new ImageError(ALTERED);
    const samples = readByCanvas(bitmap);
    // A canvas holds premultiplied colours, which are rounded where a pixel is half transparent.
    return new Picture(width, height, hasPartialAlpha(samples) ? (readByWebGl(bitmap) ?? samples) : samples);
  } finally {
    bitmap.close();
  }
}

async function countImages(bytes, type) {
  if (!("ImageDecoder" in self) || !type || !(await ImageDecoder.isTypeSupported(type))) return 1;
  const decoder = new ImageDecoder({ data: bytes, type });
  try {
    await decoder.tracks.ready;
    return decoder.tracks.selectedTrack?.frameCount ?? 1;
  } catch {
    return 1; // decoding it gives the reason
  } finally {
    decoder.close();
  }
}

function readByCanvas(bitmap) {
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return new Uint8Array(context.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer);
}

function readByWebGl(bitmap) {
  const { width, height } = bitmap;
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!gl || Math.max(width, height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return null;
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  const samples = new Uint8Array(4 * width * height);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, samples);
  const isRead = gl.getError() === gl.NO_ERROR;
  gl.getExtension("WEBGL_lose_context")?.loseContext(); // frees the memory at once
  return isRead ? samples : null;
}

function hasPartialAlpha(samples) {
  for (let at = 3; at < samples.length; at += 4) if (samples[at] > 0 && samples[at] < 255) return true;
  return false;
}

// Browsers that protect against fingerprinting change some pixels of what a page reads, without an error.
function canvasIsExact() {
  const side = 64;
  const drawn = new ImageData(side, side);
  for (let index = 0; index < drawn.data.length; index++) drawn.data[index] = index % 4 === 3 ? 255 : (index * 73) & 255;
  const context = new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true });
  context.putImageData(drawn, 0, 0);
  const read = context.getImageData(0, 0, side, side).data;
  return drawn.data.every((value, index) => value === read[index]);
}

// An image before its transparent pixels are composited.

import { orient } from "./orientation.js";

const PART = 1 << 20; // pixels that are compared at a time

export class Picture {
  /**
   * @param {number} width Pixels.
   * @param {number} height Pixels.
   * @param {Uint8Array | Uint16Array} samples R, G, B, alpha of each pixel, sRGB, not premultiplied.
   */
  constructor(width, height, samples) {
    this.width = width;
    this.height = height;
    this.samples = samples;
    this.opaque = samples instanceof Uint16Array ? 65535 : 255;
    this.isTransparent = isAnyBelow(samples, this.opaque);
  }

  get pixels() {
    return this.width * this.height;
  }

  oriented(orientation) {
    if (orientation === 1) return this;
    const { width, height, samples } = orient(this, orientation);
    return new Picture(width, height, samples);
  }

  /**
   * Composite pixels on a grey level, in float32 and in the order of operations of the command line.
   *
   * @param {number} level 1 for white, 0 for black.
   * @param {number} first The first pixel.
   * @param {number} count The number of pixels.
   * @returns {Float32Array} The three planes of the pixels, values in [0, 1].
   */
  on(level, first = 0, count = this.pixels) {
    const found = new Float32Array(3 * count);
    const { samples, opaque } = this;
    for (let index = 0, at = 4 * first; index < count; index++, at += 4) {
      const alpha = samples[at + 3];
      for (let channel = 0; channel < 3; channel++) {
        const own = Math.fround(samples[at + channel] / opaque);
        found[channel * count + index] = alpha === opaque ? own : composite(own, Math.fround(alpha / opaque), level);
      }
    }
    return found;
  }
}

/** Tell whether two pictures of one size have the same pixels on a grey level. */
export function samePixels(one, other, level) {
  for (let first = 0; first < one.pixels; first += PART) {
    const count = Math.min(PART, one.pixels - first);
    const [left, right] = [one.on(level, first, count), other.on(level, first, count)];
    if (left.some((value, index) => value !== right[index])) return false;
  }
  return true;
}

function composite(own, alpha, level) {
  return Math.fround(Math.fround(alpha * own) + Math.fround(Math.fround(1 - alpha) * level));
}

function isAnyBelow(samples, opaque) {
  for (let at = 3; at < samples.length; at += 4) if (samples[at] < opaque) return true;
  return false;
}

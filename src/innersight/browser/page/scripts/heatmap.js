// The colours of a map of differences: those of `innersight score --map`.

const DARK = [0x00, 0x00, 0x04];
const MIDDLE = [0xbc, 0x37, 0x54];
const BRIGHT = [0xfc, 0xff, 0xa4];

/** 256 colours from dark to bright, each three bytes. */
export const COLOURS = Uint8Array.from({ length: 3 * 256 }, (_, index) => {
  const level = Math.floor(index / 3);
  const [from, to, step, steps] = level < 127 ? [DARK, MIDDLE, level, 127] : [MIDDLE, BRIGHT, level - 127, 128];
  const channel = index % 3;
  return from[channel] + Math.floor((step * (to[channel] - from[channel])) / steps);
});

/**
 * Draw a map: 0 is dark, and its largest value is bright.
 *
 * @param {Float32Array} values From 0.
 * @returns {Uint8ClampedArray} R, G, B, alpha of each value.
 */
export function drawMap(values) {
  const peak = values.reduce((largest, value) => Math.max(largest, value), 0);
  const pixels = new Uint8ClampedArray(4 * values.length);
  for (let index = 0; index < values.length; index++) {
    const level = peak > 0 ? Math.round(Math.fround(255 * Math.fround(values[index] / peak))) : 0;
    for (let channel = 0; channel < 3; channel++) pixels[4 * index + channel] = COLOURS[3 * level + channel];
    pixels[4 * index + 3] = 255;
  }
  return pixels;
}

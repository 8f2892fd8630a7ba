// The EXIF orientation of an image.

const ORIENTATION_TAG = 0x0112;
// Orientation -> swap rows and columns, then flip vertically, then flip horizontally.
const ORIENTATIONS = {
  2: [false, false, true],
  3: [false, true, true],
  4: [false, true, false],
  5: [true, false, false],
  6: [true, false, true],
  7: [true, true, true],
  8: [true, true, false],
};

/**
 * Read the orientation from EXIF data, which have the layout of TIFF.
 *
 * @param {Uint8Array} bytes The data.
 * @returns {number} 1 to 8. 1, which changes nothing, if the data state none.
 */
export function exifOrientation(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const isLittle = view.getUint16(0) === 0x4949;
    const directory = view.getUint32(4, isLittle);
    const count = view.getUint16(directory, isLittle);
    for (let index = 0; index < count; index++) {
      const at = directory + 2 + 12 * index;
      if (view.getUint16(at, isLittle) === ORIENTATION_TAG) {
        const value = view.getUint16(at + 8, isLittle);
        return value in ORIENTATIONS ? value : 1;
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the data end early
  }
  return 1;
}

/**
 * Apply an orientation to pixels of four samples.
 *
 * @returns {{width: number, height: number, samples: Uint8Array | Uint16Array}} The pixels as they are shown.
 */
export function orient({ width, height, samples }, orientation) {
  if (!(orientation in ORIENTATIONS)) return { width, height, samples };
  const [swap, upsideDown, mirrored] = ORIENTATIONS[orientation];
  const [columns, rows] = swap ? [height, width] : [width, height];
  const found = new samples.constructor(samples.length);
  for (let row = 0, to = 0; row < rows; row++) {
    const y = upsideDown ? rows - 1 - row : row;
    for (let column = 0; column < columns; column++, to += 4) {
      const x = mirrored ? columns - 1 - column : column;
      const from = 4 * (swap ? x * width + y : y * width + x);
      for (let channel = 0; channel < 4; channel++) found[to + channel] = samples[from + channel];
    }
  }
  return { width: columns, height: rows, samples: found };
}

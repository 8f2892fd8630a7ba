// Decoder of PNG files. A canvas premultiplies alpha and has 8 bits, so it does not give the samples of every file.

import { ImageError } from "./errors.js";
import { readChunks } from "./png_chunks.js";
import { Picture } from "./picture.js";

const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
// First column, first row, step of columns, step of rows of the passes of Adam7.
const ADAM7 = [
  [0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2],
];

/**
 * Decode a PNG file.
 *
 * @param {Uint8Array} bytes The file.
 * @param {(width: number, height: number) => void} checkSize Throws if the image is too large.
 * @returns {Promise<{picture: Picture, chunks: object}>} The samples as stored, in the orientation of the file.
 */
export async function decodePng(bytes, checkSize) {
  const chunks = readChunks(bytes);
  const { width, height, depth, colourType } = chunks.header;
  checkSize(width, height);
  const bits = depth * CHANNELS[colourType];
  const passes = (chunks.header.isInterlaced ? ADAM7 : [[0, 0, 1, 1]])
    .map(([left, top, across, down]) => ({
      left, top, across, down,
      columns: Math.ceil((width - left) / across),
      rows: Math.ceil((height - top) / down),
    }))
    .filter((pass) => pass.columns > 0 && pass.rows > 0);
  const total = passes.reduce((sum, pass) => sum + pass.rows * (1 + rowBytes(pass, bits)), 0);
  const data = await inflate(chunks.parts, total);
  const samples = new (depth === 16 ? Uint16Array : Uint8Array)(4 * width * height);
  const write = pixelWriter(chunks, samples);
  let at = 0;
  for (const pass of passes) {
    const length = rowBytes(pass, bits);
    unfilter(data, at, pass.rows, length, Math.max(1, bits >> 3));
    for (let row = 0; row < pass.rows; row++) {
      const line = data.subarray(at + row * (length + 1) + 1, at + (row + 1) * (length + 1));
      const first = (pass.top + row * pass.down) * width + pass.left;
      write(line, pass.columns, first, pass.across);
    }
    at += pass.rows * (length + 1);
  }
  return { picture: new Picture(width, height, samples).oriented(chunks.orientation), chunks };
}

function rowBytes(pass, bits) {
  return Math.ceil((pass.columns * bits) / 8);
}

async function inflate(parts, total) {
  const data = new Uint8Array(total);
  let at = 0;
  try {
    const reader = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
    while (at < total) {
      const { done, value } = await reader.read();
      if (done) break;
      data.set(value.subarray(0, total - at), at);
      at += value.length;
    }
    reader.cancel().catch(() => {}); // what follows the pixels does not count
  } catch {
    throw new ImageError("is damaged: its pixels cannot be decompressed");
  }
  if (at < total) throw new ImageError("is damaged: it has too few pixels");
  return data;
}

// Undo the filters of the rows in place. The first byte of each row is its filter.
function unfilter(data, start, rows, length, step) {
  const zeros = new Uint8Array(length);
  let above = zeros;
  for (let row = 0; row < rows; row++) {
    const at = start + row * (length + 1);
    const line = data.subarray(at + 1, at + 1 + length);
    const filter = data[at];
    if (filter === 1) {
      for (let i = step; i < length; i++) line[i] += line[i - step];
    } else if (filter === 2) {
      for (let i = 0; i < length; i++) line[i] += above[i];
    } else if (filter === 3) {
      for (let i = 0; i < length; i++) line[i] += ((i < step ? 0 : line[i - step]) + above[i]) >> 1;
    } else if (filter === 4) {
      for (let i = 0; i < length; i++) {
        line[i] += i < step ? above[i] : paeth(line[i - step], above[i], above[i - step]);
      }
    } else if (filter !== 0) {
      throw new ImageError("is damaged: a row has no valid filter");
    }
    above = line;
  }
}

function paeth(left, above, corner) {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

// Return the function that writes the pixels of a row as R, G, B, alpha.
function pixelWriter({ header, palette, transparency }, samples) {
  const { depth, colourType } = header;
  const opaque = depth === 16 ? 65535 : 255;
  const largest = 2 ** depth - 1;
  const read = sampleReader(depth);
  if (colourType === 3) {
    if (!palette) throw new ImageError("is damaged: it has no palette");
    return (line, columns, first, step) => {
      for (let x = 0, at = 4 * first; x < columns; x++, at += 4 * step) {
        const index = read(line, x);
        for (let c = 0; c < 3; c++) samples[at + c] = palette[3 * index + c] ?? 0;
        samples[at + 3] = transparency?.[index] ?? 255;
      }
    };
  }
  const channels = CHANNELS[colourType];
  const isGrey = channels < 3;
  const hasAlpha = channels % 2 === 0;
  const scale = depth < 8 ? 255 / largest : 1;
  const keyOf = (c) => (transparency[2 * c] << 8) | transparency[2 * c + 1];
  const key = transparency && !hasAlpha ? (isGrey ? [keyOf(0), keyOf(0), keyOf(0)] : [keyOf(0), keyOf(1), keyOf(2)]) : null;
  return (line, columns, first, step) => {
    for (let x = 0, at = 4 * first, from = 0; x < columns; x++, at += 4 * step, from += channels) {
      const r = read(line, from);
      const g = isGrey ? r : read(line, from + 1);
      const b = isGrey ? r : read(line, from + 2);
      samples[at] = r * scale;
      samples[at + 1] = g * scale;
      samples[at + 2] = b * scale;
      if (hasAlpha) samples[at + 3] = read(line, from + channels - 1);
      else samples[at + 3] = key && r === key[0] && g === key[1] && b === key[2] ? 0 : opaque;
    }
  };
}

function sampleReader(depth) {
  if (depth === 8) return (line, index) => line[index];
  if (depth === 16) return (line, index) => (line[2 * index] << 8) | line[2 * index + 1];
  const mask = 2 ** depth - 1;
  return (line, index) => (line[(index * depth) >> 3] >> (8 - depth - ((index * depth) & 7))) & mask;
}

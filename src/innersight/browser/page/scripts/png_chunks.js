// The chunks of PNG files: checksums, and what the pixels are.

import { ImageError } from "./errors.js";
import { exifOrientation } from "./orientation.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const SRGB_PRIMARIES = [0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06];
const HDR_CURVES = { 16: "PQ", 18: "HLG" };
const DEPTHS = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export function isPng(bytes) {
  return SIGNATURE.every((value, index) => bytes[index] === value);
}

/**
 * Read the chunks of a PNG file up to IEND. The checksums of critical chunks must be right.
 *
 * @param {Uint8Array} bytes The file.
 * @returns The header, the parts of the compressed pixels, the palette, the transparency, the orientation, and whether
 *   the samples are sRGB as they are.
 */
export function readChunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map();
  const parts = [];
  let at = SIGNATURE.length;
  let kind = "";
  while (kind !== "IEND") {
    if (at + 12 > bytes.length) throw new ImageError("is damaged or truncated: it ends before IEND");
    const length = view.getUint32(at);
    const end = at + 8 + length;
    if (end + 4 > bytes.length) throw new ImageError("is damaged or truncated: it ends within a chunk");
    kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const isCritical = (bytes[at + 4] & 0x20) === 0;
    if (isCritical && crc(bytes, at + 4, end) !== view.getUint32(end)) {
      throw new ImageError(`is damaged: the checksum of ${kind} is wrong`);
    }
    const content = bytes.subarray(at + 8, end);
    if (kind === "IDAT") parts.push(content);
    else if (!found.has(kind)) found.set(kind, content);
    at = end + 4;
  }
  if (!found.has("IHDR") || parts.length === 0) throw new ImageError("is damaged: it has no IHDR or no IDAT");
  if (found.has("acTL") && viewOf(found.get("acTL")).getUint32(0) > 1) {
    throw new ImageError("has several images (an animation). Save the wanted one as a file of its own");
  }
  return {
    header: readHeader(found.get("IHDR")),
    parts,
    palette: found.get("PLTE"),
    transparency: found.get("tRNS"),
    orientation: found.has("eXIf") ? exifOrientation(found.get("eXIf")) : 1,
    isSrgb: isSrgb(found),
    hasProfile: found.has("iCCP") && !found.has("cICP"),
  };
}

function readHeader(content) {
  const view = viewOf(content);
  const header = {
    width: view.getUint32(0),
    height: view.getUint32(4),
    depth: content[8],
    colourType: content[9],
    isInterlaced: content[12] === 1,
  };
  const { width, height, depth, colourType } = header;
  if (!width || !height || !DEPTHS[colourType]?.includes(depth) || content[10] || content[11] || content[12] > 1) {
    throw new ImageError("is damaged: its header is not valid");
  }
  return header;
}

// The order of precedence is that of the third edition of the PNG specification: cICP, iCCP, sRGB, gAMA and cHRM.
function isSrgb(found) {
  if (found.has("cICP")) {
    const [primaries, curve, , fullRange] = found.get("cICP");
    if (curve in HDR_CURVES) throw new ImageError(`has HDR colours (${HDR_CURVES[curve]}). Tone-map it to sRGB first`);
    if (!fullRange) throw new ImageError("has samples of narrow range. Convert it to full range first");
    return (primaries === 1 || primaries === 2) && [1, 2, 6, 13, 14, 15].includes(curve);
  }
  if (found.has("iCCP")) return false;
  if (found.has("sRGB")) return true;
  const gamma = found.has("gAMA") ? viewOf(found.get("gAMA")).getUint32(0) / 100000 : 0.45455;
  if (Math.abs(gamma / 0.45455 - 1) > 0.05) return false;
  if (!found.has("cHRM")) return true;
  const chromaticities = viewOf(found.get("cHRM"));
  return SRGB_PRIMARIES.every((value, index) => Math.abs(chromaticities.getUint32(4 * index) / 100000 - value) <= 0.002);
}

function viewOf(content) {
  return new DataView(content.buffer, content.byteOffset, content.byteLength);
}

function crc(bytes, start, end) {
  let value = 0xffffffff;
  for (let at = start; at < end; at++) value = CRC_TABLE[(value ^ bytes[at]) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

// The worker: it decodes images and runs the network, so that the page stays responsive.
//
// Requests are {id, kind, ...}, answers {id, result} or {id, problem, isForVisitor}. Requests are processed in their order.

import { decode } from "./decode.js";
import { ImageError } from "./errors.js";
import { drawMap } from "./heatmap.js";
import { Network } from "./network.js";
import { samePixels } from "./picture.js";

const WHITE = 1;
const BLACK = 0;
const MOST_MAP_PIXELS = 4e6; // a map is smooth: the page enlarges it

const pictures = { reference: null, distorted: null };
const network = Network.load((loaded, total) => postMessage({ kind: "progress", loaded, total }));
network.then(
  (loaded) => postMessage({ kind: "loaded", citation: loaded.citation }),
  (error) => postMessage({ kind: "failed", problem: String(error.message ?? error) }),
);

let queue = Promise.resolve();
onmessage = ({ data }) => {
  queue = queue.then(async () => {
    try {
      const { result, transfer = [] } = await { open, score }[data.kind](data);
      postMessage({ id: data.id, result }, { transfer });
    } catch (error) {
      const isForVisitor = error instanceof ImageError;
      postMessage({ id: data.id, problem: String(error.message ?? error), isForVisitor });
    }
  });
};

/** Decode an image and keep it as one side of the pair. */
async function open({ side, file }) {
  pictures[side] = null;
  const { picture, doubt } = await decode(file);
  pictures[side] = { picture, features: new Map() };
  const { width, height, isTransparent } = picture;
  return { result: { width, height, isTransparent, doubt } };
}

/** Score the pair. Images with transparent pixels are compared on white and on black; the larger difference counts. */
async function score() {
  const [reference, distorted] = [pictures.reference.picture, pictures.distorted.picture];
  const { width, height } = reference;
  if (width !== distorted.width || height !== distorted.height) {
    throw new ImageError(
      `The images differ in size: the reference is ${width} x ${height}, the distorted image is ` +
        `${distorted.width} x ${distorted.height} pixels. Resize or crop them to one size first.`,
    );
  }
  const isTransparent = reference.isTransparent || distorted.isTransparent;
  let largest = null;
  for (const level of isTransparent ? [WHITE, BLACK] : [WHITE]) {
    const found = await scoreOn(level, reference, distorted);
    if (largest === null || found.score > largest.score) largest = found;
  }
  const background = isTransparent ? (largest.level === WHITE ? "white" : "black") : null;
  const map = largest.features && (await mapOf(largest.features, width, height));
  return {
    result: { score: largest.score, background, width, height, map },
    transfer: map ? [map.pixels.buffer] : [],
  };
}

async function scoreOn(level, reference, distorted) {
  if (samePixels(reference, distorted, level)) return { level, score: 0, features: null };
  const loaded = await network;
  loaded.checkSize(reference.width, reference.height);
  const features = [await featuresOf("reference", level), await featuresOf("distorted", level)];
  const value = await loaded.compare(...features);
  if (!Number.isFinite(value)) throw new ImageError("The score is not a finite number.");
  return { level, score: value, features };
}

async function featuresOf(side, level) {
  const { picture, features } = pictures[side];
  if (!features.has(level)) {
    const { width, height } = picture;
    features.set(level, await (await network).extract(picture.on(level), width, height));
  }
  return features.get(level);
}

async function mapOf(features, width, height) {
  const scale = Math.min(1, Math.sqrt(MOST_MAP_PIXELS / (width * height)));
  const [columns, rows] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const values = await (await network).map(...features, columns, rows);
  return { width: columns, height: rows, pixels: drawMap(values) };
}

// The graphs of the bundle, run with ONNX Runtime. docs/bundles.md of the project describes them.

import * as ort from "../vendor/onnxruntime-web/ort.wasm.bundle.min.js";

import { ImageError } from "./errors.js";

const FILES = {
  wasm: new URL("../vendor/onnxruntime-web/ort-wasm-simd-threaded.wasm", import.meta.url),
  extract: new URL("../lite/extract.onnx", import.meta.url),
  compare: new URL("../lite/compare.onnx", import.meta.url),
  map: new URL("../lite/map.onnx", import.meta.url),
  description: new URL("../lite/metric.json", import.meta.url),
};
const MOST_RESIZED_PIXELS = 2 ** 24;

export class Network {
  /**
   * Load the runtime and the graphs.
   *
   * @param {(loaded: number, total: number | null) => void} progress Gets the number of bytes; the total is null where
   *   the server does not say it.
   */
  static async load(progress) {
    const [wasm, extract, compare, map, description] = await fetchAll(Object.values(FILES), progress);
    ort.env.wasm.wasmBinary = wasm;
    ort.env.wasm.numThreads = 1; // threads need headers that a static host does not send
    const network = new Network();
    network.description = JSON.parse(new TextDecoder().decode(description));
    network.shortSide = Number(/^short=(\d+)$/.exec(network.description.views[0].input)[1]);
    network.sessions = {};
    for (const [name, graph] of Object.entries({ extract, compare, map })) {
      network.sessions[name] = await ort.InferenceSession.create(graph, { executionProviders: ["wasm"] });
    }
    return network;
  }

  /** One line to cite with a score. */
  get citation() {
    return `${this.description.citation}; float32, onnxruntime-web ${ort.env.versions.web}`;
  }

  /** Throw if the resized image has too many pixels. */
  checkSize(width, height) {
    const shorter = Math.min(width, height);
    const [w, h] = [width, height].map((side) => Math.floor((2 * side * this.shortSide + shorter) / (2 * shorter)));
    if (w * h > MOST_RESIZED_PIXELS) {
      throw new ImageError(
        `The images are too long and narrow: resized to a shorter side of ${this.shortSide} pixels, they have ` +
          `${w} x ${h} pixels, and the limit is ${MOST_RESIZED_PIXELS.toLocaleString("en")}. Crop them.`,
      );
    }
  }

  /** Compute the features of an image: three planes of float32 in [0, 1]. */
  extract(planes, width, height) {
    return this.sessions.extract.run({ image: new ort.Tensor("float32", planes, [1, 3, height, width]) });
  }

  /** Score a pair by its features. */
  async compare(reference, distorted) {
    const { score } = await this.sessions.compare.run(bothSides(reference, distorted), ["score"]);
    return score.data[0];
  }

  /** Compute the map of the differences at a size. */
  async map(reference, distorted, width, height) {
    const size = new ort.Tensor("int64", BigInt64Array.of(BigInt(height), BigInt(width)), [2]);
    const { map } = await this.sessions.map.run({ ...bothSides(reference, distorted), size });
    return map.data;
  }
}

function bothSides(reference, distorted) {
  const inputs = {};
  for (const [name, tensor] of Object.entries(reference)) inputs[`reference.${name}`] = tensor;
  for (const [name, tensor] of Object.entries(distorted)) inputs[`distorted.${name}`] = tensor;
  return inputs;
}

async function fetchAll(addresses, progress) {
  const responses = await Promise.all(addresses.map((address) => fetch(address)));
  const failed = responses.find((response) => !response.ok);
  if (failed) throw new Error(`${failed.url}: status ${failed.status}`);
  // The length of a compressed answer is not that of its content.
  const lengths = responses.map(({ headers }) =>
    headers.has("Content-Encoding") ? NaN : Number(headers.get("Content-Length") ?? NaN),
  );
  const total = lengths.reduce((sum, length) => sum + length, 0);
  let loaded = 0;
  return Promise.all(
    responses.map(async (response) => {
      const parts = [];
      for (const reader = response.body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
        parts.push(value);
        loaded += value.length;
        progress(loaded, Number.isNaN(total) ? null : total);
      }
    }),
  );
}

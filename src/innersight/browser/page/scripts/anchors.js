// What a score means: the JPEG qualities at which photographs of this size have it. It computes what
// `innersight/inference/anchors.py` computes, from the same table.

/**
 * Say between which JPEG qualities of photographs a score lies.
 *
 * @param table The qualities, and by size the lowest and the highest scores.
 * @param {number} score Above 0.
 * @returns {string | null} The sentence; null if the table has no such size.
 */
export function meaning(table, score, width, height) {
  const short = Math.min(width, height);
  const sizes = Object.keys(table.sizes).map(Number).sort((one, other) => one - other);
  if (short < sizes[0] || short > sizes.at(-1)) return null;
  const logs = sizes.map(Math.log);
  const [lowest, highest] = ["lowest", "highest"].map((name) =>
    table.qualities.map((_, index) =>
      interpolate(Math.log(short), logs, sizes.map((size) => table.sizes[size][name][index])),
    ),
  );
  if (score < lowest.at(-1)) return "Photographs of this size have a higher score at JPEG quality 100.";
  if (score > highest[0]) return "Photographs of this size have a lower score at JPEG quality 1.";
  const [first, last] = [lowest, highest].map((curve) => qualityOf(score, curve, table.qualities));
  return `Photographs of this size have this score at JPEG quality ${first === last ? first : `${first} to ${last}`}.`;
}

function qualityOf(score, curve, qualities) {
  let least = Infinity; // neighbouring qualities can be in disorder
  const rising = curve.map((value) => -(least = Math.min(least, value)));
  return roundHalfToEven(interpolate(-score, rising, qualities));
}

// Piecewise linear interpolation, as numpy.interp.
function interpolate(x, xs, ys) {
  if (x < xs[0]) return ys[0];
  if (x >= xs.at(-1)) return ys.at(-1);
  let index = 0;
  while (xs[index + 1] <= x) index++;
  const slope = (ys[index + 1] - ys[index]) / (xs[index + 1] - xs[index]);
  return slope * (x - xs[index]) + ys[index];
}

function roundHalfToEven(value) {
  const whole = Math.floor(value);
  if (value - whole !== 0.5) return Math.round(value);
  return whole % 2 === 0 ? whole : whole + 1;
}

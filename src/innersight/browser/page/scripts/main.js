// The page: it takes files, lets the worker score them, and shows the result.

import { meaning } from "./anchors.js";
import { Zone, listenForFiles } from "./drop_zones.js";
import { startTheme } from "./theme.js";
import { Viewer } from "./viewer.js";
import { WorkerClient } from "./worker_client.js";

const byId = (id) => document.getElementById(id);
const zones = { reference: new Zone("reference"), distorted: new Zone("distorted") };
const pair = { reference: null, distorted: null }; // of each side: the file, and what the worker tells of it
const viewer = new Viewer();
const anchors = fetch(new URL("../anchors.json", import.meta.url)).then((response) => response.json());
let isLoaded = false;
let isScoring = false;
let loadProblem = null;
let lastRequest = 0;

const worker = new WorkerClient({
  progress({ loaded, total }) {
    const shown = total === null ? `${megabytes(loaded)} MB` : `${megabytes(loaded)} of ${megabytes(total)} MB`;
    showStatus(`Loading the network: ${shown}`, total === null ? undefined : loaded / total);
    if (loaded === total) showStatus("Preparing the network");
  },
  loaded({ citation }) {
    isLoaded = true;
    byId("citation").textContent = citation;
    byId("version").textContent = `${/^\S+ \S+/.exec(citation)[0]}.`;
    showIdle();
  },
  failed({ problem }) {
    loadProblem = `The network cannot be loaded (${problem}). Load the page again.`;
    hideStatus();
    showProblem(loadProblem);
  },
});

async function take(files) {
  const request = ++lastRequest;
  isScoring = false;
  showProblem(loadProblem ?? "");
  byId("main").classList.add("stale");
  for (const [side, file] of Object.entries(files)) {
    pair[side] = null;
    zones[side].showBusy(file);
  }
  const opened = Object.entries(files).map(([side, file]) => open(side, file));
  await Promise.all(opened);
  if (request !== lastRequest) return;
  if (pair.reference && pair.distorted) await score(request);
  else hideResult();
}

async function open(side, file) {
  try {
    const picture = await worker.open(side, file);
    pair[side] = { file, picture };
    zones[side].showFile(file, picture);
  } catch (error) {
    zones[side].showError(`'${file.name}' ${reasonOf(error)}.`);
  }
}

async function score(request) {
  isScoring = true;
  showIdle();
  try {
    const result = await worker.score();
    if (request === lastRequest) await showResult(result);
  } catch (error) {
    if (request !== lastRequest) return;
    hideResult();
    showProblem(loadProblem ?? (error.isForVisitor ? error.message : `The pair ${reasonOf(error)}.`));
  } finally {
    if (request === lastRequest) {
      isScoring = false;
      showIdle();
    }
  }
}

function reasonOf(error) {
  if (error.isForVisitor) return error.message;
  return `cannot be processed (${error.message}). It can be too large for the memory of this browser`;
}

async function showResult(result) {
  byId("score").textContent = result.score === 0 ? "0" : result.score.toFixed(4);
  byId("meaning").textContent = await sentenceOf(result);
  byId("notes").textContent = notesOf(result).join("\n");
  byId("result").hidden = false;
  byId("main").classList.add("paired");
  byId("main").classList.remove("stale");
  viewer.show({ reference: pair.reference.file, distorted: pair.distorted.file }, result);
}

async function sentenceOf({ score, width, height }) {
  if (score === 0) return "The pixels of both images are identical.";
  const table = await anchors;
  const sizes = Object.keys(table.sizes).map(Number);
  return (
    meaning(table, score, width, height) ??
    "There is no comparison with JPEG qualities for this size: the shorter side must have " +
      `${Math.min(...sizes)} to ${Math.max(...sizes)} pixels.`
  );
}

function notesOf({ background }) {
  const notes = [];
  const say = (isMeant, sentence) => {
    const sides = Object.entries({ reference: "reference", distorted: "distorted image" });
    const named = sides.filter(([side]) => isMeant(pair[side].picture)).map(([, name]) => name);
    if (named.length) notes.push(`The ${named.join(" and the ")} ${named.length > 1 ? "have" : "has"} ${sentence}`);
  };
  say(
    ({ isTransparent }) => isTransparent,
    `transparent pixels. The score is the larger difference on white and on black, here on ${background}.`,
  );
  say(
    ({ doubt }) => doubt === "colours",
    "colours other than sRGB. The browser converts them, and the score can differ from that of the command line.",
  );
  say(
    ({ doubt }) => doubt === "alpha",
    "the alpha channel of an AVIF file. Browsers read it differently, and the score can differ from that of the " +
      "command line.",
  );
  return notes;
}

function hideResult() {
  byId("result").hidden = true;
  byId("main").classList.remove("paired", "stale");
  viewer.hide();
}

function showIdle() {
  if (isScoring && isLoaded) showStatus("Scoring the images");
  else if (isLoaded) hideStatus();
}

function showStatus(text, share) {
  byId("status-text").textContent = text;
  byId("progress").hidden = false;
  if (share === undefined) byId("progress").removeAttribute("value");
  else byId("progress").value = share;
}

function hideStatus() {
  byId("status-text").textContent = "";
  byId("progress").hidden = true;
}

function showProblem(message) {
  byId("problem").textContent = message;
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}

startTheme(byId("theme"));
listenForFiles(zones, take, () => (pair.reference === null ? "reference" : "distorted"), showProblem);
showStatus("Loading the network");

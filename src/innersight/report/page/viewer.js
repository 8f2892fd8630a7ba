"use strict";
// One pair: both images with one zoom, a boundary between them, and the map over the distorted image.
const Viewer = (() => {
  const dialog = byId("pair"), stage = byId("stage"), divider = byId("divider"), split = byId("split");
  const panes = { reference: byId("pane-reference"), distorted: byId("pane-distorted") };
  const worlds = Object.values(panes).map((pane) => pane.querySelector(".world"));
  const image = (side) => panes[side].querySelector("img");
  const canvas = panes.distorted.querySelector("canvas");
  const FLICKER_MILLISECONDS = 500;
  const MAX_ZOOM = 40;

  const state = { index: null, order: [], mode: "slider", zoom: 1, x: 0, y: 0, timer: null, levels: null };
  const pictures = () => Report.pairs[state.index];

  // The size in the stage of the image without zoom: as large as fits.
  function fitted() {
    const [width, height] = pictures().size;
    const half = state.mode === "side";
    const narrow = window.matchMedia("(max-width: 800px)").matches;
    const room = [stage.clientWidth / (half && !narrow ? 2 : 1), stage.clientHeight / (half && narrow ? 2 : 1)];
    const scale = Math.min(room[0] / width, room[1] / height);
    return { room, width: width * scale, height: height * scale, scale };
  }

  function place() {
    if (state.index === null || !pictures() || pictures().error) return;
    const { room, width, height, scale } = fitted();
    const limit = (value, size, space) => {
      const free = space - size * state.zoom;
      return free >= 0 ? free / 2 : Math.min(0, Math.max(free, value));
    };
    state.x = limit(state.x, width, room[0]);
    state.y = limit(state.y, height, room[1]);
    for (const world of worlds) {
      world.style.width = `${width}px`;
      world.style.height = `${height}px`;
      world.style.transform = `translate(${state.x}px, ${state.y}px) scale(${state.zoom})`;
      world.classList.toggle("sharp", state.zoom * scale > 3);
    }
    const slider = state.mode === "slider";
    const share = split.value / split.max;
    panes.distorted.style.clipPath = slider ? `inset(0 0 0 ${share * 100}%)` : "";
    divider.style.left = `${share * 100}%`;
    divider.hidden = split.hidden = !slider;
  }

  function zoomBy(factor, atX, atY) {
    const { room } = fitted();
    const [x, y] = [atX ?? room[0] / 2, atY ?? room[1] / 2];
    const next = Math.min(MAX_ZOOM, Math.max(1, state.zoom * factor));
    state.x = x - ((x - state.x) * next) / state.zoom;
    state.y = y - ((y - state.y) * next) / state.zoom;
    state.zoom = next;
    place();
  }

  function fit() {
    Object.assign(state, { zoom: 1, x: 0, y: 0 });
    place();
  }

  function setMode(mode) {
    state.mode = mode;
    clearInterval(state.timer);
    stage.classList.toggle("side", mode === "side");
    for (const button of byId("modes").children) {
      const chosen = button.dataset.mode === mode;
      button.setAttribute("aria-checked", chosen);
      button.tabIndex = chosen ? 0 : -1;
    }
    panes.distorted.style.visibility = "";
    if (mode === "flicker") {
      state.timer = setInterval(() => {
        panes.distorted.style.visibility = panes.distorted.style.visibility === "hidden" ? "" : "hidden";
      }, FLICKER_MILLISECONDS);
    }
    fit();
  }

  async function readLevels(source) {
    const loaded = new Image();
    loaded.src = source;
    await loaded.decode();
    const from = new OffscreenCanvas(loaded.naturalWidth, loaded.naturalHeight);
    const context = from.getContext("2d", { willReadFrequently: true });
    context.drawImage(loaded, 0, 0);
    return context.getImageData(0, 0, from.width, from.height);
  }

  const largestTop = Math.max(0, ...Object.values(Report.pairs).map((pair) => pair.map?.top ?? 0));

  function drawMap() {
    const map = pictures()?.map;
    canvas.hidden = !(byId("map-on").checked && map && state.levels);
    if (canvas.hidden) return;
    const { width, height, data } = state.levels;
    canvas.width = width;
    canvas.height = height;
    const top = byId("same-scale").checked ? largestTop : map.top;
    const drawn = new ImageData(width, height);
    for (let at = 0; at < data.length; at += 4) {
      const level = top > 0 ? Math.min(255, Math.round((data[at] * map.top) / top)) : 0;
      drawn.data.set(Report.colours[level], at);
      drawn.data[at + 3] = 255;
    }
    canvas.getContext("2d").putImageData(drawn, 0, 0);
    canvas.style.opacity = byId("opacity").value / 100;
  }

  function describe(index) {
    const facts = byId("facts");
    facts.replaceChildren();
    const add = (name, value) => {
      if (value !== null && value !== undefined && value !== "") facts.append(element("dt", {}, name), element("dd", {}, formatNumber(value, 6)));
    };
    Report.metrics.forEach((metric, number) => add(`score, ${metric.name}`, Report.scores[number][index]));
    add("reference", Report.columns.reference[index]);
    add("distorted", Report.columns.distorted[index]);
    for (const [name, values] of Object.entries(Report.others)) add(name, values[index]);
    for (const [metric, found] of Object.entries(Report.opinions?.metrics ?? {})) add(`opinion minus fit, ${metric}`, found.residuals[index]);
    add("error", Report.errors?.[index]);
  }

  function showParts(index) {
    const drawn = (metric) => (metric.name === Report.drawnBy ? pictures()?.parts : undefined);
    const number = Report.metrics.findIndex((metric, place) => metric.layers.length > 0 && (Report.parts[place]?.[index] || drawn(metric)));
    byId("parts-title").hidden = byId("parts").hidden = number < 0;
    if (number < 0) return;
    const metric = Report.metrics[number];
    byId("parts-title").textContent = `Parts of the score, ${metric.name}`;
    Plots.parts(metric.layers, Report.parts[number]?.[index] ?? drawn(metric));
  }

  async function show(index) {
    state.index = index;
    state.levels = null;
    const shown = pictures();
    byId("pair-title").textContent = nameOfPair(index);
    const place = state.order.indexOf(index);
    byId("previous").disabled = place <= 0;
    byId("next").disabled = place < 0 || place >= state.order.length - 1;
    const failed = !shown || shown.error;
    const message = byId("pair-message");
    message.hidden = !failed;
    message.textContent = shown?.error ?? Report.errors?.[index] ?? "The images of this pair are not in the report. Option --pairs N of `innersight report` sets for how many pairs they are.";
    stage.hidden = split.hidden = failed;
    byId("map-on").disabled = byId("opacity").disabled = byId("same-scale").disabled = failed || !shown.map;
    describe(index);
    showParts(index);
    byId("pair-about").textContent = "";
    if (failed) return;
    for (const side of ["reference", "distorted"]) image(side).src = shown[side].source;
    fit();
    drawMap();
    const scale = shown.map ? ` The brightest colour of the map is ${formatNumber(shown.map.top)}.` : "";
    image("distorted").decode().then(() => {
      if (state.index !== index) return;
      const [width, height] = shown.size, loaded = image("distorted").naturalWidth;
      byId("pair-about").textContent = `${width} × ${height} pixels${loaded < width ? `, shown as a copy of ${loaded} × ${image("distorted").naturalHeight}` : ""}.${scale}`;
    }, () => {
      if (state.index !== index) return;
      message.hidden = false;
      message.textContent = "The browser cannot show this image. The report links to the files of the images: they must be where they were when it was written.";
    });
    if (shown.map) {
      const levels = await readLevels(shown.map.source);
      if (state.index !== index) return;
      state.levels = levels;
      drawMap();
    }
  }

  function step(by) {
    const next = state.order[state.order.indexOf(state.index) + by];
    if (next !== undefined) show(next);
  }

  function open(index, order) {
    state.order = order;
    if (!dialog.open) dialog.showModal();
    setMode(state.mode);
    show(index);
    stage.focus();
  }

  // Pointers: one drags the boundary, or the zoomed image; two zoom.
  const pointers = new Map();
  const at = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const moveSplit = (x) => {
    split.value = (x / stage.clientWidth) * split.max;
    place();
  };
  let dragsSplit = false;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    const [x] = at(event);
    const boundary = (split.value / split.max) * stage.clientWidth;
    dragsSplit = state.mode === "slider" && pointers.size === 1 && (state.zoom === 1 || Math.abs(x - boundary) < 20);
    if (dragsSplit) moveSplit(x);
    stage.classList.add("moving");
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = at(event);
    if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const distance = ([x, y]) => Math.hypot(x - other[0], y - other[1]);
      zoomBy(distance(now) / Math.max(distance(before), 1), other[0], other[1]);
    } else if (dragsSplit) {
      moveSplit(now[0]);
    } else {
      state.x += now[0] - before[0];
      state.y += now[1] - before[1];
      place();
    }
    pointers.set(event.pointerId, now);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, (event) => {
      pointers.delete(event.pointerId);
      stage.classList.remove("moving");
    });
  }
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { room } = fitted();
    const [x, y] = at(event);
    zoomBy(Math.exp(-event.deltaY * 0.002), x % room[0], y % room[1]);
  }, { passive: false });

  const keys = {
    n: () => step(1), p: () => step(-1), s: () => setMode("slider"), d: () => setMode("side"), f: () => setMode("flicker"),
    m: () => byId("map-on").click(), "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: fit,
  };
  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=search]")) return;
    const action = keys[event.key.toLowerCase()];
    if (action && (pictures() && !pictures().error || "np".includes(event.key.toLowerCase()))) {
      event.preventDefault();
      action();
    } else if (event.target === stage && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      event.preventDefault();
      split.value = Number(split.value) + (event.key === "ArrowLeft" ? -20 : 20);
      place();
    }
  });
  byId("modes").addEventListener("click", (event) => event.target.dataset.mode && setMode(event.target.dataset.mode));
  byId("modes").addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const buttons = [...byId("modes").children];
    const next = buttons[(buttons.indexOf(event.target) + by + buttons.length) % buttons.length];
    setMode(next.dataset.mode);
    next.focus();
  });
  split.addEventListener("input", place);
  for (const id of ["map-on", "opacity", "same-scale"]) byId(id).addEventListener("input", drawMap);
  byId("zoom-in").addEventListener("click", () => zoomBy(1.5));
  byId("zoom-out").addEventListener("click", () => zoomBy(1 / 1.5));
  byId("zoom-reset").addEventListener("click", fit);
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    clearInterval(state.timer);
    Table.focus(state.index);
  });
  new ResizeObserver(place).observe(stage);

  return { open };
})();

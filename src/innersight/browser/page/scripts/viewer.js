// Both images with a divider between them, the map of differences over them, and the zoom.

import { COLOURS } from "./heatmap.js";

const LARGEST_SHARE_OF_HEIGHT = 0.72; // of the window

const byId = (id) => document.getElementById(id);

export class Viewer {
  constructor() {
    this.size = null;
    this.element = byId("viewer");
    this.frame = byId("frame");
    this.stage = byId("stage");
    this.scroller = byId("scroller");
    this.content = byId("content");
    this.images = { reference: byId("image-reference"), distorted: byId("image-distorted") };
    this.divider = byId("divider");
    this.map = byId("map");
    this.mapSwitch = byId("map-on");
    this.mapOpacity = byId("map-opacity");
    this.zoom = "fit";
    this.addresses = [];

    this.divider.addEventListener("input", () => this.placeDivider());
    this.scroller.addEventListener("scroll", () => this.placeDivider());
    new ResizeObserver(() => this.layOut()).observe(this.frame);
    addEventListener("resize", () => this.layOut());
    this.mapSwitch.addEventListener("change", () => this.showMap());
    this.mapOpacity.addEventListener("input", () => this.showMap());
    for (const radio of document.querySelectorAll("[name=zoom]")) {
      radio.addEventListener("change", () => this.zoomTo(radio.value));
    }
    this.listenForPanning();
    drawLegend(byId("legend-colours"));
  }

  /**
   * Show a pair.
   *
   * @param {Record<string, File>} files Reference and distorted image.
   * @param result What the worker found.
   */
  show(files, result) {
    for (const address of this.addresses) URL.revokeObjectURL(address);
    this.addresses = [];
    for (const [side, image] of Object.entries(this.images)) {
      this.addresses.push((image.src = URL.createObjectURL(files[side])));
    }
    this.size = [result.width, result.height];
    this.content.classList.toggle("on-white", result.background !== "black");
    this.content.classList.toggle("on-black", result.background === "black");
    this.hasMap = result.map !== null;
    if (this.hasMap) {
      const { width, height, pixels } = result.map;
      Object.assign(this.map, { width, height });
      this.map.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
    }
    this.element.hidden = false;
    this.showMap();
    this.layOut();
  }

  hide() {
    this.element.hidden = true;
  }

  showMap() {
    const isOn = this.hasMap && this.mapSwitch.checked;
    this.mapSwitch.disabled = !this.hasMap;
    byId("map-switch").classList.toggle("disabled", !this.hasMap);
    byId("map-strength").hidden = !isOn;
    byId("map-percent").textContent = `${this.mapOpacity.value} %`;
    this.map.hidden = !isOn;
    this.map.style.opacity = this.mapOpacity.value / 100;
    this.content.classList.toggle("under-map", isOn);
    byId("legend").hidden = !isOn;
  }

  zoomTo(zoom) {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.scroller;
    const [old, top] = [this.content.offsetWidth, this.content.offsetHeight];
    const centre = [(scrollLeft + clientWidth / 2) / old, (scrollTop + clientHeight / 2) / top];
    this.zoom = zoom;
    this.layOut();
    this.scroller.scrollLeft = centre[0] * this.content.offsetWidth - this.scroller.clientWidth / 2;
    this.scroller.scrollTop = centre[1] * this.content.offsetHeight - this.scroller.clientHeight / 2;
    this.placeDivider();
  }

  layOut() {
    if (this.size === null || this.element.hidden) return;
    const [width, height] = this.size;
    const room = [this.frame.clientWidth, Math.max(240, LARGEST_SHARE_OF_HEIGHT * innerHeight)];
    const ratio = devicePixelRatio; // 1:1 is one pixel of the image for each pixel of the screen
    let scale = Number(this.zoom) / ratio;
    if (this.zoom === "fit") {
      scale = Math.min(room[0] / width, room[1] / height);
      if (scale * ratio > 1) scale = Math.floor(scale * ratio) / ratio;
    }
    const shown = [Math.max(1, width * scale), Math.max(1, height * scale)];
    this.content.style.width = `${shown[0]}px`;
    this.content.style.height = `${shown[1]}px`;
    const isLarger = shown[0] > room[0] + 1 || shown[1] > room[1] + 1;
    const bars = isLarger ? 12 : 0; // a scroll bar takes room
    this.stage.style.width = `${Math.min(room[0], shown[0] + bars)}px`;
    this.stage.style.height = `${Math.min(room[1], shown[1] + bars)}px`;
    this.alignStage(room[0]);
    this.stage.classList.toggle("zoomed", isLarger);
    this.content.classList.toggle("enlarged", scale * ratio > 1);
    this.placeDivider();
  }

  // Centre the stage on whole pixels of the screen: between them, the images would be blurred.
  alignStage(room) {
    const ratio = devicePixelRatio;
    const { left, top } = this.frame.getBoundingClientRect();
    const whole = (position) => Math.round(position * ratio) / ratio;
    this.stage.style.marginLeft = `${whole(left + (room - this.stage.offsetWidth) / 2) - left}px`;
    this.stage.style.marginTop = `${whole(top + scrollY) - top - scrollY}px`;
  }

  placeDivider() {
    const at = (this.divider.value / 100) * this.stage.clientWidth;
    const inContent = at + this.scroller.scrollLeft;
    this.images.reference.style.clipPath = `inset(0 ${Math.max(0, this.content.offsetWidth - inContent)}px 0 0)`;
    for (const [side, room] of [["left", at], ["right", this.stage.clientWidth - at]]) {
      const tag = this.stage.querySelector(`.tag.${side}`);
      tag.classList.toggle("off", room < tag.offsetWidth + 34);
    }
  }

  listenForPanning() {
    let last = null;
    this.scroller.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button !== 0 || !this.stage.classList.contains("zoomed")) return;
      last = [event.clientX, event.clientY];
      this.scroller.setPointerCapture(event.pointerId);
      this.scroller.classList.add("dragged");
    });
    this.scroller.addEventListener("pointermove", (event) => {
      if (last === null) return;
      this.scroller.scrollBy(last[0] - event.clientX, last[1] - event.clientY);
      last = [event.clientX, event.clientY];
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      this.scroller.addEventListener(kind, () => {
        last = null;
        this.scroller.classList.remove("dragged");
      });
    }
  }
}

function drawLegend(canvas) {
  const colours = new ImageData(256, 1);
  for (let level = 0; level < 256; level++) colours.data.set([...COLOURS.subarray(3 * level, 3 * level + 3), 255], 4 * level);
  canvas.getContext("2d").putImageData(colours, 0, 0);
}

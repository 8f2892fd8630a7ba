// The two sides of the pair: files that are chosen, dropped or pasted.

/** One side: what it shows of its file. */
export class Zone {
  constructor(side) {
    this.side = side;
    this.label = document.getElementById(`zone-${side}`);
    this.input = this.label.querySelector("input");
    this.thumbnail = this.label.querySelector("img");
    this.link = this.label.querySelector(".link");
    this.fileText = this.label.querySelector(".file");
    this.dimensions = this.label.querySelector(".dimensions");
    this.error = this.label.parentElement.querySelector(".error");
    this.address = null;
  }

  showFile(file, { width, height }) {
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = URL.createObjectURL(file);
    this.thumbnail.src = this.address;
    this.thumbnail.hidden = false;
    this.fileText.textContent = file.name;
    this.dimensions.textContent = `${width} × ${height} pixels`;
    this.link.textContent = "Choose another file";
    this.label.classList.add("filled");
    this.error.textContent = "";
  }

  showBusy(file) {
    this.fileText.textContent = file.name;
    this.dimensions.textContent = "The file is read";
    this.error.textContent = "";
  }

  showError(message) {
    this.thumbnail.hidden = true;
    this.fileText.textContent = "";
    this.dimensions.textContent = "";
    this.link.textContent = "Choose a file";
    this.label.classList.remove("filled");
    this.error.textContent = message;
  }
}

/**
 * Listen for files of the visitor.
 *
 * @param {Record<string, Zone>} zones Reference and distorted image.
 * @param {(files: Record<string, File>) => void} take Gets the files by side.
 * @param {() => string} freeSide Tells the side of a file that belongs to none.
 * @param {(message: string) => void} refuse Gets the reason why files are not taken.
 */
export function listenForFiles(zones, take, freeSide, refuse) {
  const takeFiles = (files, place) => {
    const zone = Object.values(zones).find(({ label }) => place instanceof Node && label.contains(place));
    if (files.length === 1) take({ [zone?.side ?? freeSide()]: files[0] });
    else if (files.length === 2) take({ reference: files[0], distorted: files[1] });
    else if (files.length > 2) refuse(`${files.length} files were given. A pair is two images.`);
  };
  for (const zone of Object.values(zones)) {
    zone.input.addEventListener("change", () => {
      takeFiles([...zone.input.files], zone.input);
      zone.input.value = ""; // the same file can be chosen again
    });
  }
  const mark = (place) => {
    for (const { label } of Object.values(zones)) {
      label.classList.toggle("target", place instanceof Node && label.contains(place));
    }
  };
  addEventListener("dragover", (event) => {
    event.preventDefault(); // without it, the browser opens a dropped file instead of the page
    mark(event.target);
  });
  addEventListener("dragleave", () => mark(null));
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(null);
    takeFiles([...event.dataTransfer.files], event.target);
  });
  addEventListener("paste", (event) => takeFiles([...event.clipboardData.files], document.activeElement));
}

"use strict";
// The table of pairs, by Tabulator. It draws only the rows that are visible.
const Table = (() => {
  const ROW_HEIGHT = 52;
  let table = null;
  let current = null;

  const rows = Report.columns.distorted.map((distorted, index) => {
    const row = { index, distorted, reference: Report.columns.reference[index] };
    Report.scores.forEach((scores, number) => { row[`score${number}`] = scores[index]; });
    Object.values(Report.others).forEach((values, number) => { row[`other${number}`] = values[index]; });
    if (Report.errors) row.error = Report.errors[index];
    return row;
  });

  const isNumeric = (values) => values.some((value) => typeof value === "number") && values.every((value) => value === null || typeof value === "number");

  // >5, <=5, 2..5, or a number that must be equal.
  function matchesNumber(text, value) {
    const trimmed = text.trim();
    if (trimmed === "") return true;
    const range = trimmed.match(/^(-?[\d.eE+-]+)\s*\.\.\s*(-?[\d.eE+-]+)$/);
    if (range) return value !== null && value >= Number(range[1]) && value <= Number(range[2]);
    const limit = trimmed.match(/^(>=|<=|>|<|=)?\s*(-?[\d.]+(?:[eE][+-]?\d+)?)$/);
    if (!limit) return true; // a filter that is not complete yet
    if (value === null || value === undefined) return false;
    const bound = Number(limit[2]);
    switch (limit[1]) {
      case ">": return value > bound;
      case ">=": return value >= bound;
      case "<": return value < bound;
      case "<=": return value <= bound;
      default: return Math.abs(value - bound) < 5e-5 + 1e-9 * Math.abs(bound);
    }
  }

  // Titles and cells are untrusted text: Tabulator would read a title as HTML.
  const asText = (cell) => {
    const value = cell.getValue();
    return document.createTextNode(value === null || value === undefined ? "" : String(value));
  };
  const titleOf = (title) => () => document.createTextNode(title);

  function textColumn(title, field, more = {}) {
    return { title: "", titleFormatter: titleOf(title), field, formatter: asText, headerFilter: "input", headerFilterPlaceholder: "contains", minWidth: 110, ...more };
  }
  // All numbers of a column have the same number of decimals, 4 at most.
  function formatterOf(values) {
    const needs = (value) => (Number.isInteger(value) ? 0 : Math.min(4, (String(value).split(".")[1] ?? "0000").length));
    const decimals = values.reduce((most, value) => (typeof value === "number" ? Math.max(most, needs(value)) : most), 0);
    const fixed = values.every((value) => typeof value !== "number" || value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e7));
    return (value) => (typeof value === "number" && fixed ? value.toFixed(decimals) : formatNumber(value));
  }

  function numberColumn(title, field, more = {}) {
    const format = formatterOf(rows.map((row) => row[field]));
    return {
      title: "", titleFormatter: titleOf(title), field, sorter: "number", cssClass: "number", headerFilter: "input", headerFilterPlaceholder: "> 5",
      headerFilterFunc: matchesNumber, minWidth: 100,
      formatter: (cell) => document.createTextNode(format(cell.getValue())), sorterParams: { alignEmptyValues: "bottom" }, ...more,
    };
  }

  function thumbnails(cell) {
    const pair = Report.pairs[cell.getRow().getIndex()];
    if (!pair || pair.error) return "";
    return element("span", { class: "thumbs" }, ...["reference", "distorted"].map((side) => element("img", { src: pair[side].thumbnail, alt: "" })));
  }

  function columns() {
    const found = [];
    if (Object.keys(Report.pairs).length) found.push({ title: "", titleFormatter: titleOf("Images"), field: "index", formatter: thumbnails, headerSort: false, width: 160, resizable: false });
    Report.metrics.forEach((metric, number) => {
      found.push(numberColumn(Report.metrics.length === 1 ? "score" : metric.name, `score${number}`, { width: 110 }));
    });
    if ("case" in Report.others) found.push(otherColumn("case"));
    found.push(textColumn("distorted", "distorted", { widthGrow: 2 }), textColumn("reference", "reference", { widthGrow: 2 }));
    for (const name of Object.keys(Report.others)) if (name !== "case") found.push(otherColumn(name));
    if (Report.errors) found.push(textColumn("error", "error", { widthGrow: 2, cssClass: "error-text" }));
    return found;
  }

  function otherColumn(name) {
    const field = `other${Object.keys(Report.others).indexOf(name)}`;
    return isNumeric(Report.others[name]) ? numberColumn(name, field) : textColumn(name, field);
  }

  const order = () => table.getRows("active").map((row) => row.getIndex());

  function mark(index, scroll = true) {
    if (current !== null) table.getRow(current).getElement().classList.remove("current");
    current = index;
    const row = table.getRow(index);
    const finish = () => row.getElement().classList.add("current");
    if (scroll) table.scrollToRow(row, "nearest", false).then(finish, () => {});
    else finish();
  }

  function open(index) {
    mark(index, false);
    const shown = order();
    Viewer.open(index, shown.includes(index) ? shown : [index]);
  }

  function onKey(event) {
    if (event.target.matches("input")) return;
    const shown = order();
    if (shown.length === 0) return;
    const place = shown.indexOf(current);
    const page = Math.max(1, Math.floor(event.currentTarget.clientHeight / ROW_HEIGHT) - 1);
    const moves = { ArrowDown: place + 1, ArrowUp: place < 0 ? 0 : place - 1, PageDown: place + page, PageUp: place - page, Home: 0, End: shown.length - 1 };
    if (event.key in moves) {
      event.preventDefault();
      mark(shown[Math.min(shown.length - 1, Math.max(0, moves[event.key]))]);
    } else if (event.key === "Enter" && place >= 0) {
      event.preventDefault();
      open(current);
    }
  }

  function count() {
    const active = table.getDataCount("active");
    byId("count").textContent = active === rows.length ? `${rows.length} pairs` : `${active} of ${rows.length} pairs`;
  }

  // A press and a release at one place open the row there. Tabulator can draw a row anew between the two: the browser
  // then reports no click on it.
  function listen(area) {
    const MOST_PIXELS = 5;
    let pressed = null;
    area.addEventListener("pointerdown", (event) => {
      pressed = event.button === 0 && event.target.closest(".tabulator-tableholder") ? [event.clientX, event.clientY] : null;
    });
    area.addEventListener("pointercancel", () => { pressed = null; });
    area.addEventListener("pointerup", (event) => {
      const start = pressed;
      pressed = null;
      if (!start || Math.hypot(event.clientX - start[0], event.clientY - start[1]) > MOST_PIXELS) return;
      const row = document.elementFromPoint(event.clientX, event.clientY)?.closest(".tabulator-row");
      if (row && area.contains(row)) setTimeout(() => open(table.getRow(row).getIndex()));
    });
  }

  function build() {
    const first = Report.metrics[0];
    table = new Tabulator("#table", {
      data: rows,
      index: "index",
      columns: columns(),
      columnDefaults: { resizable: "header" }, // a handle between cells would take the click on a row
      layout: "fitColumns",
      rowHeight: ROW_HEIGHT,
      height: rows.length > 8 ? "min(70vh, 40rem)" : undefined,
      placeholder: "No pair matches the filters.",
      initialSort: [{ column: "score0", dir: first.higherIsBetter ? "asc" : "desc" }],
      movableColumns: true,
      rowFormatter: (row) => row.getElement().classList.toggle("current", row.getIndex() === current),
    });
    listen(byId("table"));
    table.on("tableBuilt", () => {
      const holder = byId("table").querySelector(".tabulator-tableholder");
      holder.tabIndex = 0;
      holder.setAttribute("aria-label", "Pairs. Arrow keys choose a row, Enter opens it.");
      holder.addEventListener("keydown", onKey);
      count();
      requestAnimationFrame(() => requestAnimationFrame(() => { document.documentElement.dataset.ready = "true"; }));
    });
    table.on("dataFiltered", () => setTimeout(count));
    let waiting = null;
    byId("search").addEventListener("input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => search(event.target.value), 120);
    });
  }

  function search(text) {
    const wanted = text.trim().toLowerCase();
    table.clearFilter(false);
    if (wanted) table.setFilter((row) => Object.values(row).some((value) => value !== null && String(value).toLowerCase().includes(wanted)));
  }

  // After a pair is closed, the keyboard is at its row.
  function focus(index) {
    if (index === null) return;
    mark(index);
    byId("table").querySelector(".tabulator-tableholder")?.focus();
  }

  return { build, open, focus, get table() { return table; } };
})();

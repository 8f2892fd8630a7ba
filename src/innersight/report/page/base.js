"use strict";
// The content of the report, and what all parts of the page use. All text of the content is untrusted: it is set as
// text, never as HTML.
const Report = JSON.parse(document.getElementById("data").textContent);

const byId = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Plotly reads a few HTML tags in text.
const forPlotly = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function formatNumber(value, digits = 4) {
  if (value === null || value === undefined || value === "") return "";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(digits - 1) : value.toFixed(digits);
}

// Okabe and Ito: colours that people with colour-blindness can tell apart.
const PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A6D00", "#7A7A7A"];

const storage = {
  get(name) {
    try { return window.localStorage.getItem(name); } catch { return null; }
  },
  set(name, value) {
    try { window.localStorage.setItem(name, value); } catch { /* the page works without it */ }
  },
};

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The words of a pair in one line, for its title and for the labels of points.
function nameOfPair(index) {
  const { reference, distorted } = Report.columns;
  const name = Report.others.case?.[index];
  return name ? `${name}: ${distorted[index]}` : `${distorted[index]} (reference ${reference[index]})`;
}

const indexOfMetric = (name) => Report.metrics.findIndex((metric) => metric.name === name);

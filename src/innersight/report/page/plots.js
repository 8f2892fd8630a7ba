"use strict";
// The plots, by Plotly. Each draws itself again when the theme changes.
const Plots = (() => {
  const drawn = new Map(); // the element of a plot -> the function that draws it

  function layout(extra) {
    const text = style("--text");
    const axis = { gridcolor: style("--line"), zerolinecolor: style("--quiet"), linecolor: style("--line"), automargin: true };
    const { xaxis = {}, yaxis = {}, ...rest } = extra;
    return {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: text, family: "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif", size: 12.5 },
      margin: { l: 56, r: 16, t: 12, b: 48 },
      hoverlabel: { bgcolor: style("--panel"), bordercolor: style("--line"), font: { color: text } },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
      ...rest,
      xaxis: { ...axis, ...xaxis },
      yaxis: { ...axis, ...yaxis },
    };
  }

  const CONFIG = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"], toImageButtonOptions: { format: "svg" } };

  function draw(target, traces, extra, onClick) {
    const render = () => Plotly.react(target, traces(), layout(extra()), CONFIG);
    render();
    if (onClick && !drawn.has(target)) target.on("plotly_click", onClick);
    drawn.set(target, render);
  }

  const title = (text) => ({ text: forPlotly(text) });
  const kindName = (code) => {
    const name = Report.opinions.kindNames[code];
    return forPlotly(name ? `${code} ${name}` : code);
  };
  const NARROW = 560; // pixels; below, the codes of kinds stand without their names

  const intervals = (estimates) => ({
    type: "data",
    symmetric: false,
    array: estimates.map(({ value, high }) => (high ?? value) - value),
    arrayminus: estimates.map(({ value, low }) => value - (low ?? value)),
    color: style("--text"),
  });

  function scatter(metric, open) {
    const { opinions, kinds, metrics, name } = Report.opinions;
    const scores = Report.scores[indexOfMetric(metric)];
    const { curve, far } = metrics[metric];
    const isFar = new Set(far);
    const groups = new Map();
    opinions.forEach((opinion, index) => {
      if (opinion === null || typeof scores[index] !== "number") return;
      const kind = kinds[index] ?? "";
      if (!groups.has(kind)) groups.set(kind, []);
      groups.get(kind).push(index);
    });
    const symbols = ["circle", "square", "diamond", "cross", "triangle-up", "star", "x", "pentagon"];
    const traces = () => [
      ...[...groups].map(([kind, rows], number) => ({
        type: "scatter",
        mode: "markers",
        name: kind === "" ? "pairs" : kindName(kind),
        x: rows.map((row) => scores[row]),
        y: rows.map((row) => opinions[row]),
        customdata: rows,
        text: rows.map((row) => forPlotly(nameOfPair(row))),
        hovertemplate: "%{text}<br>score %{x:.4f}, opinion %{y:.4f}<extra></extra>",
        marker: {
          color: PALETTE[number % PALETTE.length],
          symbol: symbols[Math.floor(number / PALETTE.length + number) % symbols.length],
          size: rows.map((row) => (isFar.has(row) ? 11 : 6)),
          opacity: 0.8,
          line: { width: rows.map((row) => (isFar.has(row) ? 1.5 : 0)), color: style("--text") },
        },
      })),
      ...(curve ? [{ type: "scatter", mode: "lines", name: "fit", x: curve.x, y: curve.y, line: { color: style("--text"), width: 2 }, hoverinfo: "skip" }] : []),
    ];
    const extra = () => ({
      hovermode: "closest",
      showlegend: groups.size > 1 && groups.size <= 8,
      xaxis: { title: title(`Score, ${metric}`) },
      yaxis: { title: title(name) },
    });
    draw(byId("scatter"), traces, extra, (event) => {
      const row = event.points.find((point) => point.customdata !== undefined)?.customdata;
      if (row !== undefined) open(row);
    });
  }

  function bars() {
    const entries = Object.entries(Report.opinions.metrics);
    const statistics = entries.some(([, found]) => "srcc" in found.statistics) ? ["srcc"] : Object.keys(entries[0][1].statistics);
    const usable = entries.filter(([, found]) => statistics.some((statistic) => typeof found.statistics[statistic]?.value === "number"));
    if (usable.length === 0) return false;
    const traces = () =>
      statistics.map((statistic, number) => ({
        type: "bar",
        name: forPlotly(statistic),
        x: usable.map(([metric]) => forPlotly(metric)),
        y: usable.map(([, found]) => found.statistics[statistic].value),
        marker: { color: PALETTE[number] },
        width: statistics.length === 1 ? Math.min(0.6, 0.18 * usable.length) : undefined,
        hovertemplate: "%{x}: %{y:.4f}<extra></extra>",
        error_y: intervals(usable.map(([, found]) => found.statistics[statistic])),
      }));
    const lowest = Math.min(0, ...usable.flatMap(([, found]) => statistics.map((s) => found.statistics[s].low ?? found.statistics[s].value)));
    draw(byId("bars"), traces, () => ({
      showlegend: statistics.length > 1,
      xaxis: { type: "category" },
      yaxis: { title: title(statistics.length > 1 ? "Share" : "SRCC"), range: [lowest < 0 ? Math.max(-1, lowest * 1.1) : 0, 1.02] },
    }));
    return statistics;
  }

  function kindBoxes(metric) {
    const { kinds, metrics } = Report.opinions;
    const { residuals } = metrics[metric];
    const codes = [...new Set(kinds)].filter((kind) => kind !== "").sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
    if (codes.length === 0 || residuals.length === 0) return false;
    const values = (code) => residuals.filter((value, row) => kinds[row] === code && value !== null);
    const target = byId("kinds");
    const label = (code) => (target.clientWidth < NARROW ? forPlotly(code) : kindName(code));
    const traces = () =>
      codes.map((code) => ({
        type: "box", name: label(code), x: values(code), boxpoints: "outliers", orientation: "h",
        marker: { color: PALETTE[0], size: 4 }, line: { width: 1.5 }, hoverinfo: "x",
      }));
    target.style.height = `${Math.max(340, 90 + 24 * codes.length)}px`;
    draw(target, traces, () => ({
      showlegend: false,
      margin: { l: 20, r: 16, t: 12, b: 48 },
      xaxis: { title: title(`${Report.opinions.name} minus fit`), zeroline: true },
      yaxis: { autorange: "reversed", type: "category" },
    }));
    return true;
  }

  function layerCurve(metric) {
    const { layers } = Report.opinions.metrics[metric];
    if (layers.length === 0) return false;
    const traces = () => [{
      type: "scatter", mode: "lines+markers", x: layers.map((layer) => forPlotly(layer.name)), y: layers.map((layer) => layer.value),
      error_y: intervals(layers),
      marker: { color: PALETTE[0], size: 9 }, line: { color: PALETTE[0] }, hovertemplate: "%{x}: %{y:.4f}<extra></extra>",
    }];
    draw(byId("layers"), traces, () => ({ xaxis: { type: "category" }, yaxis: { title: title("SRCC") } }));
    return true;
  }

  // The parts of one score. They add up to the score, so bars have one scale and start at 0.
  function parts(names, values) {
    const target = byId("parts");
    target.style.height = `${40 + 26 * names.length}px`;
    const traces = () => [{
      type: "bar", orientation: "h", x: values, y: names.map(forPlotly), marker: { color: PALETTE[0] },
      text: values.map((value) => formatNumber(value, 3)), textposition: "auto", hovertemplate: "%{y}: %{x:.4f}<extra></extra>", cliponaxis: false,
    }];
    draw(target, traces, () => ({
      margin: { l: 10, r: 34, t: 4, b: 28 },
      yaxis: { autorange: "reversed", type: "category", ticksuffix: "  " },
      xaxis: { rangemode: "tozero", nticks: 5 },
    }));
  }

  return { scatter, bars, kindBoxes, layerCurve, parts, redraw: () => drawn.forEach((render) => render()) };
})();

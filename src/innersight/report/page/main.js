"use strict";
// The frame of the page: title, summary, theme, and the plots of the opinions.
(() => {
  byId("title").textContent = Report.title;
  byId("about").textContent = `Metric: ${Report.metrics.map((metric) => `${metric.name} (${metric.higherIsBetter ? "higher" : "lower"} is more similar)`).join(", ")}`;
  for (const note of Report.notes) byId("notes").append(element("li", {}, note));
  for (const metric of Report.metrics) if (metric.citation) byId("citations").append(element("li", {}, metric.citation));
  if (!byId("citations").children.length) byId("citations").closest("section").hidden = true;

  function summarise() {
    const summary = byId("summary");
    const add = (name, value) => summary.append(element("div", {}, element("dt", {}, name), element("dd", {}, String(value))));
    add("pairs", Report.columns.distorted.length);
    const errors = (Report.errors ?? []).filter((error) => error).length;
    if (errors) add("without a score", errors);
    if (Report.others.result) add("failed", Report.others.result.filter((result) => result === "failed").length);
    Report.metrics.forEach((metric, number) => {
      const values = Report.scores[number].filter((value) => typeof value === "number").sort((a, b) => a - b);
      if (!values.length) return;
      const at = (share) => {
        const place = share * (values.length - 1), low = Math.floor(place);
        return values[low] + (place - low) * ((values[low + 1] ?? values[low]) - values[low]);
      };
      const prefix = Report.metrics.length > 1 ? `${metric.name}, ` : "";
      add(`${prefix}mean`, formatNumber(values.reduce((sum, value) => sum + value, 0) / values.length));
      add(`${prefix}median`, formatNumber(at(0.5)));
      if (Report.metrics.length === 1) {
        add("5th percentile", formatNumber(at(0.05)));
        add("95th percentile", formatNumber(at(0.95)));
      }
    });
    for (const [name, found] of Object.entries(Report.opinions?.metrics ?? {})) {
      const value = found.statistics.srcc?.value;
      if (typeof value === "number") add(`SRCC, ${name}`, formatNumber(value));
    }
  }

  function showOpinions() {
    const { opinions } = Report;
    if (!opinions) return;
    byId("opinions").hidden = false;
    byId("opinions-note").textContent = opinions.note;
    const choice = byId("plot-metric");
    for (const name of Object.keys(opinions.metrics)) choice.append(element("option", { value: name }, name));
    const rated = opinions.opinions.length > 0;
    choice.closest(".bar").hidden = !rated || choice.options.length < 2;
    byId("figure-scatter").hidden = !rated;
    const statistics = Plots.bars();
    byId("figure-bars").hidden = !statistics;
    if (statistics && statistics[0] !== "srcc") byId("bars-caption").textContent = "Agreement with the choices of viewers, with 95 % intervals.";
    const draw = () => {
      const metric = choice.value;
      if (rated) Plots.scatter(metric, Table.open);
      byId("figure-kinds").hidden = !rated || !Plots.kindBoxes(metric);
      byId("figure-layers").hidden = !rated || !Plots.layerCurve(metric);
    };
    choice.addEventListener("change", draw);
    draw();
  }

  function setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
    byId("theme").setAttribute("aria-label", `Change to the ${theme === "dark" ? "light" : "dark"} theme`);
    Plots.redraw();
  }

  setTheme(storage.get("innersight-theme") ?? (window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  byId("theme").addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    storage.set("innersight-theme", next);
    setTheme(next);
  });
  summarise();
  showOpinions(); // before the table, which it would move
  Table.build();
})();

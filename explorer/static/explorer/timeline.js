// Draws the timeline's table as a chart; dragging over it narrows the dates.
"use strict";

const WIDTHS = { minute: 60, hour: 3600, day: 86400, week: 7 * 86400 };

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Columns of uPlot: moments, posts, and percent of all posts. Between two bars there may be none: no data.
function columns(table, width) {
  const found = new Map();
  for (const { dataset } of table.querySelectorAll("tbody tr")) found.set(Number(dataset.at), dataset);
  const [first, last] = [Math.min(...found.keys()), Math.max(...found.keys())];
  const times = [];
  for (let time = first; time <= last && times.length < 20000; time += width) times.push(time);
  const rows = times.map((time) => found.get(time));
  return [
    times,
    rows.map((row) => (row ? Number(row.hits) : null)),
    rows.map((row) => (row && Number(row.all) ? (100 * Number(row.hits)) / Number(row.all) : null)),
  ];
}

// Times of day, with the date below the first of each day; days and weeks have their date alone.
function moments(chart, splits, axis, space, step) {
  let before = "";
  return splits.map((split) => {
    const [date, time] = stamp(split).slice(0, 16).split("T");
    if (step >= 86400) return date;
    const shown = date === before ? time : `${time}\n${date}`;
    before = date;
    return shown;
  });
}

function stamp(seconds) {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}

// The dates of whole bars that a selection touches.
function narrowed(link, from, to, width) {
  const url = new URL(link, location.href);
  url.searchParams.set("start", stamp(from));
  url.searchParams.set("end", stamp(to + width));
  return url.href;
}

function selected(chart, times) {
  if (chart.select.width < 3) return null;
  const left = chart.posToVal(chart.select.left, "x");
  const right = chart.posToVal(chart.select.left + chart.select.width, "x");
  const inside = times.filter((time) => time + chart.barWidth > left && time < right);
  return inside.length ? [inside[0], inside[inside.length - 1]] : null;
}

function draw(figure) {
  const place = figure.querySelector(".chart");
  const table = figure.querySelector(".chart-data");
  if (!place || !table || place.firstChild) return;
  const width = WIDTHS[place.dataset.by];
  const data = columns(table, width);
  if (!data[0].length) return;
  const everything = data[1].every((hits, index) => !hits || data[2][index] === 100);
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  const options = {
    width: place.clientWidth,
    height: 150,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    cursor: { drag: { x: true, y: false, setScale: false }, points: { show: false } },
    select: { show: true },
    scales: {
      x: { range: () => [data[0][0], data[0][data[0].length - 1] + width] },
      y: { range: (_, low, high) => [0, Math.max(1, high * 1.08)] },
      share: { range: (_, low, high) => [0, high ? high * 1.08 : 1] },
    },
    axes: [
      { ...axis, grid: { show: false }, values: moments, space: data[0].length && width >= 86400 ? 80 : 50 },
      { ...axis, size: 46, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? tick.toLocaleString("en") : "")) },
      { ...axis, show: !everything, scale: "share", side: 1, size: 46, grid: { show: false }, values: (_, ticks) => ticks.map((tick) => `${+tick.toPrecision(3)}%`) },
    ],
    series: [
      {},
      { label: "posts", fill: colour("--accent"), stroke: colour("--accent"), width: 0, paths: uPlot.paths.bars({ size: [0.9, 40], align: 1 }), points: { show: false } },
      { label: "share", show: !everything, scale: "share", stroke: colour("--warn"), width: 1.5, points: { show: data[0].length < 3 } },
    ],
    hooks: {
      setSelect: [
        (chart) => {
          chart.barWidth = width;
          const found = selected(chart, data[0]);
          if (found) location.assign(narrowed(place.dataset.narrow, found[0], found[1], width));
        },
      ],
    },
  };
  const chart = new uPlot(options, data, place);
  figure.querySelector(".chart-hint").hidden = false;
  figure.querySelector(".share-key").hidden = everything;
  new ResizeObserver(() => {
    if (place.clientWidth && place.clientWidth !== chart.width) chart.setSize({ width: place.clientWidth, height: 150 });
  }).observe(place);
}

function drawAll(root) {
  for (const figure of root.querySelectorAll("figure.timeline")) draw(figure);
  if (root.matches && root.matches("figure.timeline")) draw(root);
}

document.addEventListener("htmx:load", (event) => drawAll(event.detail.elt));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const place of document.querySelectorAll(".timeline .chart")) place.replaceChildren();
  drawAll(document);
});

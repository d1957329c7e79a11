/* The strips over time: each is an SVG of the timeline's width; all share one horizontal scale. */

const columns = data.timeline;
const spans = columns.time.length;
const video = showVideo();
const timeline = byId("timeline");
const GUTTER = { left: 46, right: 10 };
const typicalStep = spans > 1 ? (columns.time[spans - 1] - columns.time[0]) / (spans - 1) : 1 / 25;
const duration = spans ? columns.time[spans - 1] + typicalStep : 1;
const endOf = (index) => (index + 1 < spans ? columns.time[index + 1] : duration);
let width = 0;
let current = 0;

const plotWidth = () => Math.max(1, width - GUTTER.left - GUTTER.right);
const x = (seconds) => +(GUTTER.left + (plotWidth() * seconds) / duration).toFixed(2);

function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** The span at a time. */
function indexAt(seconds) {
  let low = 0;
  let high = spans - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (columns.time[middle] <= seconds + 1e-6) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** A round step that gives about so many ticks. */
function tickStep(range, count) {
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.8);
}

function ticks(low, high, count) {
  const step = tickStep(high - low || 1, count);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-6; value += step) {
    found.push(+value.toPrecision(10));
  }
  return found;
}

/** Begin a strip: its frame, grid and vertical scale. */
function strip(height, low, high, count, unit) {
  const y = (value) => +(height - ((value - low) / (high - low || 1)) * height).toFixed(2);
  const drawing = svg("svg", { width, height: height + 6, "aria-hidden": "true" });
  drawing.append(svg("rect", { class: "back", x: GUTTER.left, y: 0, width: plotWidth(), height }));
  const lines = svg("g", {});
  for (const value of count ? ticks(low, high, count) : []) {
    const level = y(value);
    lines.append(svg("line", { class: "grid", x1: GUTTER.left, x2: GUTTER.left + plotWidth(), y1: level, y2: level }));
    lines.append(svg("text", { x: GUTTER.left - 6, y: Math.min(Math.max(level + 4, 9), height + 2), "text-anchor": "end" }, `${value}${unit}`));
  }
  drawing.append(lines);
  return { drawing, y, height, lines };
}

/** Rectangles from the bottom to each span's value, in one path. */
function columnsPath(values, y, base) {
  let path = "";
  values.forEach((value, index) => {
    if (value != null) path += `M${x(columns.time[index])} ${base}V${y(value)}H${x(endOf(index))}V${base}Z`;
  });
  return path;
}

function titleOf(text, ...notes) {
  return make("div", { class: "strip-title" }, text, ...notes.map((note) => make("span", {}, ...note)));
}

function colouredNote(variable, text) {
  const mark = make("span", { class: "swatch", "aria-hidden": "true" });
  mark.style.background = `var(${variable})`;
  return [mark, text];
}

function pathStrip() {
  const { drawing, y, height } = strip(26, 0, 1, 0, "");
  drawing.append(svg("rect", { class: "warp", x: GUTTER.left, y: 0, width: plotWidth(), height }));
  drawing.append(svg("path", { class: "segment", d: columnsPath(columns.segmented.map((share) => share || null), y, height) }));
  return [titleOf("Segmented or warped", colouredNote("--segment", "segmented"), colouredNote("--warp", "warped")), drawing];
}

function confidenceStrip() {
  const known = columns.confidence.filter((value) => value != null);
  const title = titleOf("Predicted confidence", [known.length ? `of a warp; dashed: target ${data.target}` : "not asked in this run"]);
  if (!known.length) return [title];
  const low = Math.max(0, Math.floor((Math.min(...known, data.target) - 3) / 10) * 10);
  const { drawing, y } = strip(84, low, 100, 4, "");
  let line = "";
  columns.confidence.forEach((value, index) => {
    if (value != null) line += `M${x(columns.time[index])} ${y(value)}H${x(endOf(index))}`;
  });
  drawing.append(svg("line", { class: "target", x1: GUTTER.left, x2: GUTTER.left + plotWidth(), y1: y(data.target), y2: y(data.target) }));
  drawing.append(svg("path", { class: "curve dots", d: line }));
  return [title, drawing];
}

function timeStrip() {
  const most = Math.max(...columns.longestMs, 1e-3);
  const { drawing, y, height, lines } = strip(84, 0, most * 1.05, 4, "");
  const part = (wanted) => columns.longestMs.map((value, index) => ((columns.segmented[index] > 0) === wanted ? value : null));
  drawing.insertBefore(svg("path", { class: "segment", d: columnsPath(part(true), y, height) }), lines);
  drawing.insertBefore(svg("path", { class: "warp", d: columnsPath(part(false), y, height) }), lines);
  return [titleOf("Frame time", ["ms in the segmenter"]), drawing];
}

function areaStrip() {
  const { drawing, y, lines } = strip(150, 0, 100, 4, "%");
  let floor = columns.time.map(() => 0);
  columns.areas.forEach((areas, label) => {
    const top = floor.map((value, index) => value + areas[index]);
    let upper = "";
    let lower = "";
    top.forEach((value, index) => {
      upper += `${index ? "L" : "M"}${x(columns.time[index])} ${y(value)}H${x(endOf(index))}`;
      lower = `L${x(endOf(index))} ${y(floor[index])}H${x(columns.time[index])}${lower}`;
    });
    const layer = svg("path", { class: "layer", d: `${upper}${lower}Z` });
    layer.style.fill = `var(--c${label})`;
    drawing.insertBefore(layer, lines);
    floor = top;
  });
  lines.querySelectorAll("line").forEach((line) => line.remove());
  return [titleOf("Class areas", ["share of the frame"]), drawing];
}

function distanceStrip() {
  const known = columns.distance.filter((value) => value != null);
  const present = [...new Set(columns.distanceClass.filter((label, index) => columns.distance[index] != null))].sort((a, b) => a - b);
  const title = titleOf("Nearest object", ...(known.length
    ? [[data.calibrated ? "m" : "m, estimated: the camera is not calibrated"], ...present.map((label) => colouredNote(`--c${label}`, data.classes[label]))]
    : [["none was measured"]]));
  if (!known.length) return [title];
  const { drawing, y } = strip(96, 0, Math.max(...known) * 1.08, 4, "");
  for (const label of present) {
    let path = "";
    columns.distance.forEach((value, index) => {
      if (value != null && columns.distanceClass[index] === label) path += `M${x(columns.time[index])} ${y(value)}H${x(endOf(index))}`;
    });
    const line = svg("path", { class: "near", d: path });
    line.style.stroke = `var(--c${label})`;
    drawing.append(line);
  }
  return [title, drawing];
}

function axis() {
  const drawing = svg("svg", { width, height: 20, "aria-hidden": "true" });
  const values = ticks(0, duration, Math.max(2, Math.floor(plotWidth() / 90)));
  for (const value of values) {
    const text = data.byFrame ? String(value) : duration < 60 ? `${value} s` : clock(value);
    const anchor = x(value) > width - 24 ? "end" : "middle";
    drawing.append(svg("line", { class: "grid", x1: x(value), x2: x(value), y1: 0, y2: 4 }));
    drawing.append(svg("text", { x: x(value), y: 15, "text-anchor": anchor }, text));
  }
  return [drawing];
}

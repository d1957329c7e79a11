"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

/** An element with attributes, whose children are elements or text; text is never read as HTML. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function swatch(label) {
  const mark = make("span", { class: "swatch", "aria-hidden": "true" });
  mark.style.background = `var(--c${label})`;
  return mark;
}

const decimals = (value, digits) => (value == null ? "–" : value.toFixed(digits));
const milliseconds = (value) => `${decimals(value, value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;

/** Metres: with a tilde and no decimals for a camera that is a guess. */
function metres(value) {
  return data.calibrated ? `${value.toFixed(1)} m` : `~${Math.round(value)} m`;
}

function clock(seconds) {
  if (seconds < 60) return `${seconds.toFixed(2)} s`;
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
  return (whole >= 3600 ? `${Math.floor(whole / 3600)}:` : "") + parts.join(":");
}

function describeRun() {
  document.title = byId("title").textContent = data.title;
  byId("subtitle").textContent = data.subtitle;
  byId("footer").textContent = data.footer;
  byId("notes").append(...data.notes.map((note) => make("li", {}, note)));
  for (const [name, value, detail] of data.tiles) {
    const more = detail ? [make("dd", {}, detail)] : [];
    byId("tiles").append(make("div", {}, make("dt", {}, name), make("dd", {}, value), ...more));
  }
  for (const name of ["settings", "machine", "weights"]) {
    const rows = data[name].map(([key, value]) => {
      const shown = name === "weights" ? make("code", {}, value) : value;
      return make("tr", {}, make("th", { scope: "row" }, key), make("td", {}, shown));
    });
    byId(name).tBodies[0].append(...rows);
  }
  byId("weights-section").hidden = data.weights.length === 0;
}

/** Rows of name, bar and value; a value of null has no bar. */
function barRows(table, rows, most) {
  for (const { name, value, text, label } of rows) {
    const bar = make("span", { class: "bar" });
    bar.style.width = `${value == null ? 0 : (100 * value) / most}%`;
    if (label != null) bar.style.background = `var(--c${label})`;
    const head = make("th", { scope: "row" }, name);
    const track = make("td", { class: "track" }, ...(value == null ? [] : [bar]));
    table.tBodies[0].append(make("tr", {}, head, track, make("td", { class: "number" }, text)));
  }
}

function showStages() {
  const stages = Object.entries(data.stageMs);
  const most = Math.max(...stages.map(([, value]) => value), 1e-9);
  const rows = stages.map(([name, value]) => ({ name, value, text: milliseconds(value) }));
  barRows(byId("stages"), rows, most);
}

function confusionTable({ confusion, shares }) {
  const head = make("tr", {}, make("th", { scope: "col" }, "truth (share) \\ prediction"));
  for (const name of data.classes) {
    head.append(make("th", { scope: "col" }, make("span", {}, name)));
  }
  const rows = confusion.map((row, truth) => {
    const share = `${data.classes[truth]} (${decimals(shares[truth], 1)} %)`;
    const line = make("tr", {}, make("th", { scope: "row" }, share));
    row.forEach((percent, predicted) => {
      const shown = percent != null && percent >= 0.05;
      const cell = make("td", {}, shown ? (percent >= 99.95 ? "100" : percent.toFixed(1)) : "");
      cell.title = `${data.classes[truth]} taken for ${data.classes[predicted]}: ${decimals(percent, 2)} %`;
      // By the square root: on a linear scale errors of a few % could not be told from nothing.
      const strength = percent == null ? 0 : Math.round(100 * Math.sqrt(percent / 100));
      cell.style.background = `color-mix(in srgb, var(--accent) ${strength}%, var(--page))`;
      if (strength > 60) cell.style.color = "var(--panel)";
      line.append(cell);
    });
    return line;
  });
  byId("confusion").append(make("thead", {}, head), make("tbody", {}, ...rows));
}

function showEvaluation() {
  const evaluation = data.evaluation;
  if (!evaluation) return;
  byId("evaluation").hidden = false;
  byId("evaluation-summary").textContent = evaluation.summary;
  const classes = evaluation.classIou.map((value, label) => ({
    name: data.classes[label], value, label, text: value == null ? "never seen" : value.toFixed(3),
  }));
  barRows(byId("class-iou"), classes, 1);
  const distances = evaluation.byKeyDistance.map(([distance, value]) => ({
    name: distance, value, text: decimals(value, 3),
  }));
  barRows(byId("distance-iou"), distances, 1);
  confusionTable(evaluation);
}

function showPictures() {
  for (const { caption, source, embedded } of data.pictures) {
    const content = embedded
      ? make("img", { src: source, alt: caption })
      : make("a", { href: source }, caption);
    const figure = make("figure", {}, ...(embedded ? [make("figcaption", {}, caption)] : []), content);
    byId("pictures").append(figure);
    byId("pictures").hidden = false;
  }
}

/** A video in the page becomes a file in memory: browsers limit the length of an address. */
function videoAddress() {
  const text = byId("video-data").textContent;
  if (!text) return data.video.source;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: data.video.type }));
}

/** Show the video; the element, or null where there is none that has a position. */
function showVideo() {
  if (!data.video) {
    byId("stage").classList.add("bare");
    return null;
  }
  const kind = data.video.type.startsWith("video/") ? "video" : "img";
  const shown = make(kind, kind === "video"
    ? { controls: "", playsinline: "", preload: "auto" }
    : { alt: "The annotated video" });
  shown.src = videoAddress();
  byId("screen").append(shown);
  return kind === "video" ? shown : null;
}

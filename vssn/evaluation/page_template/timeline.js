/* The timeline: its cursor goes with the video, and moves it. */

function draw() {
  const wanted = Math.floor(timeline.clientWidth);
  if (wanted === width || !spans) return;
  width = wanted;
  const parts = [pathStrip, confidenceStrip, timeStrip, areaStrip, distanceStrip, axis];
  byId("strips").replaceChildren(...parts.flatMap((part) => part()));
  showCursor();
}

function pathName(index) {
  const share = columns.segmented[index];
  if (columns.frames[index] > 1) return `${Math.round(100 * share)} % segmented`;
  if (share > 0 && share < 1) return `segmented in part`;
  return share ? "segmented" : "warped";
}

function facts(index) {
  const frames = columns.frames[index];
  const number = columns.frame[index];
  const distance = columns.distance[index];
  return {
    title: frames > 1 ? `Frames ${number}–${number + frames - 1}` : `Frame ${number}`,
    ...(data.byFrame ? {} : { Time: clock(columns.time[index]) }),
    Path: pathName(index),
    "Predicted confidence": decimals(columns.confidence[index], 1),
    "Key distance": String(columns.keyDistance[index]),
    "Frame time": milliseconds(columns.longestMs[index]),
    "Nearest object": distance == null ? "–" : `${data.classes[columns.distanceClass[index]]}, ${metres(distance)}`,
  };
}

function showCursor() {
  const cursor = byId("cursor");
  const strips = byId("strips").getBoundingClientRect();
  const middle = (columns.time[current] + endOf(current)) / 2;
  cursor.style.height = `${Math.max(0, strips.height - 20)}px`;
  cursor.style.transform = `translateX(${x(video && !video.paused ? video.currentTime : middle)}px)`;
}

function showCurrent() {
  const { title, ...rest } = facts(current);
  byId("current-title").textContent = title;
  const pairs = Object.entries(rest).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  byId("readout").replaceChildren(...pairs);
  const rows = byId("legend").tBodies[0].rows;
  columns.areas.forEach((areas, label) => {
    rows[label].cells[1].firstChild.style.width = `${areas[current]}%`;
    rows[label].cells[2].textContent = `${areas[current].toFixed(1)} %`;
  });
  timeline.setAttribute("aria-valuenow", current);
  timeline.setAttribute("aria-valuetext", `${title}, ${rest.Time ? `${rest.Time}, ` : ""}${rest.Path}`);
  showCursor();
}

/** Go to a span, and the video with it. */
function select(index) {
  current = Math.min(Math.max(index, 0), spans - 1);
  // A little after the frame's start, so that rounding never shows the frame before.
  if (video) video.currentTime = columns.time[current] + 0.25 * (endOf(current) - columns.time[current]);
  showCurrent();
}

function followVideo() {
  const index = indexAt(video.currentTime);
  if (index !== current) {
    current = index;
    showCurrent();
  } else showCursor();
}

function followPlaying() {
  followVideo();
  if (!video.paused && !video.ended) requestAnimationFrame(followPlaying);
}

function indexUnder(event) {
  const box = timeline.getBoundingClientRect();
  const seconds = (duration * (event.clientX - box.left - GUTTER.left)) / plotWidth();
  return indexAt(Math.min(Math.max(seconds, 0), duration));
}

function showTip(event) {
  const tip = byId("tip");
  const { title, ...rest } = facts(indexUnder(event));
  tip.textContent = [title, ...Object.entries(rest).map(([name, value]) => `${name}: ${value}`)].join("\n");
  tip.hidden = false;
  const box = timeline.getBoundingClientRect();
  const at = event.clientX - box.left;
  const left = at + 14 + tip.offsetWidth > box.width ? at - 14 - tip.offsetWidth : at + 14;
  const top = Math.min(event.clientY - box.top + 14, box.height - tip.offsetHeight);
  tip.style.transform = `translate(${Math.max(0, left)}px, ${Math.max(0, top)}px)`;
}

function onKey(event) {
  const leap = Math.max(1, Math.round(spans / 10));
  const goals = {
    ArrowLeft: current - 1, ArrowDown: current - 1, ArrowRight: current + 1, ArrowUp: current + 1,
    PageDown: current - leap, PageUp: current + leap, Home: 0, End: spans - 1,
  };
  if (event.key in goals) select(goals[event.key]);
  else if (event.key === " " && video) video.paused ? video.play() : video.pause();
  else return;
  event.preventDefault();
}

function startTimeline() {
  const step = data.framesPerSpan > 1
    ? ` Each point stands for ${data.framesPerSpan} frames: lowest confidence, longest time, nearest object.` : "";
  byId("hint").textContent = (video
    ? "Click to go there in the video. Arrow keys step, the space bar plays." : "Click or use the arrow keys to see a frame's values.") + step;
  timeline.setAttribute("aria-valuemin", 0);
  timeline.setAttribute("aria-valuemax", spans - 1);
  barRows(byId("legend"), data.classes.map((name, label) => ({ name, value: 0, label, text: "" })), 100);
  [...byId("legend").tBodies[0].rows].forEach((row, label) => row.cells[0].prepend(swatch(label)));
  let dragging = false;
  timeline.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    dragging = true;
    select(indexUnder(event));
  });
  timeline.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") showTip(event);
    if (dragging) select(indexUnder(event));
  });
  addEventListener("pointerup", () => { dragging = false; });
  timeline.addEventListener("pointerleave", () => { byId("tip").hidden = true; });
  timeline.addEventListener("keydown", onKey);
  if (video) {
    video.addEventListener("play", followPlaying);
    video.addEventListener("seeked", followVideo);
  }
  new ResizeObserver(draw).observe(timeline);
  draw();
  showCurrent();
}

describeRun();
showStages();
showEvaluation();
showPictures();
if (spans) startTimeline();
else byId("stage").hidden = byId("over-time").hidden = true;

"use strict";
// The threshold, what people press, and the start.
function set(threshold) {
  const main = about.scored[0];
  if (!Number.isFinite(threshold)) return;
  state.threshold = threshold;
  state.events = eventsOf(main, threshold);
  const text = String(Number(threshold.toPrecision(6)));
  if (document.activeElement !== byId("threshold")) byId("threshold").value = text;
  const top = Math.max(main.high, main.threshold) || 1;
  byId("slider").value = 1000 * Math.cbrt(Math.max(0, threshold / top));
  byId("counts").textContent = countsOf(state.events);
  const closes = Number(Math.min(threshold, main.closes).toPrecision(6));
  byId("option").textContent = main.option.replace("{opens}", text)
    .replace("{closes}", closes).replace("{gap}", state.gap);
  list();
  redraw();
  overview.redraw(false);
}

// ---- what people press

themed(() => { if (about.steps > 0) build(); });
const actions = {
  back: () => pan(-0.5), forth: () => pan(0.5), in: () => zoom(0.5), out: () => zoom(2),
  all: () => move(0, about.steps),
};
for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
const keys = { ArrowLeft: "back", ArrowRight: "forth", "+": "in", "-": "out", 0: "all" };
document.addEventListener("keydown", (event) => {
  if (/INPUT|SELECT|TEXTAREA/.test(event.target.tagName) || !(event.key in keys)) return;
  actions[keys[event.key]]();
  event.preventDefault();
});
byId("search").addEventListener("input", build);
byId("number").addEventListener("input", build);
byId("threshold").addEventListener("input", (event) => set(event.target.valueAsNumber));
byId("slider").addEventListener("input", (event) => {
  const main = about.scored[0], top = Math.max(main.high, main.threshold) || 1;
  set(top * Math.pow(event.target.value / 1000, 3));
});
byId("copy").addEventListener("click", () => {
  navigator.clipboard?.writeText(byId("option").textContent).catch(() => {});
});
byId("budget").addEventListener("input", (event) => {
  const rate = event.target.valueAsNumber, main = about.scored[0];
  if (rate >= 0) set(thresholdOf(main, Math.floor((rate * about.steps) / 1000)));
});
byId("gap").addEventListener("input", (event) => {
  const gap = event.target.valueAsNumber;
  if (!(gap >= 0)) return;
  state.gap = Math.floor(gap);
  set(state.threshold);
});
byId("mark").addEventListener("click", () => {
  const [from, stop] = [Math.floor(state.from), Math.ceil(state.to)];
  marks[from + "-" + stop] = { start: from, stop, mark: "anomaly", note: "" };
  keep();
  list();
});
let resizing = 0;
window.addEventListener("resize", () => {
  clearTimeout(resizing);
  if (about.steps > 0) resizing = setTimeout(build, 100);
});

function summarize() {
  byId("summary").textContent = counted(about.steps.toLocaleString("en"), "step") +
    ", " + counted(about.channels.length, "channel") +
    (about.labels === null ? "" : ", " + counted(truth.length, "labeled event") + " (green)") +
    (about.scored.length ? ", found events orange in the upper half" : "") +
    (about.borders.length ? ", test data from " + name(about.borders[0]) + " on" : "") +
    (about.bucket > 1 ? "; values of " + about.bucket + " steps are drawn together" : "");
}

function start() {
  summarize();
  byId("found").hidden = false;
  byId("found").classList.toggle("bare", !about.scored.length);
  byId("found").classList.toggle("plain", !(about.scored[0] || { events: [] }).events.length);
  byId("found").classList.toggle("live", Boolean(about.live));
  for (const id of ["mark", "save-json", "save-csv"]) byId(id).hidden = Boolean(about.live);
  byId("read").parentElement.hidden = Boolean(about.live);
  if (about.scored.length) {
    byId("scores").hidden = false;
    state.threshold = about.scored[0].threshold;
    byId("gap").value = state.gap = about.scored[0].gap;
    state.events = eventsOf(about.scored[0], state.threshold);
    for (const row of about.scored) {
      const label = document.createElement("label"), box = document.createElement("input");
      box.type = "checkbox";
      box.checked = true;
      box.addEventListener("change", () => {
        if (box.checked) state.off.delete(row.name); else state.off.add(row.name);
        build();
      });
      const sample = document.createElement("i");
      sample.style.background = "var(" + row.color + ")";
      label.append(box, " ", sample, " " + row.name);
      byId("detectors").append(label, " ");
    }
  }
  build();
  if (about.scored.length) set(state.threshold); else list();
}
if (about.steps > 0) start();
performance.measure("load", "begin");

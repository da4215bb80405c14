"use strict";
// A recording to look at: see page.py for what `about` holds. Steps are the x of every
// chart; time stamps only name them.
performance.mark("begin");
const MISSING = 65535, LAST = 65534, FACTOR = 4, COARSEST = 512, NEAR = 8;
const MOST_EVENTS = 500, HEIGHT = { score: 220, channel: 130, overview: 70 };
const byId = (name) => document.getElementById(name);
const about = JSON.parse(byId("about").textContent);
const key = "jaxtsad marks: " + about.title + ", " + about.steps + " steps";
const state = { from: 0, to: about.steps, threshold: 0, events: [], off: new Set() };
let charts = [], overview = null;

// ---- rows: levels of least and greatest values, the finest first

function levelsOf(row) {
  const bytes = Uint8Array.from(atob(row.data), (letter) => letter.charCodeAt(0));
  const codes = new Uint16Array(bytes.buffer), span = row.high - row.low || 1;
  const value = (code) => (code === MISSING ? NaN : row.low + (code / LAST) * span);
  const pair = about.bucket > 1;
  const count = pair ? codes.length / 2 : codes.length;
  const low = new Float64Array(count), high = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    low[i] = value(codes[pair ? 2 * i : i]);
    high[i] = value(codes[pair ? 2 * i + 1 : i]);
  }
  return coarser(low, high, about.bucket);
}

function coarser(low, high, size) {
  const levels = [{ size, low, high }];
  while (low.length > COARSEST) {
    const fewer = Math.ceil(low.length / FACTOR);
    const least = new Float64Array(fewer).fill(NaN), most = least.slice();
    for (let i = 0; i < low.length; i++) {
      const at = Math.floor(i / FACTOR);
      if (!(least[at] <= low[i])) least[at] = Number.isNaN(low[i]) ? least[at] : low[i];
      if (!(most[at] >= high[i])) most[at] = Number.isNaN(high[i]) ? most[at] : high[i];
    }
    levels.push({ size: levels[levels.length - 1].size * FACTOR, low: least, high: most });
    [low, high] = [least, most];
  }
  return levels;
}

function points(levels, from, to, pixels) {
  let level = levels[0];
  for (const coarser of levels) if ((to - from) / coarser.size >= pixels) level = coarser;
  const first = Math.max(0, Math.floor(from / level.size) - 1);
  const stop = Math.min(level.low.length, Math.ceil(to / level.size) + 1);
  const x = [], y = [];
  for (let i = first; i < stop; i++) {
    const step = i * level.size, missing = Number.isNaN(level.low[i]);
    x.push(step);
    y.push(missing ? null : level.low[i]);
    if (level.size > 1) {
      x.push(step + level.size / 2);
      y.push(missing ? null : level.high[i]);
    }
  }
  return [x, y];
}

for (const row of [...about.channels, ...about.scored]) row.levels = levelsOf(row);

// ---- time

function stampOf(step) {
  const { places, stamps } = about.time;
  let low = 0, high = places.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (places[middle] <= step) low = middle; else high = middle;
  }
  const width = places[high] - places[low] || 1;
  const share = Math.min(1, Math.max(0, (step - places[low]) / width));
  return stamps[low] + share * (stamps[high] - stamps[low]);
}

function name(step) {
  const at = Math.min(about.steps - 1, Math.max(0, Math.round(step)));
  if (about.time === null) return String(at);
  if (!about.time.dates) return stampOf(at).toPrecision(8);
  return new Date(stampOf(at) * 1000).toISOString().slice(0, 19).replace("T", " ");
}

// ---- events by the threshold, as the library makes them

function eventsOf(row, threshold) {
  const { high, size } = row.levels[0], closes = Math.min(threshold, row.closes);
  const runs = [];
  let run = null;
  for (let i = 0; i < high.length; i++) {
    if (!(high[i] > closes)) continue;
    const start = i * size, stop = Math.min(about.steps, start + size);
    if (run !== null && start - run.stop <= row.gap) run.stop = stop;
    else runs.push((run = { start, stop, peak: start, score: -Infinity }));
    if (high[i] > run.score) [run.score, run.peak] = [high[i], start];
  }
  return runs.filter((each) => each.score > threshold);
}

const meets = (one, other) => one.start < other.stop && other.start < one.stop;
const truth = (about.labels || []).map(([start, stop]) => ({ start, stop }));
const middle = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

function countsOf(events) {
  const rate = ((1000 * events.length) / about.steps).toFixed(2);
  let text = events.length + " events, " + rate + " in 1,000 steps";
  if (about.labels === null) return text;
  const right = events.filter((event) => truth.some((each) => meets(each, event)));
  const delays = [];
  for (const each of truth) {
    const first = events.find((event) => meets(each, event));
    if (first) delays.push(Math.max(0, first.start - each.start));
  }
  const share = (part, all) => (all ? ((100 * part) / all).toFixed(0) + " %" : "none");
  text += "; precision " + share(right.length, events.length);
  text += ", recall " + share(delays.length, truth.length);
  text += " (" + delays.length + " of " + truth.length + ")";
  return delays.length ? text + ", delay " + middle(delays) + " steps" : text;
}

// ---- marks, kept by the browser where it lets us

let marks = {};
try { marks = JSON.parse(localStorage.getItem(key)) || {}; } catch { marks = {}; }
function keep() {
  try { localStorage.setItem(key, JSON.stringify(marks)); } catch { /* not kept */ }
}

function marked() {
  return Object.values(marks).filter((each) => each.mark || each.note)
    .sort((one, other) => one.start - other.start);
}

function save(text, type, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = about.title.replace(/[^\w.-]+/g, "_") + "_marks." + ending;
  link.click();
  URL.revokeObjectURL(link.href);
}

function cell(value) {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? "'" + text : text;
  return '"' + safe.replaceAll('"', '""') + '"';
}

// ---- charts

const style = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function bands(chart) {
  const { ctx, bbox } = chart;
  const fill = (events, color, part) => {
    ctx.fillStyle = color;
    for (const { start, stop } of events) {
      if (stop < state.from || start > state.to) continue;
      const left = chart.valToPos(start, "x", true), right = chart.valToPos(stop, "x", true);
      ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height * part);
    }
  };
  fill(truth, style("--true"), 1);
  fill(state.events, style("--found"), 0.5);
}

function line(chart) {
  const y = chart.valToPos(state.threshold, "y", true), { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = style("--alarm");
  ctx.lineWidth = 2;
  ctx.setLineDash([6, 4]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

const COLORS = ["--line", "--ink", "--third", "--fourth", "--fifth"];
about.scored.forEach((row, i) => { row.color = COLORS[i % COLORS.length]; });

function chart(place, rows, height, options) {
  const width = Math.max(200, place.clientWidth);
  const axis = { stroke: style("--ink"), grid: { stroke: style("--rule"), width: 0.5 } };
  const made = new uPlot({
    width, height, title: options.title,
    legend: { show: false },
    cursor: { sync: { key: "steps" }, drag: { x: true, y: false, setScale: false } },
    scales: {
      x: { time: false, range: () => options.whole ? [0, about.steps] : [state.from, state.to] },
      y: options.scale || {},
    },
    axes: [
      {
        ...axis, space: 110, size: about.time && about.time.dates ? 52 : 36,
        values: (_, splits) => splits.map((at) => name(at).replace(" ", "\n")),
      },
      {
        ...axis, size: 60, show: !options.whole,
        filter: (self, splits) => splits.map((at) => (named(at, self) ? at : null)),
      },
    ],
    series: [{}, ...rows.map((row) => ({
      label: row.name, stroke: style(row.color || "--line"), width: 1,
      points: { show: false },
    }))],
    hooks: {
      drawClear: [bands],
      draw: options.line ? [line] : [],
      setSelect: [(self) => {
        if (self.select.width < 3 || self.placing) return;
        const from = self.posToVal(self.select.left, "x");
        const to = self.posToVal(self.select.left + self.select.width, "x");
        if (!options.whole) self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        move(from, to);
      }],
    },
  }, rows.length ? dataOf(rows, options.whole, width) : [[0]], place);
  made.rows = rows;
  made.over.addEventListener("wheel", (event) => {
    event.preventDefault();
    const at = made.posToVal(event.offsetX, "x"), by = event.deltaY > 0 ? 1.25 : 0.8;
    move(at - (at - state.from) * by, at + (state.to - at) * by);
  }, { passive: false });
  return made;
}

function dataOf(rows, whole, width) {
  const [from, to] = whole ? [0, about.steps] : [state.from, state.to];
  const each = rows.map((row) => points(row.levels, from, to, width));
  return [each[0][0], ...each.map(([, y]) => y)];
}

function shown() {
  return about.scored.filter((row) => !state.off.has(row.name));
}

function build() {
  for (const each of charts) each.destroy();
  if (overview) overview.destroy();
  charts = [];
  const main = about.scored[0];
  overview = chart(byId("overview"), [main || about.channels[0]], HEIGHT.overview, {
    whole: true, scale: main ? scaleOf(main) : {},
  });
  if (main) {
    charts.push(chart(byId("score"), shown().length ? shown() : [main], HEIGHT.score, {
      line: true, scale: scaleOf(main),
    }));
    draggable(charts[0]);
  }
  const wanted = byId("search").value.toLowerCase();
  const order = byContribution().filter((row) => row.name.toLowerCase().includes(wanted));
  const number = Math.max(1, Math.min(30, Number(byId("number").value) || 1));
  byId("matching").textContent =
    Math.min(number, order.length) + " of " + order.length + " channels";
  for (const row of order.slice(0, number)) {
    charts.push(chart(byId("channels"), [row], HEIGHT.channel, { title: row.name }));
  }
  frame();
}

// Of logarithmic steps 1, 2 and 5, and the end of the linear part.
function named(at, chart_) {
  const { min, distr, asinh } = chart_.scales.y;
  if (at < min) return false;
  return distr !== 4 || at === 0 || at === asinh || "125".includes(at.toExponential()[0]);
}

// Linear up to the threshold, logarithmic above: scores have long tails.
const scaleOf = (row) => ({
  distr: 4,
  asinh: Math.max(1e-12, Math.abs(row.threshold)),
  range: (_, low, high) => [Math.min(0, low), Math.max(high, state.threshold) * 1.1],
});

function byContribution() {
  const sums = new Map();
  for (const event of about.scored.length ? about.scored[0].events : []) {
    (event.channels || []).forEach((channel, i) => {
      sums.set(channel, (sums.get(channel) || 0) + Number((event.shares || [])[i] || 1));
    });
  }
  const sum = (row) => sums.get(row.name) || 0;
  return [...about.channels].sort((one, other) => sum(other) - sum(one));
}

function frame() {
  overview.placing = true;
  const left = overview.valToPos(state.from, "x"), right = overview.valToPos(state.to, "x");
  const height = overview.over.clientHeight;
  overview.setSelect({ left, width: right - left, top: 0, height }, false);
  overview.placing = false;
  byId("range").textContent = name(state.from) + " to " + name(state.to - 1);
}

let asked = false;
function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    performance.mark("redraw");
    for (const each of charts) each.setData(dataOf(each.rows, false, each.width));
    frame();
    // Charts draw themselves in a task that was queued before.
    queueMicrotask(() => performance.measure("redraw", "redraw"));
  });
}

function move(from, to) {
  const least = Math.min(about.steps, 16);
  let width = Math.min(about.steps, Math.max(least, to - from));
  const center = (from + to) / 2;
  from = Math.min(about.steps - width, Math.max(0, center - width / 2));
  [state.from, state.to] = [from, from + width];
  redraw();
}

const zoom = (by) => {
  const center = (state.from + state.to) / 2, half = ((state.to - state.from) / 2) * by;
  move(center - half, center + half);
};
const pan = (by) => {
  const width = (state.to - state.from) * by;
  move(state.from + width, state.to + width);
};

// ---- threshold

function draggable(score) {
  const near = (event) =>
    Math.abs(event.offsetY - score.valToPos(state.threshold, "y")) < NEAR;
  score.over.addEventListener("mousemove", (event) => {
    score.over.style.cursor = near(event) ? "ns-resize" : "crosshair";
  });
  score.over.addEventListener("mousedown", (event) => {
    if (!near(event)) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    const top = score.over.getBoundingClientRect().top;
    const drag = (moved) => set(score.posToVal(moved.clientY - top, "y"));
    const end = () => {
      document.removeEventListener("mousemove", drag);
      document.removeEventListener("mouseup", end);
    };
    document.addEventListener("mousemove", drag);
    document.addEventListener("mouseup", end);
  }, { capture: true });
}

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
  byId("option").textContent = main.option.replace("{}", text);
  list();
  redraw();
  overview.redraw(false);
}

// ---- the list of events

function detail(event) {
  return about.scored[0].events.find((each) => meets(each, event)) || {};
}

function alike(event) {
  const vector = (one) => new Map((one.channels || []).map((channel, i) =>
    [channel, Number((one.shares || [])[i] || 0)]));
  const own = vector(detail(event));
  let best = null, most = 0;
  for (const other of about.scored[0].events) {
    if (meets(other, event)) continue;
    let sum = 0, squares = 1e-12;
    for (const [channel, share] of vector(other)) {
      sum += share * (own.get(channel) || 0);
      squares += share * share;
    }
    if (sum / Math.sqrt(squares) > most) [best, most] = [other, sum / Math.sqrt(squares)];
  }
  return best;
}

function list() {
  const known = new Map(state.events.map((event) => [event.start + "-" + event.stop, event]));
  for (const each of marked()) {
    const own = each.start + "-" + each.stop;
    if (!known.has(own)) known.set(own, { ...each, score: NaN, peak: each.start });
  }
  const order = [...known].sort(([, one], [, other]) => (other.score || 0) - (one.score || 0));
  const body = byId("events");
  body.replaceChildren();
  for (const [own, event] of order.slice(0, MOST_EVENTS)) {
    const row = body.insertRow(), about_ = detail(event), other = alike(event);
    const shares = (about_.channels || []).map((channel, i) => {
      const share = Number((about_.shares || [])[i]);
      return channel + (share ? " " + (100 * share).toFixed(0) + " %" : "");
    }).filter((text) => !text.endsWith(" 0 %"));
    const severity = about_.severity === undefined ? event.score : about_.severity;
    const texts = [name(event.start), name(event.stop - 1), event.stop - event.start,
      Number.isFinite(severity) ? severity.toPrecision(3) : "", shares.join(", "),
      other ? name(other.start) : ""];
    texts.forEach((text, i) => {
      const cell_ = row.insertCell();
      cell_.textContent = text;
      if (i === 4) cell_.className = "wide";
    });
    row.tabIndex = 0;
    row.setAttribute("aria-label", "Event from " + texts[0] + " to " + texts[1]);
    const go = () => {
      const width = Math.max(40, 3 * (event.stop - event.start));
      move(event.start - width, event.stop + width);
    };
    row.addEventListener("click", (clicked) => {
      if (!["SELECT", "INPUT", "OPTION"].includes(clicked.target.tagName)) go();
    });
    row.addEventListener("keydown", (pressed) => {
      if (pressed.key === "Enter" && pressed.target === row) go();
    });
    if (about.live) continue;  // Steps leave a live page; marks would lose their place.
    const choice = document.createElement("select");
    choice.setAttribute("aria-label", "Mark of the event from " + texts[0]);
    for (const word of ["", "anomaly", "normal", "investigate"]) choice.add(new Option(word));
    const note = document.createElement("input");
    note.setAttribute("aria-label", "Note on the event from " + texts[0]);
    note.maxLength = 500;
    [choice.value, note.value] = [(marks[own] || {}).mark || "", (marks[own] || {}).note || ""];
    const change = () => {
      marks[own] = { start: event.start, stop: event.stop, mark: choice.value, note: note.value };
      keep();
    };
    choice.addEventListener("change", change);
    note.addEventListener("input", change);
    row.insertCell().append(choice);
    row.insertCell().append(note);
  }
}

// ---- what people press

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const theme = (on) => document.documentElement.classList.toggle("dark", on);
theme(dark.matches);
dark.addEventListener("change", (event) => {
  theme(event.matches);
  if (about.steps > 0) build();
});
byId("theme").addEventListener("click", () => {
  theme(!document.documentElement.classList.contains("dark"));
  if (about.steps > 0) build();
});
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
byId("save-json").addEventListener("click", () => {
  const content = { recording: about.title, steps: about.steps, marks: marked() };
  save(JSON.stringify(content, null, 1), "application/json", "json");
});
byId("save-csv").addEventListener("click", () => {
  const lines = marked().map((each) =>
    [each.start, each.stop, each.mark, each.note].map(cell).join(","));
  save(["start,stop,mark,note", ...lines, ""].join("\n"), "text/csv", "csv");
});
byId("read").addEventListener("change", async (event) => {
  try {
    const content = JSON.parse(await event.target.files[0].text());
    for (const { start, stop, mark, note } of content.marks) {
      if (!(start >= 0 && stop > start && stop <= about.steps)) continue;
      marks[start + "-" + stop] = { start, stop, mark: String(mark || ""), note: String(note || "") };
    }
    keep();
    list();
  } catch {
    byId("counts").textContent = "That file holds no marks";
  }
  event.target.value = "";
});
let resizing = 0;
window.addEventListener("resize", () => {
  clearTimeout(resizing);
  if (about.steps > 0) resizing = setTimeout(build, 100);
});

function summarize() {
  byId("summary").textContent = about.steps.toLocaleString("en") + " steps, " +
    about.channels.length + " channels" +
    (about.labels === null ? "" : ", " + truth.length + " labeled events (green)") +
    (about.bucket > 1 ? "; values of " + about.bucket + " steps are drawn together" : "");
}

function start() {
  summarize();
  if (about.scored.length) {
    byId("scores").hidden = byId("found").hidden = false;
    state.threshold = about.scored[0].threshold;
    state.events = eventsOf(about.scored[0], state.threshold);
    for (const row of about.scored) {
      const label = document.createElement("label"), box = document.createElement("input");
      box.type = "checkbox";
      box.checked = true;
      box.addEventListener("change", () => {
        if (box.checked) state.off.delete(row.name); else state.off.add(row.name);
        build();
      });
      label.append(box, " " + row.name);
      label.style.color = "var(" + row.color + ")";
      byId("detectors").append(label, " ");
    }
  }
  build();
  if (about.scored.length) set(state.threshold);
}
if (about.steps > 0) start();
performance.measure("load", "begin");

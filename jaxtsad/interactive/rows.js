"use strict";
// Rows of a recording and its steps in time: see page.py for what `about` holds. Steps are
// the x of every chart; time stamps only name them.
performance.mark("begin");
const MISSING = 65535, LAST = 65534, FACTOR = 4, COARSEST = 512, NEAR = 8, LINE = 16;
const HEIGHT = { score: 220, channel: 150, overview: 96, inside: 180 };
const byId = (name) => document.getElementById(name);
const counted = (count, word) => count + " " + word + (String(count) === "1" ? "" : "s");
const about = JSON.parse(byId("about").textContent);
const state = { from: 0, to: about.steps, threshold: 0, events: [], off: new Set() };
let charts = [], overview = null, inside = null;

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

// ---- light or dark, as the system says or a person chooses; on paper light, as wide as a page

function themed(redraw_) {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const theme = (on) => document.documentElement.classList.toggle("dark", on);
  const isDark = () => document.documentElement.classList.contains("dark");
  theme(dark.matches);
  dark.addEventListener("change", (event) => {
    theme(event.matches);
    redraw_();
  });
  byId("theme").addEventListener("click", () => {
    theme(!isDark());
    redraw_();
  });
  let before = false;
  window.addEventListener("beforeprint", () => {
    before = isDark();
    theme(false);
    document.body.classList.add("paper");
    redraw_();
  });
  window.addEventListener("afterprint", () => {
    theme(before);
    document.body.classList.remove("paper");
    redraw_();
  });
}

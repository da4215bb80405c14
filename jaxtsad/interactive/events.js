"use strict";
// Events by the threshold, and the list of them with what a person marked.
const MOST_EVENTS = 500;
const HEADS = Array.from(byId("events").parentElement.tHead.rows[0].cells, (each) => each.textContent);

// ---- events by the threshold, as the library makes them

function eventsOf(row, threshold) {
  const { high, size } = row.levels[0], closes = Math.min(threshold, row.closes);
  const runs = [];
  let run = null, above = 0, muted = 0, jumps = 0;
  for (let i = 0; i < high.length; i++) {
    const start = i * size, stop = Math.min(about.steps, start + size);
    const passed = jumps;
    while (about.jumps[jumps] <= start) jumps++;
    if (jumps > passed) above = 0;
    above = high[i] > threshold ? above + size : 0;
    const over = jumps > passed || (run !== null && start - run.stop > state.gap);
    if (run !== null && over) {
      if (run.opened) muted = run.stop + row.pause;
      run = null;
    }
    if (!(high[i] > closes)) continue;
    if (run !== null) run.stop = stop;
    else runs.push((run = { start, stop, peak: start, score: -Infinity, opened: false }));
    if (above >= row.shortest && start >= muted) run.opened = true;
    if (high[i] > run.score) [run.score, run.peak] = [high[i], start];
  }
  return runs.filter((each) => each.opened);
}

const meets = (one, other) => one.start < other.stop && other.start < one.stop;
const truth = (about.labels || []).map(([start, stop]) => ({ start, stop }));
const middle = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

function countsOf(events) {
  const rate = ((1000 * events.length) / about.steps).toFixed(2);
  let text = counted(events.length, "event") + ", " + rate + " in 1,000 steps";
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
  return delays.length ? text + ", delay " + counted(middle(delays), "step") : text;
}

// The least threshold with at most so many events.
function thresholdOf(row, most) {
  let [low, high] = [row.closes, row.high];
  if (eventsOf(row, low).length <= most) return low;
  for (let i = 0; i < 50 && low < high; i++) {
    const half = (low + high) / 2;
    if (eventsOf(row, half).length > most) low = half; else high = half;
  }
  return high;
}

// ---- the list of events

function detail(event) {
  const all = about.scored.length ? about.scored[0].events : [];
  return all.find((each) => meets(each, event)) || {};
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

const keyOf = (event) => event.start + "-" + event.stop;

// Found events, true ones that no event meets, and marks of other ranges.
function listed() {
  const known = new Map();
  for (const event of state.events) {
    const right = truth.some((each) => meets(each, event));
    const kind = about.labels === null ? "found" : right ? "found, true" : "found, false";
    known.set(keyOf(event), { ...event, kind });
  }
  for (const each of truth) {
    if (state.events.some((event) => meets(each, event))) continue;
    known.set(keyOf(each), { ...each, kind: about.scored.length ? "missed" : "true" });
  }
  for (const each of marked()) {
    if (!known.has(keyOf(each))) known.set(keyOf(each), { ...each, kind: "marked" });
  }
  return known;
}

function list() {
  const known = listed();
  for (const event of known.values()) event.severity = detail(event).severity ?? event.score;
  const order = [...known.values()].sort((one, other) =>
    (other.severity ?? -Infinity) - (one.severity ?? -Infinity) || one.start - other.start);
  const body = byId("events");
  body.replaceChildren();
  for (const event of order.slice(0, MOST_EVENTS)) {
    const row = body.insertRow(), about_ = detail(event);
    const other = about_.channels ? alike(event) : null;
    const shares = (about_.channels || []).map((channel, i) => {
      const share = Number((about_.shares || [])[i]);
      return channel + (share ? " " + (100 * share).toFixed(0) + " %" : "");
    }).filter((text) => !text.endsWith(" 0 %"));
    const texts = [name(event.start), name(event.stop - 1), event.stop - event.start,
      event.kind, Number.isFinite(event.severity) ? event.severity.toPrecision(3) : "",
      shares.join(", "), other ? name(other.start) : ""];
    texts.forEach((text, i) => {
      const cell_ = row.insertCell();
      cell_.textContent = text;
      if (i === 5) cell_.className = "wide";
      cell_.dataset.name = HEADS[i];
    });
    row.tabIndex = 0;
    row.setAttribute("aria-label", "Event from " + texts[0] + " to " + texts[1]);
    const go = () => {
      const width = Math.max(40, 3 * (event.stop - event.start));
      move(event.start - width, event.stop + width);
      associate(about_.associations);
    };
    row.addEventListener("click", (clicked) => {
      if (!["SELECT", "INPUT", "OPTION"].includes(clicked.target.tagName)) go();
    });
    row.addEventListener("keydown", (pressed) => {
      if (pressed.key === "Enter" && pressed.target === row) go();
    });
    if (about.live) continue;  // Steps leave a live page; marks would lose their place.
    const [choice, note] = marking(event, "the event from " + texts[0]);
    for (const [i, made] of [choice, note].entries()) {
      const cell_ = row.insertCell();
      cell_.dataset.name = HEADS[texts.length + i];
      cell_.append(made);
    }
  }
}

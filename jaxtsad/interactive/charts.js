"use strict";
// Charts of uPlot: what they show, zoom, pan and the line of the threshold.
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
  ctx.fillStyle = style("--ink");
  for (const step of about.borders) {
    if (step < state.from || step > state.to) continue;
    ctx.fillRect(chart.valToPos(step, "x", true), bbox.top, 2, bbox.height);
  }
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

// Axes of numbers are as wide as the longest number of all charts, below each other.
let gutter = 60;
function gutterOf(self, values, index) {
  const context = self.ctx;
  context.font = self.axes[index].font[0];
  const widths = (values || []).map((text) => context.measureText(text ?? "").width);
  const wanted = Math.ceil(Math.max(0, ...widths) / devicePixelRatio) + 20;
  if (wanted > gutter) {
    gutter = wanted;
    requestAnimationFrame(() => [overview, ...charts].forEach((each) => each.redraw(false, true)));
  }
  return gutter;
}

// Numbers of an axis with as many digits as the largest needs.
function numbers(self, splits) {
  const most = Math.max(...splits.map(Math.abs));
  const digits = Math.max(3, 3 - Math.floor(Math.log10(most || 1)));
  const format = new Intl.NumberFormat("en", digits > 6
    ? { notation: "scientific", maximumSignificantDigits: 3 }
    : { maximumFractionDigits: digits });
  return splits.map((at) => {
    if (at === null) return null;
    return at === 0 ? "0" : format.format(at).replace("E", "e");
  });
}

// Half of a time stamp fits on the right of the last step.
const PADDING = [null, 40, null, null];
const COLORS = ["--line", "--ink", "--third", "--fourth", "--fifth"];
about.scored.forEach((row, i) => { row.color = COLORS[i % COLORS.length]; });

function chart(place, rows, height, options) {
  const width = Math.max(200, place.clientWidth);
  const axis = { stroke: style("--ink"), grid: { stroke: style("--rule"), width: 0.5 } };
  const made = new uPlot({
    width, height, title: options.title,
    legend: { show: false }, padding: PADDING,
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
        ...axis, size: gutterOf, space: 20, values: options.whole ? () => [] : numbers,
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
  queueMicrotask(frame);  // Charts know their scales in a task that was queued before.
}

// Of logarithmic steps 1, 2 and 5 that are not too near to the end of the linear part, and it.
function named(at, chart_) {
  const { min, distr, asinh } = chart_.scales.y;
  if (at < min) return false;
  if (distr !== 4 || at === 0 || at === asinh) return true;
  const apart = Math.abs(chart_.valToPos(at, "y") - chart_.valToPos(asinh, "y"));
  return apart > LINE && "125".includes(at.toExponential()[0]);
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
      const share = event.shares ? Number(event.shares[i]) || 0 : 1;
      sums.set(channel, (sums.get(channel) || 0) + share);
    });
  }
  const sum = (row) => sums.get(row.name) || (row.high > row.low ? 0 : -1);
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

// What the step of an event's peak attends to, of the Anomaly Transformer.
function associate(given) {
  if (inside) inside.destroy();
  inside = null;
  byId("inside").hidden = !given;
  if (!given) return;
  byId("inside-note").textContent = "Of step " + name(given.step) + ": series-association " +
    "(line) and prior-association (dashed), means over layers and heads";
  const axis = { stroke: style("--ink"), grid: { stroke: style("--rule"), width: 0.5 } };
  inside = new uPlot({
    width: Math.max(200, byId("associations").clientWidth), height: HEIGHT.inside,
    legend: { show: false }, scales: { x: { time: false } }, padding: PADDING,
    axes: [
      { ...axis, space: 110, size: 52,
        values: (_, splits) => splits.map((at) => name(at).replace(" ", "\n")) },
      { ...axis, size: gutterOf, values: numbers },
    ],
    series: [{}, { label: "series", stroke: style("--line") },
      { label: "prior", stroke: style("--fifth"), dash: [6, 4] }],
  }, [given.series.map((_, i) => given.start + i), given.series, given.prior],
  byId("associations"));
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

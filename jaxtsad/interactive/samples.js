"use strict";
// Samples as a grid: pictures with scores, one enlarged beside what a detector makes of it.
const PAGE = 60;
const { height, width, bands, places } = about.pictures;
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const pictures = { given: bytesOf(about.pictures.given) };
if (about.pictures.made !== null) pictures.made = bytesOf(about.pictures.made);
let many = PAGE;

function canvasOf(bytes, place, side) {
  const canvas = document.createElement("canvas"), size = height * width * bands;
  [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let band = 0; band < 3; band++) {
      image.data[4 * i + band] = bytes[place * size + i * bands + (bands === 3 ? band : 0)];
    }
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  canvas.style.width = side + "px";
  canvas.style.height = Math.max(16, Math.round((side * height) / width)) + "px";
  return canvas;
}

const scoreOf = (place) => about.scores[places[place]];
const isTrue = (place) => about.labels !== null && about.labels[places[place]] > 0;
const eventOf = (place) => ({ start: places[place], stop: places[place] + 1 });
const markOf = (place) => marks[places[place] + "-" + (places[place] + 1)] || {};

function count() {
  const above = about.scores.map((score) => score > state.threshold);
  const flagged = above.filter(Boolean).length;
  let text = flagged + " of " + about.steps + " samples above the threshold";
  if (about.labels !== null) {
    const right = above.filter((flag, i) => flag && about.labels[i] > 0).length;
    const all = about.labels.filter((label) => label > 0).length;
    const share = (part, whole) => (whole ? ((100 * part) / whole).toFixed(0) + " %" : "none");
    text += "; precision " + share(right, flagged) + ", recall " + share(right, all);
  }
  byId("counts").textContent = text;
  byId("option").textContent = "score > " + Number(state.threshold.toPrecision(6));
}

function chosen() {
  const above = (place) => scoreOf(place) > state.threshold;
  const tests = {
    all: () => true, above, marked: (place) => Boolean(markOf(place).mark),
    missed: (place) => isTrue(place) && !above(place),
    false: (place) => above(place) && !isTrue(place),
  };
  const order = {
    high: (a, b) => scoreOf(b) - scoreOf(a), low: (a, b) => scoreOf(a) - scoreOf(b),
    number: (a, b) => places[a] - places[b],
  };
  return Array.from(places.keys()).filter(tests[byId("filter").value])
    .sort(order[byId("sort").value]);
}

function words(place) {
  const flag = scoreOf(place) > state.threshold ? ", above" : "";
  const label = about.labels === null ? "" : isTrue(place) ? ", anomalous" : ", normal";
  const mark = markOf(place).mark ? ", marked " + markOf(place).mark : "";
  return "Sample " + places[place] + ": " + scoreOf(place).toPrecision(4) + flag + label + mark;
}

function enlarge(place) {
  byId("closer-name").textContent = words(place);
  const shown = Object.entries(pictures).map(([kind, bytes]) => {
    const figure = document.createElement("figure"), note = document.createElement("figcaption");
    note.textContent = kind === "given" ? "the sample" : "its reconstruction";
    figure.append(canvasOf(bytes, place, Math.min(320, window.innerWidth - 80)), note);
    return figure;
  });
  byId("closer-pictures").replaceChildren(...shown);
  byId("closer-marks").replaceChildren(...marking(eventOf(place), "sample " + places[place]));
  byId("closer").showModal();
}

function list() {
  count();
  const order = chosen(), room = byId("grid").clientWidth / Object.keys(pictures).length;
  const side = Math.min(Number(byId("size").value), Math.floor(room) - 12);
  byId("more").hidden = order.length <= many;
  byId("grid").replaceChildren(...order.slice(0, many).map((place) => {
    const item = document.createElement("li"), button = document.createElement("button");
    const note = document.createElement("span");
    note.textContent = words(place);
    note.className = scoreOf(place) > state.threshold ? "above" : "";
    const both = document.createElement("div");
    both.className = "both";
    both.append(...Object.values(pictures).map((bytes) => canvasOf(bytes, place, side)));
    button.append(both, note);
    button.addEventListener("click", () => enlarge(place));
    item.append(button);
    return item;
  }));
}

byId("summary").textContent = about.steps.toLocaleString("en") + " samples, " +
  (places.length < about.steps ? places.length + " of them here: half the highest scores, " +
    "half evenly from all others" : "all of them here") +
  (pictures.made ? "; beside each its reconstruction" : "");
for (const id of ["sort", "filter", "size"]) byId(id).addEventListener("input", list);
byId("more").addEventListener("click", () => { many += PAGE; list(); });
byId("closer").addEventListener("close", list);
state.threshold = about.threshold;
byId("threshold").value = Number(about.threshold.toPrecision(6));
byId("threshold").addEventListener("input", (event) => {
  if (!Number.isFinite(event.target.valueAsNumber)) return;
  state.threshold = event.target.valueAsNumber;
  list();
});
themed(list);
list();
performance.measure("load", "begin");

"use strict";
// The last steps of an entity and its alarms, as the server tells them.
const MOST_STEPS = 2000, MOST_ALARMS = 100, RETRY = 2000;
const about = JSON.parse(document.getElementById("about").textContent);
const base = about.entity === null ? "" : "/entities/" + encodeURIComponent(about.entity);
const byId = (name) => document.getElementById(name);
let steps = [], threshold = null, known = 0, token = sessionStorage.getItem("token");

function say(text, bad) {
  byId("status").textContent = text;
  byId("status").className = bad ? "bad" : "";
}

async function ask(path) {
  const headers = token ? { authorization: "Bearer " + token } : {};
  const answer = await fetch(path, { headers });
  if (answer.status === 401) {
    byId("token").hidden = false;
    throw new Error("A token is needed");
  }
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer;
}

function draw(canvas, values, level) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const style = getComputedStyle(document.documentElement);
  const finite = values.filter((value) => value !== null);
  if (!finite.length) return;
  const all = level === null ? finite : finite.concat([level]);
  const low = Math.min(...all), high = Math.max(...all), span = high - low || 1;
  const x = (place) => 50 + (place / Math.max(1, values.length - 1)) * (width - 60);
  const y = (value) => height - 10 - ((value - low) / span) * (height - 20);
  pen.fillStyle = style.color;
  pen.font = "12px system-ui";
  pen.fillText(high.toPrecision(3), 4, 18);
  pen.fillText(low.toPrecision(3), 4, height - 8);
  if (level !== null) {
    pen.strokeStyle = style.getPropertyValue("--alarm");
    pen.setLineDash([6, 4]);
    pen.beginPath();
    pen.moveTo(50, y(level));
    pen.lineTo(width - 10, y(level));
    pen.stroke();
    pen.setLineDash([]);
  }
  pen.strokeStyle = style.getPropertyValue("--line");
  pen.beginPath();
  let drawing = false;
  values.forEach((value, place) => {
    if (value === null) drawing = false;
    else if (drawing) pen.lineTo(x(place), y(value));
    else { pen.moveTo(x(place), y(value)); drawing = true; }
  });
  pen.stroke();
}

let asked = false;
function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const channel = byId("channel").selectedIndex;
    draw(byId("score"), steps.map((step) => step.score), threshold);
    draw(byId("values"), steps.map((step) => step.values[channel]), null);
  });
}

function add(alarm) {
  if (alarm.number <= known) return;
  known = alarm.number;
  const row = byId("alarms").insertRow(0);
  const start = alarm.start_time === undefined ? "step " + alarm.start : alarm.start_time;
  for (const text of [alarm.number, alarm.alarm, start, alarm.severity.toFixed(2)]) {
    row.insertCell().textContent = text;
  }
  while (byId("alarms").rows.length > MOST_ALARMS) byId("alarms").deleteRow(-1);
}

function take(news) {
  steps = steps.concat(news.steps).slice(-MOST_STEPS);
  news.alarms.forEach(add);
  const last = steps[steps.length - 1];
  if (last) say("Step " + last.step + (last.time === null ? "" : ", " + last.time));
  redraw();
}

async function recent() {
  try {
    const answer = await (await ask(base + "/recent")).json();
    threshold = answer.threshold;
    steps = [];
    take({ steps: answer.steps, alarms: [] });
  } catch (error) {
    if (error.message !== "no rows came yet") throw error;
  }
  const alarms = await (await ask(base + "/events?since=" + known)).json();
  alarms.alarms.forEach(add);
}

async function follow() {
  for (;;) {
    try {
      const reader = (await ask(base + "/live")).body
        .pipeThrough(new TextDecoderStream()).getReader();
      await recent();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const parts = (rest + value).split("\n\n");
        rest = parts.pop();
        for (const part of parts) {
          if (!part.startsWith("data: ")) continue;
          const news = JSON.parse(part.slice(6));
          // What came between the feed's beginning and the last steps is there already.
          const last = steps.length ? steps[steps.length - 1].step : -1;
          news.steps = news.steps.filter((step) => step.step > last);
          if (threshold === null) await recent();
          else take(news);
        }
      }
      say("The server ended the feed; trying again", true);
    } catch (error) {
      say(error.message, true);
      if (!byId("token").hidden) return;
    }
    await new Promise((done) => setTimeout(done, RETRY));
  }
}

byId("token").addEventListener("submit", (event) => {
  event.preventDefault();
  token = event.target.querySelector("input").value;
  sessionStorage.setItem("token", token);
  byId("token").hidden = true;
  follow();
});
for (const name of about.channels) byId("channel").add(new Option(name));
byId("channel").addEventListener("change", redraw);
window.addEventListener("resize", redraw);
follow();

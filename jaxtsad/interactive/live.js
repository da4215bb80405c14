"use strict";
// Fills the page of a server with its last steps, and goes on with those that come.
const MOST_STEPS = 5000, MOST_ALARMS = 100, RETRY = 2000;
const base = about.live.base, rows = [...about.channels, about.scored[0]];
const raw = rows.map(() => []);
let stamps = [], apart = [], last = -1, known = 0, started = false;
let token = null;
try { token = sessionStorage.getItem("token"); } catch { token = null; }

function say(text) { byId("status").textContent = text; }

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

function alarm(given) {
  if (given.number <= known) return;
  known = given.number;
  const row = byId("alarms").insertRow(0);
  const start_ = given.start_time === undefined ? "step " + given.start : given.start_time;
  for (const text of [given.number, given.alarm, start_, given.severity.toFixed(2)]) {
    row.insertCell().textContent = text;
  }
  while (byId("alarms").rows.length > MOST_ALARMS) byId("alarms").deleteRow(-1);
}

function take(news) {
  for (const step of news.steps) {
    if (step.step <= last) continue;
    last = step.step;
    [...step.values, step.score].forEach((value, i) => raw[i].push(value ?? NaN));
    const dated = typeof step.time === "string";
    stamps.push(dated ? Date.parse(step.time) / 1000 : step.time ?? step.step);
    apart.push(step.jump);
    about.time = { dates: dated, places: [], stamps };
  }
  news.alarms.forEach(alarm);
  if (!stamps.length) return;
  const spare = Math.max(0, stamps.length - MOST_STEPS), atEnd = state.to >= about.steps;
  [stamps, apart] = [stamps.slice(spare), apart.slice(spare)];
  about.jumps = Array.from(apart.keys()).filter((i) => apart[i]);
  about.steps = stamps.length;
  about.time.stamps = stamps;
  about.time.places = Array.from(stamps.keys());
  rows.forEach((row, i) => {
    raw[i] = raw[i].slice(spare);
    const values = Float64Array.from(raw[i]);
    row.levels = coarser(values, values, 1);
    row.high = raw[i].reduce((most, value) => (value > most ? value : most), -Infinity);
  });
  say("Step " + last + ", " + name(about.steps - 1));
  if (!started) {
    started = true;
    [state.from, state.to] = [0, about.steps];
    start();
    return;
  }
  summarize();
  if (atEnd) [state.from, state.to] = [state.from > spare ? state.from - spare : 0, about.steps];
  overview.setData(dataOf(overview.rows, true, overview.width));
  set(state.threshold);
}

async function recent() {
  const answer = await (await ask(base + "/recent")).json();
  if (!started && answer.steps.length) {
    const { opens, closes, gap, shortest, cool_down: pause } = answer.rules;
    Object.assign(about.scored[0], { threshold: opens, closes, gap, shortest, pause });
  }
  take({ steps: answer.steps, alarms: [] });
  (await (await ask(base + "/events?since=" + known)).json()).alarms.forEach(alarm);
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
          if (started) take(JSON.parse(part.slice(6)));
          else await recent();
        }
      }
      say("The server ended the feed; trying again");
    } catch (error) {
      say(error.message);
      if (!byId("token").hidden) return;
    }
    await new Promise((done) => setTimeout(done, RETRY));
  }
}

byId("token").addEventListener("submit", (event) => {
  event.preventDefault();
  token = event.target.querySelector("input").value;
  try { sessionStorage.setItem("token", token); } catch { /* not kept */ }
  byId("token").hidden = true;
  follow();
});
follow();

"use strict";
// What a person marked, kept by the browser where it lets us, saved and read again.
const KEPT = "jaxtsad marks: ";
const key = KEPT + JSON.stringify([about.group, about.entity, about.steps]);
const KINDS = ["", "anomaly", "normal", "investigate"];
let marks = kept(key);

function kept(name_) {
  try { return JSON.parse(localStorage.getItem(name_)) || {}; } catch { return {}; }
}

function keep() {
  try { localStorage.setItem(key, JSON.stringify(marks)); } catch { /* not kept */ }
}

function ordered(given) {
  return Object.values(given).filter((each) => each.mark || each.note)
    .sort((one, other) => one.start - other.start);
}
const marked = () => ordered(marks);

// Marks of this page and, where entities have pages of their own, of the others.
function everywhere() {
  if (about.entity === null) return marked();
  const all = [[about.entity, marks]];
  try {
    for (const other of Object.keys(localStorage)) {
      if (other === key || !other.startsWith(KEPT)) continue;
      const [group, entity] = JSON.parse(other.slice(KEPT.length));
      if (group === about.group && entity !== null) all.push([entity, kept(other)]);
    }
  } catch { /* this page's alone */ }
  return all.flatMap(([entity, given]) => ordered(given).map((each) => ({ entity, ...each })));
}

// The choice of a mark and the note of something with a start and a stop.
function marking(event, what) {
  const own = event.start + "-" + event.stop;
  const choice = document.createElement("select"), note = document.createElement("input");
  choice.setAttribute("aria-label", "Mark of " + what);
  for (const word of KINDS) choice.add(new Option(word));
  note.setAttribute("aria-label", "Note on " + what);
  note.maxLength = 500;
  [choice.value, note.value] = [(marks[own] || {}).mark || "", (marks[own] || {}).note || ""];
  const change = () => {
    marks[own] = { start: event.start, stop: event.stop, mark: choice.value, note: note.value };
    keep();
  };
  choice.addEventListener("change", change);
  note.addEventListener("input", change);
  return [choice, note];
}

function save(text, type, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = about.group.replace(/[^\w.-]+/g, "_") + "_marks." + ending;
  link.click();
  URL.revokeObjectURL(link.href);
}

function cell(value) {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r']/.test(text) && Number.isNaN(Number(text)) ? "'" + text : text;
  return '"' + safe.replaceAll('"', '""') + '"';
}

byId("save-json").addEventListener("click", () => {
  const content = { recording: about.title, steps: about.steps, marks: everywhere() };
  save(JSON.stringify(content, null, 1), "application/json", "json");
});
byId("save-csv").addEventListener("click", () => {
  const names = ["start", "stop", "mark", "note"];
  if (about.entity !== null) names.unshift("entity");
  const lines = everywhere().map((each) => names.map((each_) => cell(each[each_])).join(","));
  save([names.join(","), ...lines, ""].join("\n"), "text/csv", "csv");
});
byId("read").addEventListener("change", async (event) => {
  try {
    const content = JSON.parse(await event.target.files[0].text());
    for (const { entity, start, stop, mark, note } of content.marks) {
      if (!(start >= 0 && stop > start && stop <= about.steps)) continue;
      if (about.entity !== null && (entity ?? about.entity) !== about.entity) continue;
      marks[start + "-" + stop] = { start, stop, mark: String(mark || ""), note: String(note || "") };
    }
    keep();
    list();
  } catch {
    byId("counts").textContent = "That file holds no marks";
  }
  event.target.value = "";
});

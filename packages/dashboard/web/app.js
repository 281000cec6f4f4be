// @ts-check
import { Charts } from "./charts.js";

/** @param {string} id @returns {HTMLElement} */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const charts = new Charts(byId("charts"));
const smoothing = /** @type {HTMLInputElement} */ (byId("smoothing"));
const filter = /** @type {HTMLInputElement} */ (byId("filter"));

/** @type {{ key: string, name: string, kind: string, status: string, startedAt: string, best?: { value: number }, monitor?: { name: string } }[]} */
let runs = [];
/** Runs whose curves are shown: the chosen one first. @type {string[]} */
let shown = [];
/** Curves of each run shown, by metric. @type {Map<string, Map<string, { steps: number[], values: number[] }>>} */
const curves = new Map();
/** The one stream of all runs shown: a browser has six connections to a server, for all of its tabs. @type {EventSource | undefined} */
let stream;

async function refreshRuns() {
  try {
    runs = await (await fetch("/api/runs")).json();
    listRuns();
  } catch {
    byId("empty").textContent = "The dashboard's server does not answer.";
  }
}

function listRuns() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = runs.filter(({ name, key, status }) =>
    words.every((word) => `${name} ${key} ${status}`.toLowerCase().includes(word)),
  );
  const items = matching.map(({ key, name, kind, status, startedAt, best, monitor }) => {
    const item = document.createElement("li");
    item.className = key === shown[0] ? "current" : "";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = shown.includes(key);
    box.setAttribute("aria-label", `Compare ${name}`);
    box.addEventListener("change", () => show(box.checked ? [...shown, key] : shown.filter((other) => other !== key)));
    const button = document.createElement("button");
    button.type = "button";
    const dot = document.createElement("span");
    dot.className = `status ${status}`;
    const small = document.createElement("small");
    const score = best === undefined ? "" : ` · ${monitor?.name ?? "best"} ${best.value.toPrecision(4)}`;
    const what = kind === "train" ? status : `${kind}: ${status}`;
    small.textContent = `${what} · ${new Date(startedAt).toLocaleString()}${score}`;
    button.append(dot, name, small);
    button.addEventListener("click", () => show([key]));
    item.append(box, button);
    return item;
  });
  byId("runs").replaceChildren(...items);
}

/** @param {string[]} keys */
function show(keys) {
  const hadOther = keys[0] !== shown[0];
  shown = keys;
  for (const key of curves.keys()) if (!keys.includes(key)) curves.delete(key);
  follow(keys);
  location.hash = keys.map(encodeURIComponent).join("&");
  byId("tabs").hidden = keys.length === 0;
  byId("empty").hidden = keys.length > 0;
  listRuns();
  draw();
  if (hadOther) void showDetail();
}

/** Takes the curves of runs as they grow. @param {string[]} keys */
function follow(keys) {
  stream?.close();
  stream = undefined;
  if (keys.length === 0) return;
  stream = new EventSource(`/api/live?${new URLSearchParams(keys.map((key) => ["run", key]))}`);
  stream.addEventListener("message", ({ data }) => {
    const { key, reset, series, status } = JSON.parse(data);
    const known = reset ? new Map() : (curves.get(key) ?? new Map());
    curves.set(key, known);
    for (const [name, { steps, values }] of Object.entries(series)) {
      const curve = known.get(name);
      if (curve === undefined) known.set(name, { steps, values });
      else {
        curve.steps.push(...steps);
        curve.values.push(...values);
      }
    }
    const run = runs.find((other) => other.key === key);
    const hasChanged = run !== undefined && run.status !== status;
    if (run !== undefined) run.status = status;
    if (hasChanged) listRuns();
    draw();
    if (!reset && key === shown[0]) void showDetail();
  });
}

function draw() {
  const selected = shown.flatMap((key) => {
    const series = curves.get(key);
    const label = runs.find((run) => run.key === key)?.name ?? key;
    return series === undefined ? [] : [{ key, label, series }];
  });
  charts.show(selected, Number(smoothing.value));
}

async function showDetail() {
  const key = shown[0];
  if (key === undefined) return byId("title").replaceChildren();
  const response = await fetch(`/api/runs/${encodeURIComponent(key)}`).catch(() => undefined);
  // Deleted meanwhile, or the server is gone: the page keeps what it has.
  if (response?.ok !== true) return;
  const detail = await response.json();
  if (key !== shown[0]) return;
  const small = document.createElement("small");
  const { record } = detail;
  const parts = [detail.status, detail.kind, record.host, record.error, record.command.join(" ")];
  small.textContent = parts.filter(Boolean).join(" · ");
  byId("title").replaceChildren(detail.name, small);
  showImages(key, detail.images);
  showTexts(detail);
}

/** Newest epoch first. @param {string} key @param {string[]} images */
function showImages(key, images) {
  const place = byId("images");
  const known = new Set([...place.querySelectorAll("img")].map((image) => image.dataset.path));
  if (images.length === known.size && images.every((path) => known.has(path)) && place.dataset.key === key) return;
  place.dataset.key = key;
  const figures = [...images].reverse().map((path) => {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = path;
    const image = document.createElement("img");
    image.loading = "lazy";
    image.alt = path;
    image.dataset.path = path;
    image.src = `/api/runs/${encodeURIComponent(key)}/files/${path.split("/").map(encodeURIComponent).join("/")}`;
    figure.append(caption, image);
    return figure;
  });
  if (figures.length === 0) place.textContent = "No images yet.";
  else place.replaceChildren(...figures);
}

/** @param {{ config?: string, overrides?: string, labels?: string[], record: object }} detail */
function showTexts({ config, overrides, labels, record }) {
  /** @type {[string, string | undefined][]} */
  const texts = [
    ["Overrides", overrides],
    ["Configuration", config],
    ["Classes", labels?.map((name, i) => `${i}  ${name}`).join("\n")],
    ["run.json", JSON.stringify(record, null, 2)],
  ];
  const parts = texts.flatMap(([title, text]) => {
    if (!text?.trim()) return [];
    const heading = document.createElement("h2");
    heading.textContent = title;
    const pre = document.createElement("pre");
    pre.textContent = text;
    return [heading, pre];
  });
  byId("config").replaceChildren(...parts);
}

/** @param {string} name */
function openTab(name) {
  for (const tab of document.querySelectorAll("[data-tab]")) {
    const isOpen = /** @type {HTMLElement} */ (tab).dataset.tab === name;
    tab.setAttribute("aria-selected", String(isOpen));
    byId(/** @type {HTMLElement} */ (tab).dataset.tab ?? "").hidden = !isOpen;
  }
}

for (const tab of document.querySelectorAll("[data-tab]")) {
  tab.addEventListener("click", () => openTab(/** @type {HTMLElement} */ (tab).dataset.tab ?? "charts"));
}
filter.addEventListener("input", listRuns);
smoothing.addEventListener("input", draw);
// The six connections are those of all tabs: one that no one looks at needs none.
document.addEventListener("visibilitychange", () => follow(document.hidden ? [] : shown));
openTab("charts");
await refreshRuns();
const fromAddress = location.hash.slice(1).split("&");
const there = runs.map(({ key }) => key).filter((key) => fromAddress.includes(encodeURIComponent(key)));
const first = there.length > 0 ? there : runs.slice(0, 1).map(({ key }) => key);
if (first.length > 0) show(first);
setInterval(refreshRuns, 5000);

// What moves on a page? Theme, live updates in place, confirmed actions, charts. Nothing here reads or writes markup
// from telemetry: fragments come from our own server, already escaped, and everything drawn is set as text.

const SVG = "http://www.w3.org/2000/svg";
const root = document.documentElement;
const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
if (stored() === "light" || stored() === "dark") root.dataset.theme = stored();

function start() {
  startTheme();
  startZone();
  // The page that is open may be far to the right in the row of links.
  const nav = document.querySelector(".bar nav"), open = nav?.querySelector("[aria-current]");
  if (open) nav.scrollLeft = open.offsetLeft + open.offsetWidth / 2 - nav.clientWidth / 2;
  document.addEventListener("submit", onSubmit);
  drawAll(document);
  startBandToggle();
  startForms();
  startLive();
  let resizing;
  addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(redrawAll, 150); });
}

// ---- theme

function startTheme() {
  document.getElementById("theme")?.addEventListener("click", () => {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* private mode: for this page only */ }
  });
}

// ---- time zones: the server writes UTC; every time says both when it is pointed at, and can be shown in the reader's zone

const HERE = (() => { try { return Intl.DateTimeFormat().resolvedOptions().timeZone || "local"; } catch { return "local"; } })();
const isLocal = () => { try { return localStorage.getItem("zone") === "local"; } catch { return false; } };
const utc = (t) => new Date(t).toISOString().slice(0, 19).replace("T", " ");
const local = (t) => utc(t - new Date(t).getTimezoneOffset() * 60000);
/** A time in the zone that is shown, as `2026-01-31 12:00:05`. */
const shown = (t) => isLocal() ? local(t) : utc(t);

function startZone() {
  const sign = document.getElementById("zone");
  const isHereUtc = [0, 6].every((month) => new Date(2026, month, 1).getTimezoneOffset() === 0);
  if (!sign || isHereUtc) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "word";
  button.id = "zone";
  button.title = "Switch between UTC and the zone of this device";
  const say = () => { button.textContent = isLocal() ? `times are ${HERE}` : "times are UTC"; };
  button.addEventListener("click", () => {
    try { localStorage.setItem("zone", isLocal() ? "utc" : "local"); } catch { return; }
    say(); showTimes(document); redrawAll();
  });
  sign.replaceWith(button);
  say();
  showTimes(document);
}

/** Times of day and dates are as long as the part of the whole time that they show; words such as "3 min ago" stay. */
function showTimes(scope) {
  for (const it of scope.querySelectorAll("time[datetime]")) {
    const t = Date.parse(it.dateTime), text = it.textContent;
    if (Number.isNaN(t)) continue;
    it.title = `${utc(t)} UTC\n${local(t)} ${HERE}`;
    if (/^(?:(?:\d{4}-)?\d\d-\d\d )?\d\d:\d\d:\d\d$/.test(text)) {
      const wanted = shown(t).slice(-text.length);
      if (wanted !== text) it.textContent = wanted;
    }
  }
}

// ---- live updates

let refreshTimer = null;
let lastRefresh = 0;

function startLive() {
  const sign = document.getElementById("live");
  const say = (state, word) => { sign.dataset.state = state; sign.querySelector(".live-word").textContent = word; };
  if (!document.querySelector("[data-live]") || !window.EventSource) return;
  let source = null;
  const connect = () => {
    source = new EventSource("/sentinel/v1/events");
    source.addEventListener("hello", () => { say("on", "Live"); refreshSoon(); });
    for (const name of ["anomaly", "incident", "plan", "investigation", "lagged"]) source.addEventListener(name, refreshSoon);
    source.onerror = () => {
      say("wait", "Reconnecting");
      // A refusal (503) ends the source for good; try again later.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
    };
  };
  connect();
  // Six connections per host is all a browser has: a hidden page gives its one back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) source.close();
    else { connect(); refreshSoon(); }
  });
  // Ages ("3 min ago") and newest values go on without events.
  setInterval(refreshSoon, 10000);
}

function refreshSoon() {
  if (refreshTimer || document.hidden) return;
  const wait = Math.max(250, 1500 - (Date.now() - lastRefresh));
  refreshTimer = setTimeout(async () => {
    try { await refresh(); } catch { /* the next event tries again */ }
    lastRefresh = Date.now();
    refreshTimer = null;
  }, wait);
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const block of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(block.id);
    if (other) morph(block, other);
  }
  // A block that was not there before, such as the first evidence, is put where it belongs.
  for (const other of fresh.querySelectorAll("[data-live]")) {
    if (document.getElementById(other.id)) continue;
    const before = other.previousElementSibling && document.getElementById(other.previousElementSibling.id);
    if (before) before.after(document.importNode(other, true));
  }
  drawAll(document);
  redrawAll();
  if (document.querySelector("button#zone")) showTimes(document);
}

const keyOf = (node) => node.nodeType === 1 ? node.dataset.key || node.id || "" : "";

/** Makes `old` equal to `fresh` and touches only what differs, so that focus, scroll and selection stay. */
function morph(old, fresh) {
  // What the script has drawn, and open details, belong to the reader.
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(name === "open" && old.tagName === "DETAILS") && name !== "disabled") old.removeAttribute(name);
  }
  if (old.dataset.chart || old.dataset.spark) return;
  const kept = new Map();
  for (const child of old.children) if (keyOf(child)) kept.set(keyOf(child), child);
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = keyOf(child);
    const same = key ? kept.get(key) : place && !keyOf(place) && place.nodeName === child.nodeName ? place : null;
    if (!same || same.nodeName !== child.nodeName) {
      const added = document.importNode(child, true);
      if (key && /^(LI|ARTICLE)$/.test(added.nodeName)) added.classList.add("fresh");
      old.insertBefore(added, place);
      continue;
    }
    if (same === place) place = place.nextSibling;
    else old.insertBefore(same, place);
    if (same.nodeType === 1) morph(same, child);
    else if (same.nodeValue !== child.nodeValue) same.nodeValue = child.nodeValue;
  }
  while (place) { const next = place.nextSibling; place.remove(); place = next; }
}

// ---- actions

async function onSubmit(event) {
  const form = event.target;
  if (form.method !== "post") return;
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(form, event.submitter));
  if (form.dataset.confirm && !(await confirmed(form.dataset))) return;
  const buttons = form.querySelectorAll("button");
  for (const it of buttons) it.disabled = true;
  try {
    const headers = { "content-type": "application/json", accept: "application/json" };
    const answer = await fetch(form.action, { method: "POST", headers, body: JSON.stringify(fields) });
    if (answer.ok) toast(form.dataset.done || "Done.");
    else toast((await answer.json().catch(() => ({}))).detail || `The server answered ${answer.status}.`, true);
  } catch { toast("The server cannot be reached.", true); }
  for (const it of buttons) it.disabled = false;
  try { await refresh(); } catch { /* the next event tries again */ }
}

function confirmed({ confirm, detail, yes }) {
  const dialog = document.getElementById("confirm");
  dialog.querySelector("#confirm-text").textContent = confirm;
  dialog.querySelector("#confirm-detail").textContent = detail || "";
  dialog.querySelector("[value=yes]").textContent = yes || "Confirm";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

function toast(text, isBad) {
  const node = document.createElement("div");
  node.className = isBad ? "toast bad" : "toast";
  node.textContent = text;
  document.getElementById("toasts").append(node);
  setTimeout(() => node.remove(), isBad ? 9000 : 4000);
}

// ---- charts

const loaded = new WeakMap();
const inView = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) if (isIntersecting) { inView.unobserve(target); load(target); }
});

function drawAll(scope) {
  for (const it of scope.querySelectorAll("[data-chart], [data-spark]")) {
    if (!loaded.has(it)) { loaded.set(it, null); inView.observe(it); }
  }
}

function redrawAll() {
  for (const it of document.querySelectorAll("[data-chart], [data-spark]")) if (loaded.get(it)) load(it);
}

async function load(node) {
  const isSpark = node.dataset.spark;
  const query = isSpark ? "from=-15m&step=30" : new URLSearchParams({ from: node.dataset.from, to: node.dataset.to });
  try {
    const answer = await fetch(`/sentinel/v1/series/${node.dataset.spark || node.dataset.chart}/points?${query}`);
    if (!answer.ok) throw new Error((await answer.json()).detail);
    const data = await answer.json();
    const series = {
      name: data.name, isRate: data.is_rate, from: Date.parse(data.from), to: Date.parse(data.to),
      points: data.points.filter((it) => it.value !== null).map((it) => [Date.parse(it.time), it.value]),
      band: data.band.filter((it) => it.is_ready && it.yhat_lower !== null && it.yhat_upper !== null)
        .map((it) => ({ t: Date.parse(it.time), low: it.yhat_lower, high: it.yhat_upper, y: it.y, score: it.value })),
    };
    // A back-test brings its own band.
    if (node.dataset.band) series.band = JSON.parse(node.dataset.band).map(([t, low, high, y, score]) => ({ t, low, high, y, score }));
    loaded.set(node, series);
    if (isSpark) drawSpark(node, series); else drawChart(node, series);
  } catch (error) {
    if (!isSpark && !loaded.get(node)) node.replaceChildren(paragraph(`No chart: ${error.message}`));
    else loaded.set(node, loaded.get(node) || { points: [], band: [] });
  }
}

function paragraph(text) {
  const node = document.createElement("p");
  node.className = "muted";
  node.textContent = text;
  return node;
}

function svg(name, attributes, parent, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}

function drawSpark(node, { points }) {
  if (points.length < 2) return node.replaceChildren();
  const [low, high] = extent(points.map((it) => it[1]));
  const [first, last] = [points[0][0], points.at(-1)[0]];
  const box = svg("svg", { viewBox: "0 0 120 24", preserveAspectRatio: "none" });
  const place = ([t, v]) => `${((t - first) / (last - first || 1) * 118 + 1).toFixed(1)},${(22 - (v - low) / (high - low || 1) * 20).toFixed(1)}`;
  svg("polyline", { points: points.map(place).join(" "), class: "c-line" }, box);
  node.replaceChildren(box);
}

function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const it of values) { if (it < low) low = it; if (it > high) high = it; }
  return [low, high];
}

/** Steps of 1, 2 or 5 times a power of ten that cut the range into about `count` parts. */
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((it) => it * power).find((it) => it >= rough) || rough;
  const found = [];
  for (let it = Math.ceil(low / step) * step; it <= high + step * 1e-9 && found.length < 20; it += step) found.push(it);
  return found;
}

function short(value) {
  const size = Math.abs(value);
  for (const [limit, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (size >= limit) return `${+(value / (unit === "k" ? 1e3 : limit)).toPrecision(4)}${unit}`;
  }
  return String(+value.toPrecision(4));
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
const clock = (t) => shown(t).slice(11, 19);

function drawChart(node, series) {
  const { points, band, from, to } = series;
  const width = node.clientWidth, height = node.clientHeight;
  if (!width) return;
  if (!points.length) return node.replaceChildren(paragraph("No points in this range."));
  const area = { left: 48, right: width - 8, top: 8, bottom: height - 20 };
  const anomalous = band.filter((it) => it.score > 1);
  // The band may open wide after a gap; the line decides the scale and the band is cut at three of its heights.
  let [low, high] = extent(points.map((it) => it[1]));
  const room = (high - low || Math.abs(high) || 1);
  for (const it of band) {
    if (it.low > low - room * 3 && it.low < low) low = it.low;
    if (it.high < high + room * 3 && it.high > high) high = it.high;
  }
  const pad = (high - low || Math.abs(high) || 1) * 0.06;
  const isPositive = low >= 0;
  low = isPositive ? Math.max(0, low - pad) : low - pad;
  high += pad;
  const x = (t) => area.left + (t - from) / (to - from || 1) * (area.right - area.left);
  const y = (v) => area.bottom - (Math.min(high, Math.max(low, v)) - low) / (high - low) * (area.bottom - area.top);
  const at = (t, v) => `${x(t).toFixed(1)},${y(v).toFixed(1)}`;

  const box = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: "0", "aria-label": words(series, anomalous) });
  for (const it of ticks(low, high, height > 250 ? 6 : 4)) {
    svg("line", { x1: area.left, x2: area.right, y1: y(it), y2: y(it), class: "c-grid" }, box);
    svg("text", { x: area.left - 6, y: y(it) + 4, "text-anchor": "end", class: "c-tick" }, box, short(it));
  }
  const step = 1000 * (TIME_STEPS.find((it) => (to - from) / 1000 / it <= Math.max(3, width / 90)) || 604800);
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
    const label = step >= 86400000 ? shown(t).slice(5, 10) : clock(t).slice(0, step < 60000 ? 8 : 5);
    const edge = x(t) < area.left + 12 ? "start" : x(t) > area.right - 20 ? "end" : "middle";
    svg("text", { x: x(t), y: height - 4, "text-anchor": edge, class: "c-tick" }, box, label);
  }
  if (band.length > 1) {
    const upper = band.map((it) => at(it.t, it.high)), lower = band.map((it) => at(it.t, it.low)).reverse();
    svg("polygon", { points: [...upper, ...lower].join(" "), class: "c-band" }, box);
  }
  for (const mark of (node.dataset.marks || "").split("|").filter(Boolean)) {
    const t = Date.parse(mark.slice(mark.lastIndexOf("@") + 1));
    if (t >= from && t <= to) svg("line", { x1: x(t), x2: x(t), y1: area.top, y2: area.bottom, class: "c-mark" }, box);
  }
  svg("path", { d: line(points, at), class: "c-line" }, box);
  // Single points are dots; where they stand close the line itself turns red.
  const isDense = anomalous.length > width / 12;
  if (isDense) svg("path", { d: redLine(band, at), class: "c-line c-bad" }, box);
  else for (const it of anomalous) if (it.y !== null) svg("circle", { cx: x(it.t), cy: y(it.y), r: 2.8, class: "c-dot" }, box);
  addCursor(node, box, series, x, y, area);
  const hadFocus = node.contains(document.activeElement);
  node.replaceChildren(box);
  if (hadFocus) box.focus({ preventScroll: true });
}

/** A line that breaks where points are missing for much longer than usual. */
function line(points, at) {
  const gaps = points.slice(1).map((it, idx) => it[0] - points[idx][0]).sort((a, b) => a - b);
  const usual = gaps.length ? gaps[Math.floor(gaps.length / 2)] : 0;
  let path = "";
  points.forEach(([t, v], idx) => {
    const isBroken = idx === 0 || t - points[idx - 1][0] > Math.max(usual * 8, 5000);
    path += (isBroken ? "M" : "L") + at(t, v);
  });
  return path;
}

/** The runs of anomalous points. */
function redLine(band, at) {
  let path = "", isOn = false;
  for (const it of band) {
    const isBad = it.score > 1 && it.y !== null;
    if (isBad) path += (isOn ? "L" : "M") + at(it.t, it.y) + (isOn ? "" : "h.01");
    isOn = isBad;
  }
  return path;
}

function words({ name, points, isRate }, anomalous) {
  const [low, high] = extent(points.map((it) => it[1]));
  const [first, last] = [points[0], points.at(-1)];
  return `${name}${isRate ? " per second" : ""}: ${points.length} points from ${clock(first[0])} to ${clock(last[0])} ${isLocal() ? HERE : "UTC"}, ` +
    `lowest ${short(low)}, highest ${short(high)}, last ${short(last[1])}, ${anomalous.length} anomalous.`;
}

/** Reads values under the pointer, or with the arrow keys. */
function addCursor(node, box, { points, band, isRate }, x, y, area) {
  let at = -1, tip = null;
  const cursor = svg("line", { y1: area.top, y2: area.bottom, class: "c-cursor", visibility: "hidden" }, box);
  const show = (idx) => {
    at = Math.max(0, Math.min(points.length - 1, idx));
    const [t, v] = points[at];
    cursor.setAttribute("x1", x(t)); cursor.setAttribute("x2", x(t)); cursor.setAttribute("visibility", "visible");
    if (!tip) { tip = document.createElement("div"); tip.className = "c-tip"; tip.setAttribute("aria-live", "polite"); node.append(tip); }
    const near = band.length ? band.reduce((best, it) => Math.abs(it.t - t) < Math.abs(best.t - t) ? it : best) : null;
    tip.textContent = `${shown(t)} ${isLocal() ? HERE : "UTC"}\n${short(v)}${isRate ? " per second" : ""}` +
      (near ? `\nexpected ${short(near.low)} to ${short(near.high)}\nscore ${short(near.score ?? 0)}` : "");
    const left = x(t) > node.clientWidth / 2 ? x(t) - tip.offsetWidth - 10 : x(t) + 10;
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = `${area.top}px`;
  };
  const hide = () => { cursor.setAttribute("visibility", "hidden"); tip?.remove(); tip = null; };
  box.addEventListener("pointermove", (event) => {
    const pointer = event.clientX - box.getBoundingClientRect().left;
    let low = 0, high = points.length - 1;
    while (low < high) { const middle = (low + high) >> 1; if (x(points[middle][0]) < pointer) low = middle + 1; else high = middle; }
    show(low);
  });
  box.addEventListener("pointerleave", hide);
  box.addEventListener("blur", hide);
  box.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    if (move) { event.preventDefault(); show((at < 0 ? points.length : at) + move); }
    if (event.key === "Escape") hide();
  });
}

// ---- forms

/** Sliders show their number, and fields for a series suggest those that fit. */
function startForms() {
  for (const it of document.querySelectorAll("[data-output]")) {
    it.addEventListener("input", () => { document.getElementById(it.dataset.output).textContent = it.value; });
  }
  for (const it of document.querySelectorAll("[data-suggest]")) {
    let typing;
    it.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => suggest(it), 200); });
  }
}

async function suggest(field) {
  const words = field.value.replace(/[^\p{L}\p{N}_.:-]+/gu, " ").trim();
  try {
    const answer = await fetch(`/sentinel/v1/series?limit=20&match=${encodeURIComponent(words)}`);
    if (!answer.ok) return;
    const options = (await answer.json()).items.map((it) => { const node = document.createElement("option"); node.value = it.name; return node; });
    document.getElementById(field.dataset.suggest).replaceChildren(...options);
  } catch { /* without suggestions the field still works */ }
}

function startBandToggle() {
  document.getElementById("band")?.addEventListener("change", (event) => {
    for (const it of document.querySelectorAll(".chart")) it.classList.toggle("no-band", !event.target.checked);
  });
}

// Last, because everything above must be there before anything starts.
if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
else start();

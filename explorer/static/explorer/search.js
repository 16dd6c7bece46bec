// The search page: cancelling what takes long, downloads with their progress, lines to copy.
"use strict";

const MOST_ROWS = 1000000; // beyond, the browser saves the file by itself: a page would hold all of it in memory

// --- a request of a part can be cancelled
function waiting(element) {
  const place = element.closest(".notice, .results");
  return place && place.querySelector("button.cancel");
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const button = waiting(event.detail.elt);
  if (!button) return;
  button.hidden = false;
  button.onclick = () => htmx.trigger(event.detail.elt, "htmx:abort");
});
document.addEventListener("htmx:afterRequest", (event) => {
  const button = waiting(event.detail.elt);
  if (button) button.hidden = true;
});
document.addEventListener("htmx:sendAbort", (event) => {
  const place = event.detail.elt.closest(".notice");
  const progress = place && place.querySelector("progress:not(.htmx-indicator)");
  if (progress) progress.replaceWith("Cancelled.");
});

// --- where counting takes long, the parts that cost as much come when they are asked for
let slow = false;

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.elt.closest(".longer, .count:has([hx-get])")) slow = true;
});
document.addEventListener("htmx:beforeRequest", (event) => {
  const place = event.detail.elt;
  if (!slow || !("costly" in place.dataset) || "asked" in place.dataset) return;
  event.preventDefault();
  place.querySelector("a").onclick = (click) => {
    click.preventDefault();
    place.dataset.asked = "";
    htmx.ajax("GET", place.getAttribute("hx-get"), { source: place, target: place, swap: "outerHTML" });
  };
});

// --- downloads: counted rows show how far it is; a file that breaks off is never saved
class Rows {
  constructor(format) {
    this.format = format;
    this.lines = 0;
    this.quoted = false;
  }

  // Lines of CSV end outside of quotes; a doubled quote changes nothing.
  add(bytes) {
    if (this.format === "parquet") return;
    const quote = this.format === "csv" ? 34 : -1;
    for (const byte of bytes) {
      if (byte === quote) this.quoted = !this.quoted;
      else if (byte === 10 && !this.quoted) this.lines += 1;
    }
  }

  get number() {
    return this.format === "csv" ? Math.max(0, this.lines - 1) : this.lines;
  }
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1, minimumFractionDigits: 1 })} MB`;
}

function fileName(response, format) {
  const named = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") || "");
  return named ? named[1] : `bluesky.${format}`;
}

function save(parts, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function refusal(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `The service answered with ${response.status}.`;
  }
}

async function receive(response, format, expected, told) {
  const rows = new Rows(format);
  const parts = [];
  let bytes = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { parts, bytes };
    parts.push(value);
    bytes += value.length;
    rows.add(value);
    told(rows.number, bytes, format === "parquet" ? null : expected);
  }
}

async function download(link, running) {
  const said = running.querySelector(".said");
  const progress = running.querySelector("progress");
  const stop = running.querySelector(".stop");
  const expected = Number(link.closest(".files").dataset.rows);
  const abort = new AbortController();
  running.hidden = false;
  stop.hidden = false;
  stop.onclick = () => abort.abort();
  progress.removeAttribute("value");
  said.textContent = "Starting …";
  let last = 0;
  try {
    const response = await fetch(link.href, { signal: abort.signal });
    if (!response.ok) throw new Error(await refusal(response));
    const format = link.dataset.format;
    const { parts, bytes } = await receive(response, format, expected, (rows, size, all) => {
      if (all) progress.value = Math.min(1, rows / all);
      if (performance.now() - last < 200) return;
      last = performance.now();
      said.textContent = all ? `${rows.toLocaleString("en")} rows, ${megabytes(size)}` : megabytes(size);
    });
    save(parts, fileName(response, format));
    progress.value = 1;
    said.textContent = `Saved: ${megabytes(bytes)}. `;
    const manifest = document.createElement("a");
    manifest.href = `/export/manifest/${encodeURIComponent(response.headers.get("X-Export-Id"))}`;
    manifest.textContent = "Manifest with its SHA-256";
    said.append(manifest);
  } catch (error) {
    progress.value = 0;
    said.textContent = error.name === "AbortError" ? "Cancelled: nothing was saved." : `Nothing was saved: ${error.message}`;
  }
  stop.hidden = true;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest(".files a[data-format]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (Number(link.closest(".files").dataset.rows) > MOST_ROWS) return;
  event.preventDefault();
  download(link, link.closest(".download").querySelector(".running"));
});

// --- lines to copy
document.addEventListener("htmx:load", (event) => {
  for (const button of event.detail.elt.querySelectorAll("button.copy")) button.hidden = !navigator.clipboard;
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.parentElement.previousElementSibling.textContent);
  button.textContent = "Copied";
});

// --- on a narrow screen the posts come first
const filters = document.querySelector("details.filters");
if (filters && matchMedia("(max-width: 49.99rem)").matches) {
  filters.open = false;
  const help = document.querySelector("details.help");
  if (help) help.open = false;
}
const help = document.getElementById("help");
document.querySelector('a[href="#help"]')?.addEventListener("click", () => { help.open = true; });

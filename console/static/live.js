// Liveness: when the server says that something changed, fetch this page again and replace its live parts.

const regions = () => [...document.querySelectorAll("[data-live]")];

function isBeingWritten(region) {
  return [...region.querySelectorAll("textarea")].some((field) => field.value !== field.defaultValue);
}

// Regions with a version change with it; others with their content.
function differs(old, now) {
  if (old.dataset.version !== undefined) return old.dataset.version !== now.dataset.version;
  return old.innerHTML !== now.innerHTML;
}

function openDetails(region) {
  return [...region.querySelectorAll("details")].map((details) => details.open);
}

// By what they stand for, since others may have come or gone.
const ticks = (region) => [...region.querySelectorAll("input[type=checkbox]")];

// What a person's keyboard is at, found again in the fresh region by what it is for.
const purpose = (one) => one.id || one.href || (one.name && `${one.name}=${one.value}`);
function sameThing(now, then) {
  const wanted = purpose(then);
  return wanted && [...now.querySelectorAll("a, button, input")].find((one) => purpose(one) === wanted);
}

function replace(old, now) {
  const opened = openDetails(old);
  const ticked = ticks(old).filter((box) => box.checked).map((box) => box.value);
  const then = document.activeElement;
  const focused = old.contains(then);
  const scroll = window.scrollY;
  old.replaceWith(now);
  [...now.querySelectorAll("details")].forEach((details, i) => (details.open ||= opened[i] ?? false));
  for (const box of ticks(now)) box.checked = !box.disabled && ticked.includes(box.value);
  if (focused) (then === old ? now : sameThing(now, then) || now).focus({ preventScroll: true });
  window.scrollTo(0, scroll);
}

let asked = 0;
let shown = 0;

export async function refresh() {
  const turn = ++asked;
  const response = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  if (!response?.ok) return; // away or signed out: what is shown stays, and a decision says why it can't be
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (turn < shown) return; // overtaken by an answer that was asked for later
  shown = turn;
  for (const old of regions()) {
    const now = page.getElementById(old.id);
    if (!now || !differs(old, now)) continue;
    if (isBeingWritten(old)) old.querySelector("#stale")?.removeAttribute("hidden");
    else replace(old, document.adoptNode(now));
  }
  document.dispatchEvent(new Event("refreshed"));
  document.title = page.title;
  icon(page.querySelector("link[rel=icon]")?.getAttribute("href"));
}

function icon(href) {
  const link = document.querySelector("link[rel=icon]");
  if (href && link.getAttribute("href") !== href) link.setAttribute("href", href);
}

// How many things need whoever looks, in the title, beside the inbox and in the icon: where the page itself stays.
async function badge() {
  const response = await fetch("/waits", { headers: { accept: "application/json" } }).catch(() => null);
  if (!response?.ok) return;
  const { count } = await response.json();
  const mark = document.getElementById("waits");
  if (!mark || mark.textContent === String(count)) return;
  mark.textContent = count;
  mark.hidden = count === 0;
  mark.setAttribute("aria-label", `${count} for you`);
  document.title = (count ? `(${count}) ` : "") + document.title.replace(/^\(\d+\) /, "");
  icon(count ? "/static/mark-waits.svg" : "/static/mark.svg");
}

// A page that follows nothing, such as one with a form, is left as it is.
function changed() {
  return document.querySelector("[data-events]") ? refresh() : badge();
}

let source = null;

// A hidden tab holds no connection: browsers allow only six to one server.
function listen() {
  if (source) return;
  const region = document.querySelector("[data-events]");
  let mark = null;
  source = new EventSource(region?.dataset.events ?? "/events");
  // The first mark counts, too: what happened since the page was made, nobody told.
  const heard = ({ data }) => {
    if (mark !== data) changed();
    mark = data;
  };
  source.addEventListener("mark", heard);
  source.addEventListener("changed", heard);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close();
    source = null;
  } else {
    changed();
    listen();
  }
});

// Ages on the page go stale by themselves. A tab that nobody looks at still says how much waits.
setInterval(() => (document.hidden ? badge() : changed()), 60_000);
listen();

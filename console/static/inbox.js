// Choosing in the inbox: j and k move from one proposal to the next, x ticks it, b reviews the ticked ones together.

const form = () => document.getElementById("choose");
const cards = () => [...(form()?.querySelectorAll(".card") ?? [])];
const boxes = () => [...(form()?.querySelectorAll("input[type=checkbox]:enabled") ?? [])];
const ticked = () => boxes().filter((box) => box.checked);

function count() {
  const place = document.getElementById("ticked");
  if (!place) return;
  const many = ticked().length;
  place.textContent = many ? `${many} ticked${many === 1 ? ": one more makes two" : ""}` : "";
  document.getElementById("review").disabled = many < 2;
}

function ready() {
  if (!document.getElementById("review")) return;
  for (const hidden of form().querySelectorAll("#all, .keys-help")) hidden.hidden = false;
  count();
}

function move(step) {
  const all = cards();
  const now = all.indexOf(document.activeElement?.closest(".card"));
  const next = all[now < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + step, 0), all.length - 1)];
  next?.querySelector("h2 a").focus();
}

function tick() {
  const box = document.activeElement?.closest(".card")?.querySelector("input[type=checkbox]:enabled");
  if (!box) return;
  box.checked = !box.checked;
  count();
}

const does = {
  j: () => move(1),
  k: () => move(-1),
  x: tick,
  b: () => ticked().length > 1 && form().requestSubmit(),
};

// Letters are for whoever is writing, and with a modifier they are the browser's.
function isFree(event) {
  const writing = event.target.closest("textarea, select, input:not([type=checkbox])");
  return !writing && !event.ctrlKey && !event.metaKey && !event.altKey;
}

document.addEventListener("keydown", (event) => {
  if (!does[event.key] || !form() || !isFree(event)) return;
  event.preventDefault();
  does[event.key]();
});
document.addEventListener("change", count);
document.addEventListener("click", (event) => {
  if (!event.target.closest("#all")) return;
  for (const box of boxes()) box.checked = true;
  count();
});
document.addEventListener("refreshed", ready);
addEventListener("pageshow", ready);
ready();

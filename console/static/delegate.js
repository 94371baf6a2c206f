// Handing on, and ending that: fetch the exact bytes, make sure they say what the page says, sign them, hand them in.

import { mustAgree, post, Problem } from "./sign.js";
import { find } from "./signers.js";

const TYPE = "countersign/delegation/v1";
const place = document.getElementById("delegating");

function say(text) {
  const progress = document.getElementById("delegating-says");
  progress.textContent = text;
  progress.classList.add("why");
}

// `wish` is what the page shows. What the server asks to sign must say that, and nothing that it doesn't.
function check(statement, wish) {
  const wanted = { type: TYPE, person: place.dataset.person, to: "", digest: "", words: "", revokes: "", ...wish };
  for (const [name, value] of Object.entries(wanted)) {
    const said = name === "until" ? Date.parse(statement.until) : statement[name] || "";
    mustAgree(said !== (name === "until" ? Date.parse(value) : value) && name);
  }
  if (statement.until && !wish.until) throw new Problem("What the server asked to sign has an end. Nothing was signed.");
}

async function act(wish) {
  const { sign, trouble } = await find(place.dataset);
  if (!sign) throw new Problem(`${trouble} countersign delegate in a terminal.`);
  const prepared = await post("/api/delegations/statement", wish);
  const statement = JSON.parse(prepared.statement);
  check(statement, wish);
  const signature = await sign(new TextEncoder().encode(prepared.statement));
  await post("/api/delegations/signed", { statement, signature });
  location.reload();
}

function wished(form) {
  const wish = { to: form.elements.to.value, words: form.elements.words.value.trim() };
  if (form.dataset.digest) wish.digest = form.dataset.digest;
  if (form.elements.until) wish.until = new Date(`${form.elements.until.value}T23:59:00`).toISOString();
  return wish;
}

function attempt(made) {
  Promise.resolve()
    .then(made)
    .then(act)
    .catch((error) => say(error instanceof Problem ? error.message : `Nothing was signed: ${error.message}`));
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-hand-on]");
  if (!form) return;
  event.preventDefault();
  attempt(() => wished(form));
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-revokes]");
  if (button) attempt(() => ({ revokes: button.dataset.revokes }));
});

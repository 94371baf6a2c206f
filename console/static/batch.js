// Approving several proposals by one signature: the list on the page is the list that is signed.

import { checkBatch, post, Problem } from "./sign.js";
import { refresh } from "./live.js";
import { find } from "./signers.js";

// The page's part is replaced when something changes, so it is looked up each time.
const form = () => document.getElementById("batch");
let signer = {};

function say(text, bad = false) {
  const place = document.getElementById("progress");
  if (!place) return;
  place.textContent = text;
  place.classList.toggle("why", bad);
}

function shown() {
  return [...document.querySelectorAll("li[data-digest]")].map(({ dataset }) => ({
    run: dataset.run,
    digest: dataset.digest,
  }));
}

async function approve(items, person) {
  const prepared = await post("/api/batches/statement", { digests: items.map(({ digest }) => digest) });
  const batch = JSON.parse(prepared.statement);
  checkBatch(batch, items, person);
  const signature = await signer.sign(new TextEncoder().encode(prepared.statement));
  return post("/api/batches", { batch, signature });
}

async function act(button) {
  button.disabled = true;
  say("Signing…");
  try {
    const taken = await approve(shown(), form().dataset.person);
    await refresh();
    say(taken.says, taken.items.some((item) => item.why));
    document.getElementById("batch-region").focus();
  } catch (error) {
    await refresh();
    say(error instanceof Problem ? error.message : `Nothing was signed: ${error.message}`, true);
    button.disabled = false;
  }
}

// A list fresh from the server: say which key signs here, and let its button be used.
function ready() {
  const panel = form();
  if (!panel || panel.dataset.ready) return;
  panel.dataset.ready = "yes";
  if (!signer.sign) {
    const place = document.getElementById("cannot");
    place.prepend(`${signer.trouble} `);
    place.hidden = false;
    return;
  }
  document.getElementById("key-says").textContent += ` ${signer.says}`;
  document.getElementById("sign").disabled = false;
}

async function start() {
  signer = await find(form().dataset);
  ready();
  document.addEventListener("refreshed", ready);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("#sign");
    if (button && signer.sign) act(button);
  });
}

if (form()) start();

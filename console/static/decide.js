// The decision panel of a proposal's page.

import { decide, Problem } from "./sign.js";
import { refresh } from "./live.js";
import { find } from "./signers.js";

// The panel is replaced when something changes, so it is looked up each time.
const panel = () => document.getElementById("decision");
let signer = {};

function say(text, bad = false) {
  const place = document.getElementById("progress");
  if (!place) return;
  place.textContent = text;
  place.classList.toggle("why", bad);
}

function enable(on) {
  for (const button of panel()?.querySelectorAll("button[data-verdict]") ?? []) button.disabled = !on;
}

function cannot(why) {
  const place = document.getElementById("cannot");
  place.prepend(`${why} `);
  place.hidden = false;
}

function chosen(verdict) {
  const form = panel();
  const reason = form.querySelector("input[name=reason]:checked")?.value ?? null;
  const words = { request_changes: "wanted", reject: "because" }[verdict];
  return {
    digest: form.dataset.digest,
    run: form.dataset.run,
    person: form.dataset.person,
    verdict,
    reason: verdict === "reject" ? reason : null,
    words: words ? document.getElementById(words).value : "",
  };
}

// What is still missing, and the field to go to.
function missing(choice) {
  if (choice.verdict === "reject" && !choice.reason) {
    return ["Choose a reason first.", panel().querySelector("input[name=reason]")];
  }
  if (choice.verdict === "request_changes" && !choice.words.trim()) {
    return ["Say in words what should be different.", document.getElementById("wanted")];
  }
  return null;
}

async function act(verdict) {
  const choice = chosen(verdict);
  const gap = missing(choice);
  if (gap) {
    say(gap[0], true);
    gap[1].focus();
    return;
  }
  enable(false);
  say("Signing…");
  try {
    const taken = await decide(choice, signer.sign);
    for (const field of panel()?.querySelectorAll("textarea") ?? []) field.value = field.defaultValue;
    await refresh();
    // Once the run has taken it, the panel itself says so, and goes on saying what comes of it.
    say(taken.settled ? "" : taken.says);
  } catch (error) {
    await refresh();
    say(error instanceof Problem ? error.message : `Nothing was signed: ${error.message}`, true);
    enable(true);
  }
}

// A panel fresh from the server: say which key signs here, and let its buttons be used.
function ready() {
  const form = panel();
  if (!form || form.dataset.ready) return;
  form.dataset.ready = "yes";
  if (!signer.sign) return cannot(signer.trouble);
  document.getElementById("key-says").textContent += ` ${signer.says}`;
  enable(true);
}

async function start() {
  signer = await find(panel().dataset);
  ready();
  document.addEventListener("refreshed", ready);
  document.addEventListener("click", (event) => {
    const verdict = event.target.closest("button[data-verdict]")?.dataset.verdict;
    if (verdict && signer.sign) act(verdict);
  });
}

if (panel()) start();

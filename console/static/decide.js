// The decision panel of a proposal's page.

import * as keys from "./keys.js";
import { decide, Problem } from "./sign.js";
import { refresh } from "./live.js";

const form = document.getElementById("decision");

function say(text, bad = false) {
  const place = document.getElementById("progress");
  if (!place) return;
  place.textContent = text;
  place.classList.toggle("why", bad);
}

function enable(on) {
  for (const button of form.querySelectorAll("button[data-verdict]")) button.disabled = !on;
}

function cannot(why) {
  const place = document.getElementById("cannot");
  place.prepend(`${why} `);
  place.hidden = false;
}

function chosen(verdict) {
  const reason = form.querySelector("input[name=reason]:checked")?.value ?? null;
  const words = { approve: "", request_changes: "wanted", reject: "because" }[verdict];
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
    return ["Choose a reason first.", form.querySelector("input[name=reason]")];
  }
  if (choice.verdict === "request_changes" && !choice.words.trim()) {
    return ["Say in words what should be different.", document.getElementById("wanted")];
  }
  return null;
}

async function act(verdict, key) {
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
    const taken = await decide(choice, key);
    for (const field of form.querySelectorAll("textarea")) field.value = field.defaultValue;
    await refresh();
    say(taken.says);
  } catch (error) {
    await refresh();
    say(error instanceof Problem ? error.message : `Nothing was signed: ${error.message}`, true);
    enable(true);
  }
}

async function start() {
  const trouble = await keys.unavailable();
  if (trouble) return cannot(trouble);
  const key = await keys.find(form.dataset.keys.split(" "));
  if (!key) return cannot("This browser holds no key of yours. Open a new link from countersign link, or:");
  document.getElementById("key-says").textContent += ` Key ${key.fingerprint.slice(0, 16)}… in this browser.`;
  enable(true);
  form.addEventListener("click", (event) => {
    const verdict = event.target.closest("button[data-verdict]")?.dataset.verdict;
    if (verdict) act(verdict, key);
  });
}

if (form) start();

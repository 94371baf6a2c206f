// Opening a one-time link: make a key, enrol its public half, start the session.

import * as keys from "./keys.js";
import { remember, wanted } from "./wanted.js";

const says = document.getElementById("enter-says");

function problem(text) {
  const place = document.getElementById("enter-problem");
  place.textContent = text;
  place.hidden = false;
  says.textContent = "You are not signed in.";
}

async function enter(token) {
  says.textContent = "Making a key in this browser…";
  const trouble = await keys.unavailable();
  if (trouble) return problem(`${trouble} Sign in a terminal instead: countersign inbox.`);
  const held = await keys.held();
  const fresh = await keys.make();
  const response = await fetch("/enter", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ token, fresh: fresh.raw, held: held.slice(-50) }),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok || answer.key !== fresh.fingerprint) await keys.forget(fresh.fingerprint);
  if (!response.ok) return problem([answer.detail, answer.way_out].filter(Boolean).join(" "));
  says.textContent = `Welcome, ${answer.person}.`;
  location.replace(wanted());
}

const token = location.hash.slice(1);
if (location.pathname !== "/enter") {
  remember();
} else if (token) {
  history.replaceState(null, "", "/enter");
  enter(token).catch((error) => problem(`That did not work: ${error.message}`));
}

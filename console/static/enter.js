// Opening a one-time link: make a key, enrol its public half, start the session.

import * as keys from "./keys.js";

const WANTED = "countersign-wanted"; // the page that somebody asked for before they were signed in
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

// The link opens in a tab of its own, so what was wanted is kept for the whole browser. Only pages of ours.
function wanted() {
  const page = new URL(localStorage.getItem(WANTED) ?? "/", location.origin);
  localStorage.removeItem(WANTED);
  return page.origin === location.origin ? page.pathname + page.search : "/";
}

const token = location.hash.slice(1);
if (location.pathname !== "/enter") {
  localStorage.setItem(WANTED, location.pathname + location.search);
} else if (token) {
  history.replaceState(null, "", "/enter");
  enter(token).catch((error) => problem(`That did not work: ${error.message}`));
}

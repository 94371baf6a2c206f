// Adding a passkey: the browser makes it, and a key that is enrolled already signs that it is this person's.

import * as passkeys from "./passkeys.js";
import { find } from "./signers.js";
import { post, Problem } from "./sign.js";

const TYPE = "countersign/enrolment/v1";
const place = document.getElementById("enrol");
const button = document.getElementById("add");

function say(text, bad = false) {
  const progress = document.getElementById("progress");
  progress.textContent = text;
  progress.classList.toggle("why", bad);
}

async function add(sign) {
  const registration = await passkeys.make(await post("/api/keys/passkeys/options", {}));
  const prepared = await post("/api/keys/passkeys/statement", { registration });
  const enrolment = JSON.parse(prepared.statement);
  if (enrolment.type !== TYPE || enrolment.person !== place.dataset.person) {
    throw new Problem("What the server asked to sign is not your passkey's enrolment. Nothing was signed.");
  }
  const signature = await sign(new TextEncoder().encode(prepared.statement));
  await post("/api/keys/passkeys", { registration, signed: { enrolment, signature } });
}

function problem(error) {
  if (error instanceof Problem) return error.message;
  if (error.name === "InvalidStateError") return "This device has a passkey of yours already. Use another one.";
  return `No passkey was added: ${error.message}`;
}

async function start() {
  const { sign, trouble } = await find(place.dataset);
  const why = passkeys.unavailable() ?? trouble;
  if (why) return say(why, true);
  button.disabled = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    say("Making a passkey…");
    try {
      await add(sign);
      location.reload();
    } catch (error) {
      say(problem(error), true);
      button.disabled = false;
    }
  });
}

if (button) start();

// Signing a standing approval: fetch the exact bytes, make sure they say what the page says, sign them, hand them in.

import { mustAgree, post, Problem } from "./sign.js";
import { find } from "./signers.js";

const list = document.getElementById("suggested");
const buttons = () => list.querySelectorAll("button[data-sign]");
const DAY = 24 * 60 * 60 * 1000;
const SKEW = 5 * 60 * 1000; // between the server's clock and this one
const say = (text) => (document.getElementById("progress").textContent = text);

// Canonical JSON leaves out what is as it always is.
const shape = (value) =>
  JSON.stringify(
    Object.entries(value)
      .filter(([, each]) => each !== null && !(Array.isArray(each) && !each.length))
      .sort(),
  );

function check(standing, button) {
  const { uses, aDay, days } = button.dataset;
  mustAgree(
    (standing.type !== "countersign/standing/v1" && "type") ||
      (standing.person !== list.dataset.person && "person") ||
      (standing.workflow !== button.dataset.workflow && "workflow") ||
      (standing.version !== button.dataset.version && "version") ||
      ((standing.most_uses > uses || standing.most_a_day > aDay) && "uses") ||
      (!(Date.parse(standing.valid_until) <= Date.now() + days * DAY + SKEW) && "end") ||
      (shape(standing.bounds) !== shape(JSON.parse(button.dataset.bounds)) && "bounds"),
  );
}

async function approve(button, sign) {
  for (const each of buttons()) each.disabled = true;
  say("Signing…");
  try {
    const prepared = await post("/standing/statement", { suggestion: button.dataset.sign });
    const standing = JSON.parse(prepared.statement);
    check(standing, button);
    const signature = await sign(new TextEncoder().encode(prepared.statement));
    const kept = await post("/standing/sign", { standing, signature });
    location.hash = `s-${kept.id}`;
    location.reload();
  } catch (error) {
    say(error instanceof Problem ? error.message : `Nothing was signed: ${error.message}`);
    for (const each of buttons()) each.disabled = false;
  }
}

async function start() {
  const signer = await find(list.dataset);
  if (!signer.sign) return say(signer.trouble);
  for (const button of buttons()) {
    button.disabled = false;
    button.addEventListener("click", () => approve(button, signer.sign));
  }
}

if (list) start();

// Signing a decision: fetch the exact bytes, make sure they say what the page says, sign them, hand them in.

export class Problem extends Error {}

const TYPE = "countersign/decision/v1";
const BATCH_TYPE = "countersign/batch/v1";

export async function post(url, body) {
  const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";
  let response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "x-csrf-token": csrf, accept: "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Problem("The console can't be reached. Nothing was sent; try again when it is back.");
  }
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  const answer = isJson ? await response.json() : { detail: await response.text() };
  if (!response.ok) throw new Problem([answer.detail, answer.way_out].filter(Boolean).join(" "));
  return answer;
}

// `what` names the part that isn't as the page has it; nothing: all is.
export function mustAgree(what) {
  if (what) throw new Problem(`What the server asked to sign differs from this page (${what}). Nothing was signed.`);
}

// The person saw `shown`; the server prepared `statement`. They must say the same, or nothing is signed.
export function check(statement, shown) {
  const wanted = {
    type: TYPE,
    digest: shown.digest,
    run: shown.run,
    person: shown.person,
    verdict: shown.verdict,
    reason: shown.reason,
    words: shown.words.trim(),
  };
  for (const [name, value] of Object.entries(wanted)) {
    // Canonical JSON leaves out what is empty.
    mustAgree((statement[name] || null) !== (value || null) && name);
  }
}

// The same for a batch: by this person, exactly these `{run, digest}`, and not one more.
export function checkBatch(batch, items, person) {
  const named = (list) => JSON.stringify(list.map(({ run, digest }) => [digest, run]).sort());
  mustAgree(
    (batch.type !== BATCH_TYPE && "type") ||
      (batch.person !== person && "person") ||
      (named(batch.items) !== named(items) && "list"),
  );
}

// `sign` is what signers.js finds.
export async function decide(shown, sign) {
  const base = `/api/proposals/${encodeURIComponent(shown.digest)}`;
  const choice = { verdict: shown.verdict, reason: shown.reason, words: shown.words };
  const prepared = await post(`${base}/statement`, choice);
  const statement = JSON.parse(prepared.statement);
  check(statement, shown);
  const signature = await sign(new TextEncoder().encode(prepared.statement));
  return post(`${base}/decisions`, { statement, signature });
}

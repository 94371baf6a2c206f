// What signs on this page: the person's passkeys if they have any, else the key that this browser keeps.

import * as keys from "./keys.js";
import * as passkeys from "./passkeys.js";

// `{sign, says}`, or `{trouble}` in words. `sign(bytes)` gives scheme, key and value.
export async function find(data) {
  const mine = JSON.parse(data.passkeys);
  if (mine.length) {
    const trouble = passkeys.unavailable();
    return trouble ? { trouble } : { sign: passkeys.signer(mine), says: "Your passkey will be asked for." };
  }
  const trouble = await keys.unavailable();
  if (trouble) return { trouble };
  const key = await keys.find(data.keys.split(" "));
  if (!key) return { trouble: "This browser holds no key of yours. Open a new link from countersign link, or:" };
  const sign = async (bytes) => ({ scheme: keys.scheme, key: key.fingerprint, value: await keys.sign(key, bytes) });
  return { sign, says: `Key ${key.fingerprint.slice(0, 16)}… in this browser.` };
}

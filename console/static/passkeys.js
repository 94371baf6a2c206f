// Passkeys: keys that an authenticator holds and uses only after it asked its person. See contracts/passkeys.py.

// Why this browser has no passkeys for this page, in words; null where it has.
export function unavailable() {
  if (!globalThis.isSecureContext || !globalThis.PublicKeyCredential) {
    return "This browser has no passkeys, or none for this address.";
  }
  if (!PublicKeyCredential.parseCreationOptionsFromJSON) return "This browser is too old for passkeys here.";
  return null;
}

function toBase64Url(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

// Make one. `options` in the JSON form of the standard; so is the answer, as text.
export async function make(options) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const made = await navigator.credentials.create({ publicKey });
  return JSON.stringify(made.toJSON());
}

// A signer by any of these passkeys, each `{key: fingerprint, id: the credential's}`.
export function signer(passkeys) {
  return async (bytes) => {
    const challenge = toBase64Url(await crypto.subtle.digest("SHA-256", bytes));
    const allowCredentials = passkeys.map(({ id }) => ({ type: "public-key", id }));
    const asked = { challenge, allowCredentials, userVerification: "required" };
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked);
    const assertion = (await navigator.credentials.get({ publicKey })).toJSON();
    const { key } = passkeys.find(({ id }) => id === assertion.id);
    return { scheme: "passkey", key, value: JSON.stringify(assertion) };
  };
}

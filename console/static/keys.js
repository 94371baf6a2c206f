// Signing keys of this browser: Ed25519 pairs whose private half cannot be exported, kept in IndexedDB.
// A key is known by its fingerprint, as OpenSSH prints it.

export const scheme = "ed25519";
const ALGORITHM = { name: "Ed25519" };
const STORE = "keys";

function request(asked) {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function store(mode) {
  const opening = indexedDB.open("countersign", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "fingerprint" });
  const database = await request(opening);
  return database.transaction(STORE, mode).objectStore(STORE);
}

export function toBase64(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}

function field(bytes) {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return [...length, ...bytes];
}

export async function fingerprint(raw) {
  const blob = new Uint8Array([...field(new TextEncoder().encode("ssh-ed25519")), ...field(new Uint8Array(raw))]);
  const hash = await crypto.subtle.digest("SHA-256", blob);
  return "SHA256:" + toBase64(hash).replace(/=+$/, "");
}

// Why this browser cannot sign, in words; null where it can.
export async function unavailable() {
  if (!globalThis.isSecureContext || !globalThis.crypto?.subtle) {
    return "This page is not served over https or from this machine, so the browser offers no keys.";
  }
  try {
    await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
    await store("readonly");
    return null;
  } catch {
    return "This browser has no Ed25519 keys (or a private window keeps none).";
  }
}

export async function make() {
  const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  const key = { fingerprint: await fingerprint(raw), raw: toBase64(raw), privateKey: pair.privateKey };
  await request((await store("readwrite")).put(key));
  return key;
}

export async function forget(mark) {
  await request((await store("readwrite")).delete(mark));
}

export async function held() {
  return request((await store("readonly")).getAllKeys());
}

export async function find(fingerprints) {
  const all = await request((await store("readonly")).getAll());
  return all.find((key) => fingerprints.includes(key.fingerprint)) ?? null;
}

export async function sign(key, bytes) {
  return toBase64(await crypto.subtle.sign(ALGORITHM, key.privateKey, bytes));
}

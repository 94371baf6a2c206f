// A real OpenID Connect provider (oidc-provider, OpenID Certified) on a port of this host, for the tests.
//
//   node provider.mjs PORT CONSOLE...     prints "ready", and serves until it is killed
//
// People sign in on its own pages (devInteractions) by their subject and any password. /test/* is for tests alone:
//   POST /test/people   {subject: claims}        who there is
//   POST /test/rotate                            new signing keys; the old ones are gone
//   POST /test/lie      {claims, header, forge}  the next ID tokens say this; `forge`: signed by a key it doesn't publish

import http from "node:http";
import Provider from "oidc-provider";
import * as jose from "jose";

const [port, ...consoles] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
let people = {};
let lie = null;
let made = 0;
let current;

async function build() {
  const { privateKey } = await jose.generateKeyPair("RS256", { extractable: true });
  const jwk = { ...(await jose.exportJWK(privateKey)), kid: `key-${++made}`, alg: "RS256", use: "sig" };
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "countersign",
        client_secret: "a-client-secret-of-the-tests-alone",
        redirect_uris: consoles.map((each) => `${each}/oidc/return`),
        post_logout_redirect_uris: consoles.map((each) => `${each}/enter`),
      },
      {
        client_id: "another",
        client_secret: "another-client-secret-of-the-tests",
        redirect_uris: ["http://127.0.0.1:9/return"],
      },
    ],
    findAccount: (_, id) =>
      people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
    claims: {
      openid: ["sub"],
      profile: ["name", "preferred_username"],
      email: ["email", "email_verified"],
      groups: ["groups"],
    },
    jwks: { keys: [jwk] },
    cookies: { keys: ["cookies-of-the-tests"] },
    pkce: { required: () => true },
    ttl: { Session: 3600, Grant: 3600, Interaction: 3600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60 },
  });
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === "/token" && ctx.body?.id_token && lie) ctx.body.id_token = await told(ctx.body.id_token, jwk);
  });
  provider.on("server_error", (_, error) => console.error(error));
  return provider;
}

// The same ID token with what the lie says of it, signed by the provider's own key or by one that nobody knows.
async function told(token, jwk) {
  const claims = { ...jose.decodeJwt(token), ...lie.claims };
  for (const [name, value] of Object.entries(claims)) if (value === null) delete claims[name];
  const header = { ...jose.decodeProtectedHeader(token), ...lie.header };
  if (header.alg === "none") return new jose.UnsecuredJWT(claims).encode();
  if (header.alg.startsWith("HS")) {
    const secret = new TextEncoder().encode("a-client-secret-of-the-tests-alone");
    return new jose.SignJWT(claims).setProtectedHeader(header).sign(secret);
  }
  const key = lie.forge ? (await jose.generateKeyPair("RS256")).privateKey : await jose.importJWK(jwk, "RS256");
  return new jose.SignJWT(claims).setProtectedHeader(header).sign(key);
}

async function test(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = chunks.length ? JSON.parse(Buffer.concat(chunks).toString()) : null;
  if (request.url === "/test/people") people = body;
  if (request.url === "/test/lie") lie = body;
  if (request.url === "/test/rotate") current = (await build()).callback();
  response.writeHead(204).end();
}

current = (await build()).callback();
http
  .createServer((request, response) =>
    request.url.startsWith("/test/") ? test(request, response) : current(request, response),
  )
  .listen(Number(port), "127.0.0.1", () => console.log("ready"));

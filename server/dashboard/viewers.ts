// Viewers: who may look at the runs of a machine and stop them. On loopback, this server's own pages and programs that
// send no origin; elsewhere, callers with the token, which a page exchanges for a cookie.

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { tokenOfHeader } from "../../proto/bearer-token.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { isRebound } from "../own-page.js";

const COOKIE = "vitrine-dashboard";

const digestOf = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Compares digests: the time tells neither the token nor its length. */
const isSame = (given: string, token: string): boolean => timingSafeEqual(digestOf(given), digestOf(token));

function cookieOf({ headers: { cookie = "" } }: IncomingMessage): string | undefined {
  for (const part of cookie.split(";")) {
    const [name, value] = part.trim().split("=", 2);
    if (name === COOKIE) return value;
  }
  return undefined;
}

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined;

/**
 * Throws `network/forbidden` for requests of other pages, and where no token protects the server for those under a name
 * that is not of this machine.
 */
export function refuseOthers(request: IncomingMessage, token: string | undefined): void {
  const { host = "", origin, "sec-fetch-site": site } = request.headers;
  if (token === undefined && isRebound(request))
    throw new VitrineError(
      "network/forbidden",
      `the host "${quote(host)}" is no name of this machine; use 127.0.0.1`,
    );
  // A navigation, as from a link in a chat, only opens the page.
  const isNavigation = request.headers["sec-fetch-mode"] === "navigate" && request.method === "GET";
  const isForeign = origin === undefined ? site === "cross-site" && !isNavigation : hostOf(origin) !== host;
  if (isForeign) {
    const whose = origin === undefined ? "another site" : quote(origin);
    throw new VitrineError("network/forbidden", `pages of ${whose} may not call this server`);
  }
}

/** Throws `network/unauthenticated` where `token` is asked for and neither the cookie nor the header has it. */
export function requireToken(request: IncomingMessage, token: string | undefined): void {
  if (token === undefined) return;
  const given = cookieOf(request) ?? tokenOfHeader(request.headers.authorization ?? "");
  if (given !== undefined && isSame(given, token)) return;
  throw new VitrineError(
    "network/unauthenticated",
    "this server asks for its token: open the link that the command printed, or send `authorization: Bearer TOKEN`",
  );
}

/** The Set-Cookie header for a page that has the token. Throws `network/unauthenticated`. */
export function sessionCookie(given: string, token: string | undefined): string {
  if (token === undefined || !isSame(given, token))
    throw new VitrineError("network/unauthenticated", "this is not the token of this server");
  return `${COOKIE}=${token}; Path=/; HttpOnly; SameSite=Strict`;
}

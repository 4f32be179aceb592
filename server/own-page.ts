// Own page: whether a request comes from a page of this server, for HTTP servers on machines whose user visits other pages
// too. Browsers send simple requests without asking, and DNS may give any name the address 127.0.0.1.

import type { IncomingMessage } from "node:http";

const LOOPBACK_ADDRESS = /^(::ffff:)?127\.|^::1$/;
const LOOPBACK_HOST = /^(localhost|127(\.\d+){3}|\[::1\])$/i;

type Request = Pick<IncomingMessage, "headers"> & { socket: { localAddress?: string | undefined } };

/** Whether a Host header, with a port or without, names this machine alone. */
export function isLoopbackName(host: string): boolean {
  return LOOPBACK_HOST.test(host.replace(/:\d*$/, ""));
}

/** Whether the request arrived over a loopback connection under a name that is not of this machine. */
export function isRebound({ headers: { host = "" }, socket }: Request): boolean {
  return LOOPBACK_ADDRESS.test(socket.localAddress ?? "") && !isLoopbackName(host);
}

/** Whether a page of `origin` is this server's own. */
export function isOwnPage(request: Request, origin: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === request.headers.host && !isRebound(request);
}

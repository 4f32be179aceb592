// Join call: the rendezvous's end of a member's connection.

import type { ServerDuplexStream } from "@grpc/grpc-js";
import { checkHttpAddress, portOf } from "../../../proto/address.js";
import type { HelloMessage, MasterMessage, MemberMessage } from "../../../proto/collective-codec.js";
import { toStatus } from "../../../proto/wire-error.js";
import { VitrineError } from "../../../runtime/errors.js";
import type { Rendezvous, Seat } from "./rendezvous.js";
import { SilenceWatch } from "./silence.js";

export type JoinCall = ServerDuplexStream<MemberMessage, MasterMessage>;

/** `127.0.0.1:50112` or `::1:50112` → the host as an address has it. */
function hostOfPeer(peer: string): string {
  const host = peer.slice(0, Math.max(0, peer.lastIndexOf(":"))).replace(/^::ffff:(?=\d+\.)/, "");
  return host.includes(":") ? `[${host}]` : host;
}

/** Where others reach the member. Throws `usage/address`. */
function addressOf(hello: HelloMessage, peer: string): string {
  const address = hello.address ?? "";
  const whole = address.startsWith(":") ? `${hostOfPeer(peer)}:${portOf(address)}` : address;
  checkHttpAddress(whole, "--advertise");
  return whole;
}

/** A seat from the call's first message on, until it ends or is silent. */
export function serveJoin(call: JoinCall, rendezvous: Rendezvous, silenceMs: number): void {
  let seat: Seat | null = null;
  let isOver = false;
  const leave = (why: string): void => {
    if (isOver) return;
    isOver = true;
    watch.close();
    if (seat) rendezvous.remove(seat, why);
  };
  const refuse = (error: unknown): void => {
    leave(error instanceof Error ? error.message : String(error));
    call.emit("error", toStatus(error, "collective"));
  };
  const watch = new SilenceWatch({
    silenceMs,
    beat: () => seat && call.write({ alive: {} }),
    onSilent: (seconds) => refuse(new VitrineError("network/deadline", `silent for ${seconds} s`)),
  });
  call.on("data", (message: MemberMessage) => {
    if (isOver) return;
    watch.heard();
    if (seat) return rendezvous.receive(seat, message);
    try {
      if (!message.hello) throw new VitrineError("protocol/malformed", "the first message is not Hello");
      seat = rendezvous.admit(message.hello, {
        isMaster: false,
        address: addressOf(message.hello, call.getPeer()),
        send: (answer) => void (isOver || call.write(answer)),
        close: () => {
          leave("the rendezvous has closed");
          call.end();
        },
      });
    } catch (error) {
      refuse(error);
    }
  });
  call.on("cancelled", () => leave("its connection closed"));
  call.on("error", () => leave("its connection broke"));
  call.on("end", () => {
    leave("its connection closed");
    call.end();
  });
}

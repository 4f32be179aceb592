// Marionette: Firefox's own remote control over a socket, of which the tests need four commands. geckodriver would be a
// program apart, and playwright-core speaks a WebDriver BiDi that releases of Firefox do not have yet.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PLACES = [
  "/usr/bin/firefox-esr",
  "/usr/bin/firefox",
  "/Applications/Firefox.app/Contents/MacOS/firefox",
  "C:\\Program Files\\Mozilla Firefox\\firefox.exe",
];

/** A free port, and nothing that asks the network by itself. */
const PREFERENCES = {
  "marionette.port": 0,
  "app.update.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,",
  "toolkit.telemetry.enabled": false,
};

const START_MS = 60_000;

/** Path of a Firefox: FIREFOX_PATH, else the first of the usual places; undefined where there is none. */
export function findFirefox(): string | undefined {
  return [process.env.FIREFOX_PATH ?? "", ...PLACES].find((path) => path !== "" && existsSync(path));
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Firefox {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  #received = Buffer.alloc(0);
  #id = 0;

  private constructor(process: ChildProcess, profile: string, socket: Socket) {
    [this.#process, this.#profile, this.#socket] = [process, profile, socket];
    socket.on("data", (bytes) => this.#receive(bytes));
    socket.on("close", () => {
      for (const { reject } of this.#pending.values()) reject(new Error("Firefox closed the connection"));
    });
  }

  static async start(executable: string): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), "vitrine-firefox-"));
    const lines = Object.entries(PREFERENCES).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
    );
    writeFileSync(join(profile, "user.js"), lines.join(""));
    const args = ["--headless", "--no-remote", "--marionette", "--profile", profile];
    const process = spawn(executable, args, { stdio: "ignore" });
    const portFile = join(profile, "MarionetteActivePort");
    const start = performance.now();
    while (!existsSync(portFile) || readFileSync(portFile, "utf8") === "") {
      if (performance.now() - start > START_MS || process.exitCode !== null) {
        process.kill("SIGKILL");
        throw new Error("Firefox does not start");
      }
      await sleep(50);
    }
    const socket = connect(Number(readFileSync(portFile, "utf8")), "127.0.0.1");
    const firefox = new Firefox(process, profile, socket);
    await new Promise((resolve) => socket.once("data", resolve));
    await firefox.#send("WebDriver:NewSession", {});
    await firefox.#send("WebDriver:SetTimeouts", { script: START_MS, pageLoad: START_MS });
    return firefox;
  }

  /** Messages are LENGTH:JSON; an answer is [1, id, error, value], and what Firefox says first is an object. */
  #receive(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const colon = this.#received.indexOf(":");
      const length = Number(this.#received.subarray(0, Math.max(colon, 0)).toString());
      if (colon < 1 || this.#received.length < colon + 1 + length) return;
      const message = JSON.parse(this.#received.subarray(colon + 1, colon + 1 + length).toString());
      this.#received = this.#received.subarray(colon + 1 + length);
      if (!Array.isArray(message)) continue;
      const [, id, error, value] = message;
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (error) pending?.reject(new Error(`${error.error}: ${error.message}`));
      else pending?.resolve(value);
    }
  }

  #send(command: string, parameters: object): Promise<unknown> {
    const id = ++this.#id;
    const text = JSON.stringify([0, id, command, parameters]);
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    });
  }

  async open(url: string): Promise<void> {
    await this.#send("WebDriver:Navigate", { url });
  }

  /** Runs the body of an async function in the page; `args` are its arguments. */
  async run<Value>(body: string, ...args: unknown[]): Promise<Value> {
    const script = `const done = arguments[arguments.length - 1];
      (async (...args) => { ${body} })(...arguments).then(
        (value) => done({ value }), (error) => done({ error: String(error) }));`;
    const { value } = (await this.#send("WebDriver:ExecuteAsyncScript", { script, args })) as {
      value: { value: Value; error?: string };
    };
    if (value.error !== undefined) throw new Error(value.error);
    return value.value;
  }

  /** Until `condition`, an expression in the page, holds. */
  async until(condition: string): Promise<void> {
    const start = performance.now();
    while (!(await this.run<boolean>(`return Boolean(${condition})`))) {
      if (performance.now() - start > START_MS) throw new Error(`in vain: ${condition}`);
      await sleep(100);
    }
  }

  close(): void {
    this.#socket.destroy();
    this.#process.kill("SIGKILL");
    this.#process.once("close", () => rmSync(this.#profile, { recursive: true, force: true, maxRetries: 3 }));
  }
}

// Packages: the parts of tfjs that a device needs. All are optional peers, loaded when they are asked for.

import { VitrineError } from "../../errors.js";

/** What these devices were tested with. */
export const TFJS_VERSION = "4.22.0";

/** Gives a package's exports. Throws where it is not installed or does not load. */
export type LoadPackage = (name: string) => Promise<object>;

/** The name is a variable, so that neither building nor bundling needs the packages. */
export const importPackage: LoadPackage = async (name) => {
  const loaded = (await import(/* @vite-ignore */ name)) as { default?: object };
  // Of a CommonJS package Node names the exports that it finds, and has all of them in `default`.
  return { ...loaded.default, ...loaded };
};

/** The packages in this order. Throws `device/unavailable` with the line that installs them. */
export async function loadPackages(
  device: string,
  names: readonly string[],
  load: LoadPackage,
): Promise<object[]> {
  const loaded: object[] = [];
  for (const name of names) {
    try {
      loaded.push(await load(name));
    } catch (cause) {
      const install = names.map((wanted) => `${wanted}@${TFJS_VERSION}`).join(" ");
      throw new VitrineError(
        "device/unavailable",
        `device ${device}: the optional package ${name} ${reasonOf(cause)}: npm install ${install}, or use --device wasm`,
        { details: { device, package: name }, cause },
      );
    }
  }
  return loaded;
}

/** Why a package did not load, as the end of a sentence. */
export function reasonOf(cause: unknown): string {
  const { code, message } = cause as { code?: string; message?: string };
  if (code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND") return "is not installed";
  return `does not load here (${String(message ?? cause).split("\n")[0]})`;
}

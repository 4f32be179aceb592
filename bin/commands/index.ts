// The list of subcommands, in the order in which help shows them.

import type { Command } from "commander";
import { registerClassify } from "./classify.js";
import { registerClient } from "./client.js";
import { registerConvert } from "./convert.js";
import { registerData } from "./data.js";
import { registerDataServer } from "./data-server.js";
import { registerDoctor } from "./doctor.js";
import { registerImage } from "./image.js";
import { registerServe } from "./serve.js";
import { registerStart } from "./start.js";
import { registerTrain } from "./train.js";
import { registerValidate } from "./validate.js";

/** Adds one subcommand to the program. */
export type Register = (program: Command) => void;

export const COMMANDS: Register[] = [
  registerStart,
  registerValidate,
  registerDataServer,
  registerTrain,
  registerClassify,
  registerServe,
  registerClient,
  registerConvert,
  registerData,
  registerImage,
  registerDoctor,
];

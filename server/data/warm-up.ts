// Warm-up: a decode thread without work runs tasks on a picture of its own, so that the engine has compiled what a first
// batch needs before a client asks for one.

import { drawBatch } from "../../runtime/draw/mix.js";
import type { DrawMath } from "../../runtime/draw/random.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { fileLocation } from "./sample-location.js";

/** A JPEG file of 64×64 pixels, 4:2:0, with gradients and noise. */
const PICTURE =
  "/9j/4AAQSkZJRgABAQAAAQABAAD/2wCEAAgICAgJCAkKCgkNDgwODRMREBARExwUFhQWFBwrGx8bGx8bKyYuJSMlLiZENS8vNURO" +
  "Qj5CTl9VVV93cXecnNEBCAgICAkICQoKCQ0ODA4NExEQEBETHBQWFBYUHCsbHxsbHxsrJi4lIyUuJkQ1Ly81RE5CPkJOX1VVX3dx" +
  "d5yc0f/AABEIAEAAQAMBIgACEQEDEQH/xAB4AAEBAAIDAQAAAAAAAAAAAAAEAwEFAAIGBxAAAQQBBAEDBAMBAAAAAAAAAQACESED" +
  "EjFBUWEEInETQsHhgZGh0QEBAQEBAQAAAAAAAAAAAAAABAYFBwMRAAEEAQMFAQAAAAAAAAAAAAEAAgMEERQhMRITIiMyQf/aAAwD" +
  "AQACEQMRAD8A+W4WBrWwW32P53VxjDhAgQTMdJLcWoueRpaSOE/HjbpuGlu18KsNjWOMLuGrwrT9ODlCZhDIk0CBIohMLBAvmNhY" +
  "aqfROzG0ytoclYMMG2k1F8fpEfa89J+KgrT8OyoYMGxBJAgieU1uEe+ASKEWks9OS9zokjvv9qmNgcQNMEHio5RJrGjd2WnIcqCr" +
  "P1YOVDHga1sVBkQkhrZgCNKcMBAaNQsSaJXG4nFwjeZPi6RpZdF7GnPWt6Cx1BeWZ6cOLQPadt+0kMDS2BHf8XF7pmNjdOsAbDeV" +
  "UYHknT4IS7Uoija+I+Z5XBqtjJGSjMwB5Dcogk8O/wCpePCACCBJ2/JpLwenIbVEiI5rykBkA0QY5In/AFFfK3TmTPtVBWsbgZ2R" +
  "ceI+wWZEcxfQS2emho0gRpmYsf2VXDhOoSTMzFfH4Wwx4ooiYgD5gShxyiWNz5j5jhUFexgjBQmNaYLTFRXW6SMJcxrt7lXZifLO" +
  "j4F/tNYxrmQGUO+JtDhmMr3Cb5HC3obGAMFeLbiExDeb8hMx4xp3PRnqEtmEw15ab3gef2rMDo0kb9ydht2lxymKVz5fg8Lg1exk" +
  "DBUDidjcHaYb5BpXxMskiamqF9puLADqAAIJuvHhIZgcNZDb60whvkdqO7n1KhrWNgM7qYxmjBqndSs4ceuWkaidz5Tmhxd9xaKJ" +
  "2tXbge1oIDtJE98otqUyyNfD8Dlb9WxgDJXQYAY1H7gI4jZZOExURFHtbFjdYAO+/dDeVQenBJIG5JMdlGtT95rWw/Q5W9XnwNyv" +
  "J4cLQ0cQbn/FU4tnUCqATTiE/Cww3ikyWfWDsjlq4RVmLcFRw44bR+2fie0j6Xusb7zYtUb7TulYWB0A7TQ6RX2PHSfqoKspOHKG" +
  "DA4hrTt5K2X0WgEAElpFALsGARxSqyTQiu9ghmc0wYTy5UFaYuwVEenL3Ngneo2TcWM7gjz89pLGCB2s8/nYovWaRL3bhy3oJi4Y" +
  "X//Z";

/** Tasks of two pictures; more of them make a first batch no faster. */
const TASKS = 40;

/** A training task of two samples, of which neither has a file. */
function taskOf(math: DrawMath, index: number) {
  const recipe = DEIT_RECIPE;
  const key = { seed: 0, epoch: 0, index, repeat: 0 };
  const location = fileLocation("a picture to warm up with");
  const mixes = drawBatch(math, key, 2, recipe).samples;
  const samples = mixes.map((mix, place) => ({ location, key: { ...key, repeat: place }, place, mix }));
  return { kind: "training" as const, samples, recipe };
}

/** Runs a task whose samples have these bytes, and returns null for each that was made. */
type RunTask = (
  task: ReturnType<typeof taskOf>,
  batch: Uint8Array,
  reading: Promise<Uint8Array>[],
) => Promise<unknown[]>;

/**
 * Ends after a few tasks; once `isIdle` says that there is other work, with the task that runs. Returns the number of
 * samples that were made.
 */
export async function warmUp(math: DrawMath, isIdle: () => boolean, run: RunTask): Promise<number> {
  const bytes = Buffer.from(PICTURE, "base64");
  const batch = new Uint8Array(2 * DEIT_RECIPE.size ** 2 * 3);
  let made = 0;
  for (let index = 0; index < TASKS && isIdle(); index++) {
    const read = Promise.resolve(bytes);
    const outcome = await run(taskOf(math, index), batch, [read, read]);
    made += outcome.filter((fault) => fault === null).length;
  }
  return made;
}

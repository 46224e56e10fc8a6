// What is being painted, and the picture that came of it: over the socket as one types, over HTTP from a picture.

import * as api from "./api.js";
import * as around from "./around.js";
import * as canvas from "./canvas.js";
import * as compare from "./compare.js";
import { $, later } from "./elements.js";
import * as fields from "./fields.js";
import * as history from "./history.js";
import { Live } from "./live.js";
import { aloud, refuse, tellNotes } from "./notices.js";
import * as reuse from "./reuse.js";
import * as source from "./source.js";
import * as spark from "./spark.js";
import { say } from "./words.js";

const KEPT_MS = 900; // what stays so long in the frame is no draft
const WIDER = 0.25; // of a side, on each side, where a picture is extended
const TYPED_MS = 60; // between two letters of one who types fast

export const live = new Live();

let shown = null; // the finished picture in the frame: {blob, prompt, description, seed, …}
let asking = null; // what is being painted: {prompt, began, edited}; edited: "scene" where its boxes may move on
let editing = null; // the AbortController of an edit
let retrying = 0;

export const inFrame = () => shown;

export function paint() {
  typed.cancel();
  clearTimeout(retrying);
  let wanted;
  try {
    wanted = fields.asked();
  } catch (refusal) {
    refuse(refusal);
    return;
  }
  if (!wanted) {
    stop();
    return;
  }
  begun(wanted.prompt);
  live.paint(wanted);
}

/** Paint soon: more letters may come. */
export const typed = later(paint, TYPED_MS);

function begun(prompt, edited = false) {
  asking = { prompt, edited, began: performance.now() };
  compare.close();
  canvas.progress(0);
  busy(true);
}

function ended() {
  asking = null;
  canvas.progress(null);
  busy(false);
}

function busy(on) {
  document.documentElement.dataset.busy = String(on);
  const long = Boolean(on && editing);
  $("go").hidden = long;
  $("stop").hidden = !long;
}

/** Call off what is being painted; whether anything was. */
export function stop() {
  typed.cancel();
  clearTimeout(retrying);
  const was = Boolean(asking);
  if (editing) editing.abort();
  else if (asking) live.cancel();
  canvas.forgetPending();
  if (was) ended();
  return was;
}

function progressed({ step, steps }) {
  if (steps) canvas.progress(step / steps);
}

function preview(facts) {
  progressed(facts);
  // one that cannot be shown is no loss: the next one comes
  canvas.show(facts.blob, "preview", say("painting", { prompt: asking?.prompt ?? "" })).catch(() => {});
}

async function finished({ blob, revised_prompt: description, ...facts }) {
  const { prompt, edited, began } = asking ?? { prompt: "", edited: false, began: performance.now() };
  const ms = performance.now() - began;
  ended();
  tellNotes(facts.notes ?? []);
  fields.showSeed(facts.seed);
  fields.showDescription(description);
  spark.took(ms);
  reuse.tell(edited ? null : facts.reuse, facts.steps);
  await look({ ...facts, blob, prompt, description, edited });
  sayPainted({ ms: Math.round(ms), description });
  // what came from a neighbour or of an edit is not remembered by the server: here it is, for this visit
  if (edited === true) history.keep(shown);
  else if (facts.reuse?.remembered || facts.reuse?.kind === "identical") history.refreshSoon();
  else keepSoon(shown);
}

const keepSoon = later((item) => item === shown && history.keep(item), KEPT_MS);

// one who types on is not told of every picture on the way
const sayPainted = later((facts) => aloud("painted", facts), 700);

/** Show an item, and let it be saved, copied, edited and compared. */
export async function look(item) {
  shown = item;
  try {
    await canvas.show(item.blob, "final", say("alt_picture", { description: item.description || item.prompt }));
  } catch {
    refuse({ code: "no_picture" });
    return;
  }
  for (const id of ["edit", "compare-this", "copy", "download"]) $(id).disabled = false;
  $("frame").dataset.prompt = item.prompt;
  around.offer(item.blob);
  history.markChosen(item.id ?? item.reuse?.remembered ?? "");
}

live.addEventListener("told", ({ detail }) => fields.showDescription(detail.description));
live.addEventListener("progress", ({ detail }) => progressed(detail));
live.addEventListener("preview", ({ detail }) => preview(detail));
live.addEventListener("final", ({ detail }) => finished(detail));
live.addEventListener("refused", ({ detail: { refusal } }) => {
  ended();
  refuse(refusal);
  if (refusal.retry) retrying = setTimeout(() => asking || paint(), refusal.retry * 1000);
});

/** The picture that was taken up, as the prompt says; where it is brushed, if it is. */
export async function edit() {
  let wanted, mask;
  try {
    wanted = fields.asked();
    if (!wanted) throw { code: "no_prompt" };
    mask = await source.maskFile();
  } catch (refusal) {
    refuse(refusal);
    return;
  }
  delete wanted.reuse; // an edit reads no memory
  await paintFrom("edits", { ...wanted, ...meant(mask) }, { image: source.source().blob, mask });
}

/** What is brushed or added is painted from noise: the strength is for the picture as a whole. */
function meant(mask) {
  if (mask) return {};
  const { width, height } = source.source();
  const across = Math.round(width * WIDER);
  const along = Math.round(height * WIDER);
  const room = { "extend[left]": across, "extend[right]": across, "extend[top]": along, "extend[bottom]": along };
  if (source.meant() === "extend") return room;
  return { strength: $("strength").value, instruct: source.meant() === "instruct" || null };
}

export async function vary() {
  const { reuse: _reuse, ...wanted } = fields.brush();
  await paintFrom("variations", wanted, { image: source.source().blob });
}

/** The things of a scene, each where its box is. said: the scene in words. */
export async function compose(scene, wanted, said) {
  await paintFrom("generations", { ...wanted, scene }, null, { said, edited: "scene" });
}

async function paintFrom(route, wanted, files, { said = wanted.prompt ?? say("vary"), edited = true } = {}) {
  stop();
  live.cancel();
  const mine = (editing = new AbortController());
  begun(said, edited);
  try {
    for await (const { kind, ...facts } of api.paintedFrom(route, wanted, files, mine.signal)) {
      if (editing !== mine) return;
      if (kind !== "progress") source.veil(true);
      if (kind === "progress") progressed(facts);
      else if (kind === "preview") preview(facts);
      else await finished(facts);
    }
  } catch (error) {
    if (editing !== mine) return;
    source.veil(false);
    if (error.name === "AbortError") return; // whoever stopped it knows
    ended();
    refuse(error);
  } finally {
    if (editing === mine) editing = null;
    busy(asking !== null);
  }
}

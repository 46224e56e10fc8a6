// The scene editor: the sentence that is typed becomes things in boxes, and each change of them paints the picture anew.
// The server plans and paints; boxes.js draws.

import * as api from "./api.js";
import * as boxes from "./boxes.js";
import { $, later, make, pressed } from "./elements.js";
import * as fields from "./fields.js";
import { aloud, dismiss, refuse } from "./notices.js";
import { compose, stop } from "./painting.js";
import * as source from "./source.js";
import { COLOURS, label, language, say, STYLES } from "./words.js";

const QUIET_MS = 200; // after a change, before it is painted
const MOST = 32; // things
const KEPT = ["name", "description", "colour", "style"]; // of a thing; a box says the rest
const HAN = /\p{Script=Han}/u;

const name = $("scene-name");

let planned = null; // the scene as the server planned it
let sentence = ""; // that it was made of
let touched = false; // its things are no longer those of the sentence
let due = false; // a change waits to be painted
let held = false; // the seed is kept for the editor alone
let turn = 0;

export const composing = boxes.shown;

/** Plan what is typed, show it in boxes and paint it. */
export async function open() {
  const said = $("prompt").value.trim();
  const mine = (turn += 1);
  let found;
  try {
    if (!said) throw { code: "no_sentence" };
    found = await api.plan(said, fields.brush().size);
  } catch (refusal) {
    if (mine === turn) refuse(refusal);
    return;
  }
  if (mine !== turn) return;
  source.letGo();
  dismiss();
  [planned, sentence, touched] = [found.scene, said, false];
  held = fields.holdSeed() || held;
  shown(true);
  boxes.lay(found.boxes.map(({ thing, box }) => ({ thing: alone(planned.things[thing]), box })));
  boxes.focus();
  paint();
}

/** Put the boxes away. What was changed last is still painted. */
export function close() {
  turn += 1; // a plan that is on its way comes too late
  if (!composing()) return;
  if (due) paint();
  const within = $("frame").contains(document.activeElement) || $("scene-bar").contains(document.activeElement);
  boxes.lay(null);
  shown(false);
  if (held) fields.freeSeed();
  held = false;
  if (within) $("compose").focus();
}

function shown(on) {
  $("scene-bar").hidden = !on;
  pressed($("compose"), on);
}

const afterwards = later(() => paint(), QUIET_MS);

/** Paint what is there once it has been quiet. */
export function soon() {
  due = true;
  afterwards();
}

function paint() {
  afterwards.cancel();
  due = false;
  const things = named();
  if (!things.length) {
    stop();
    return;
  }
  try {
    const { canvas: _canvas, reuse: _reuse, ...wanted } = fields.brush(); // a scene is flat, and not remembered
    compose(sceneOf(things), wanted, words(things));
  } catch (refusal) {
    refuse(refusal);
  }
}

/** What has no name yet is not painted. */
function named() {
  return boxes.all().filter(({ thing }) => thing.name);
}

function sceneOf(things) {
  const { background, style } = planned;
  const chosen = STYLES[$("style").value]?.en.replace(/^, /, "");
  const all = things.map(({ thing, box }, k) => ({ ...thing, id: `${thing.name} ${k + 1}`, box }));
  return { ...(background && { background }), ...((chosen || style) && { style: chosen || style }), things: all };
}

function words(things) {
  if (!touched) return sentence;
  const place = Object.values(planned.background ?? {});
  const of = ({ thing: { colour, name: called } }) => (colour ? `${colour}${HAN.test(called) ? "" : " "}${called}` : called);
  return [...things.map(of), ...place].join(HAN.test(sentence) ? "，" : ", ");
}

/** One thing by itself: where it is its box says from now on. */
function alone(thing) {
  return Object.fromEntries(KEPT.filter((key) => thing[key]).map((key) => [key, thing[key]]));
}

// -- the thing in the chosen box

/** Change what is in the box. */
function become(given) {
  const one = boxes.now();
  if (!one) return;
  const { description: _description, ...thing } = one.thing; // which told of what was there before
  one.thing = { ...thing, ...given };
  if (!one.thing.colour) delete one.thing.colour;
  touched = true;
  boxes.place(one);
  sayChosen();
  soon();
}

const worn = (colour, { en, zh }) => colour === en || colour === zh || `${colour}色` === zh;
const paintOf = (thing) => thing.colour && COLOURS.find((one) => worn(thing.colour, one))?.paint;

const swatches = COLOURS.map((colour) => {
  const swatch = make("button", { type: "button", className: "swatch" });
  swatch.style.setProperty("--paint", colour.paint);
  swatch.addEventListener("click", () => {
    const { thing } = boxes.now();
    become({ colour: worn(thing.colour, colour) ? null : HAN.test(thing.name) ? colour.zh : colour.en });
  });
  return swatch;
});
$("scene-colours").append(...swatches);

function sayChosen() {
  const one = boxes.now();
  if (one?.thing.name !== name.value.trim()) name.value = one?.thing.name ?? "";
  swatches.forEach((swatch, k) => {
    pressed(swatch, Boolean(one) && worn(one.thing.colour, COLOURS[k]));
    swatch.disabled = !one;
  });
  name.disabled = $("scene-remove").disabled = !one;
  $("scene-add").disabled = boxes.all().length >= MOST;
}

function add() {
  boxes.add({ name: "" });
  name.focus();
}

function remove() {
  const { thing } = boxes.now();
  boxes.remove();
  touched = true;
  aloud("scene_removed", { name: thing.name });
  if (!boxes.now()) $("scene-add").focus();
  soon();
}

function writeName() {
  name.select();
  name.focus();
}

/** Everything that was said in code, in the language of now. */
export function sayScene() {
  swatches.forEach((swatch, k) => {
    label(swatch, COLOURS[k][language()]);
    swatch.title = COLOURS[k][language()];
  });
  $("compose").title = say("compose_hint");
  boxes.sayBoxes();
}

boxes.begin({ onChange: soon, onChoose: sayChosen, onName: writeName, onRemove: remove, paintOf });
name.addEventListener("input", (event) => event.isComposing || become({ name: name.value.trim() }));
name.addEventListener("compositionend", () => become({ name: name.value.trim() }));
name.addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && boxes.focus());
$("scene-add").addEventListener("click", add);
$("scene-remove").addEventListener("click", remove);
$("scene-off").addEventListener("click", close);
$("compose").addEventListener("click", () => (composing() ? close() : open()));

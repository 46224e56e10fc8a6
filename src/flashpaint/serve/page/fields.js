// The fields that say how to paint: read, remembered, and fitted to the painter that is there.

import { $, fitted, make, pressed } from "./elements.js";
import { settings } from "./settings.js";
import { label, language, say, STYLES } from "./words.js";

// field of the page, setting, name on the wire, how it reads
const FIELDS = [
  ["steps", "steps", "steps", Number],
  ["guidance", "guidance", "guidance_scale", Number],
  ["size", "size", "size", String],
  ["shape", "shape", "canvas", String],
  ["negative", "negative", "negative", (text) => text.trim()],
  ["reuse-of", "reuse", "reuse", String],
];
const LARGEST_SEED = 2n ** 63n - 1n;

let descriptionLocked = false;
let lastSeed = "";

export const seedLocked = () => settings.get("seedLocked");
export const isDescriptionLocked = () => descriptionLocked;

/** What to send; null where there is no prompt. Throws a Refusal's shape. */
export function asked() {
  const prompt = descriptionLocked ? $("description").value.trim() : styled($("prompt").value.trim());
  if (!prompt) return null;
  const wanted = { prompt, ...brush() };
  // a panorama is painted as it is said: what a teller adds would stand there once a window
  if (descriptionLocked || wanted.canvas === "panorama") wanted.describe = false;
  if (wanted.canvas === "panorama") delete wanted.size; // it has a shape of its own
  return wanted;
}

/** All but the prompt. */
export function brush() {
  const found = {};
  for (const [id, , name, read] of FIELDS) {
    if ($(id).value.trim() && !$(id).disabled && $(id).checkValidity()) found[name] = read($(id).value);
  }
  if (seedLocked() && $("seed").value.trim()) found.seed = seedOf($("seed").value.trim());
  return found;
}

function seedOf(text) {
  if (!/^\d{1,19}$/.test(text) || BigInt(text) > LARGEST_SEED) throw { code: "seed" };
  return String(BigInt(text));
}

function styled(prompt) {
  const style = STYLES[$("style").value];
  if (!prompt || !style) return prompt;
  return prompt + (/\p{Script=Han}/u.test(prompt) ? style.zh : style.en);
}

export function showSeed(seed) {
  lastSeed = String(seed);
  if (!seedLocked()) $("seed").value = lastSeed;
}

function lockSeed(on) {
  settings.set("seedLocked", on);
  settings.set("seed", on ? $("seed").value : "");
  saySeed();
}

/** Keep the seed of the picture that is there, where none is kept; whether it was free. */
export function holdSeed() {
  if (seedLocked() || $("seed").disabled) return false;
  if ($("seed").value.trim()) lockSeed(true);
  else rollSeed();
  return true;
}

export const freeSeed = () => lockSeed(false);

function rollSeed() {
  $("seed").value = String(crypto.getRandomValues(new Uint32Array(1))[0]);
  lockSeed(true);
}

function saySeed() {
  pressed($("seed-lock"), seedLocked(), seedLocked() ? "lock" : "unlock");
  label($("seed-lock"), say(seedLocked() ? "free_seed" : "lock_seed"));
  $("seed").placeholder = say("any");
}

export function showDescription(text) {
  if (descriptionLocked) return;
  $("description").value = text;
  $("told").hidden = !text;
  fitted($("description"));
}

export function lockDescription(on) {
  descriptionLocked = on;
  pressed($("description-lock"), on, on ? "lock" : "unlock");
  label($("description-lock"), say(on ? "free_description" : "lock_description"));
  $("told").classList.toggle("locked", on);
}

/** What the painter does not heed is not offered. */
export function fit(models) {
  const { heeds, steps, guidance_scale: guidance, sizes, canvases = [] } = models.painter;
  $("steps").placeholder = String(steps);
  $("guidance").placeholder = String(guidance);
  for (const [id, name] of [["steps", "steps"], ["guidance", "guidance_scale"], ["negative", "negative"]]) {
    $(id).disabled = !heeds.includes(name);
  }
  for (const id of ["seed", "seed-lock", "dice"]) $(id).disabled = !heeds.includes("seed");
  $("shape-of").hidden = $("shape").disabled = !canvases.length;
  $("size-of").hidden = sizes.length < 2;
  const options = sizes.map((size) => make("option", { value: size, textContent: size.replace("x", " × ") }));
  $("size").replaceChildren(make("option", { value: "", textContent: say("own_size") }), ...options);
  $("size").value = sizes.includes(settings.get("size")) ? settings.get("size") : "";
}

export function sayFields() {
  const chosen = $("style").value || settings.get("style");
  const named = ["", ...Object.keys(STYLES)].map((value) =>
    make("option", { value, textContent: say(`style_${value || "none"}`) }),
  );
  $("style").replaceChildren(...named);
  $("style").value = chosen in STYLES ? chosen : "";
  $("strength-said").textContent = `${Math.round(Number($("strength").value) * 100)}%`;
  if ($("size").options[0]) $("size").options[0].textContent = say("own_size");
  saySeed();
  lockDescription(descriptionLocked);
  document.documentElement.dataset.language = language();
}

/** onChange(): a field was changed that changes the picture. */
export function begin(onChange) {
  for (const [id, name] of FIELDS) {
    $(id).value = settings.get(name);
    $(id).addEventListener("input", () => {
      settings.set(name, $(id).value);
      onChange();
    });
  }
  $("strength").value = String(settings.get("strength"));
  $("strength").addEventListener("input", () => {
    settings.set("strength", Number($("strength").value));
    sayFields();
  });
  $("style").addEventListener("change", () => {
    settings.set("style", $("style").value);
    onChange();
  });
  $("seed").value = settings.get("seed");
  $("seed").addEventListener("input", () => {
    lockSeed(Boolean($("seed").value.trim()));
    onChange();
  });
  $("seed-lock").addEventListener("click", () => lockSeed(!seedLocked() && Boolean($("seed").value || lastSeed)));
  $("dice").addEventListener("click", () => {
    rollSeed();
    onChange();
  });
  $("more").open = settings.get("more");
  $("more").addEventListener("toggle", () => {
    settings.set("more", $("more").open);
    if ($("more").contains(document.activeElement)) $("more").scrollIntoView({ block: "nearest" });
  });
  sayFields();
}

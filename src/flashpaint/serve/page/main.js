// Where it comes together: which control does what. What they do is said in the modules.

import * as api from "./api.js";
import { dress } from "./appearance.js";
import * as brush from "./brush.js";
import * as compare from "./compare.js";
import { $, fitted, make, pressed } from "./elements.js";
import * as fields from "./fields.js";
import * as history from "./history.js";
import "./incoming.js";
import { sayLink } from "./link.js";
import { aloud, dismiss, note, refuse, refusing, sayNotices } from "./notices.js";
import { edit, inFrame, live, look, paint, stop, typed, vary } from "./painting.js";
import * as reuse from "./reuse.js";
import * as scene from "./scene.js";
import { settings } from "./settings.js";
import * as shortcuts from "./shortcuts.js";
import * as source from "./source.js";
import * as spark from "./spark.js";
import { EXAMPLES, language, say } from "./words.js";

const prompt = $("prompt");

let marked = null; // A, while B is not chosen yet

// -- the prompt

function setPrompt(text) {
  prompt.value = text;
  settings.set("prompt", text);
  fitted(prompt);
}

/** From a picture or over boxes, nothing is painted before one says so. */
function changed() {
  setPrompt(prompt.value);
  if (!source.source() && !scene.composing()) typed();
}

function submit() {
  if (scene.composing()) scene.open();
  else if (source.source()) edit();
  else paint();
}

prompt.addEventListener("input", (event) => {
  if (fields.isDescriptionLocked()) fields.lockDescription(false); // what was typed last counts
  if (!event.isComposing) changed(); // half a Chinese word is no word
});
prompt.addEventListener("compositionend", changed);
prompt.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
$("stop").addEventListener("click", () => stop() && aloud("stopped"));

$("description").addEventListener("input", (event) => {
  fields.lockDescription(true);
  fitted($("description"));
  if (!event.isComposing && !source.source()) typed();
});
$("description").addEventListener("compositionend", () => source.source() || typed());
$("description-lock").addEventListener("click", () => {
  fields.lockDescription(!fields.isDescriptionLocked());
  if (!source.source()) typed();
});

function sayPrompt() {
  prompt.placeholder = say(source.source() ? `prompt_${source.meant() || "edit"}_hint` : "prompt_hint");
}

function sayExamples() {
  const chips = EXAMPLES[language()].map((text) => {
    const chip = make("button", { type: "button", className: "chip", textContent: text });
    chip.addEventListener("click", () => {
      prompt.value = text;
      changed();
      prompt.focus();
    });
    return make("li", {}, chip);
  });
  $("examples").replaceChildren(...chips);
}

// -- from a picture

source.onChange(() => {
  sayPrompt();
  if (source.source()) {
    scene.close();
    stop();
    prompt.focus();
  } else if (inFrame()) look(inFrame());
  else {
    $("empty").hidden = false;
    $("frame").dataset.state = "empty";
  }
});

async function describe() {
  try {
    const { description } = await api.describe(source.source().blob);
    setPrompt(description);
    note("described", { what: description });
    prompt.focus();
  } catch (refusal) {
    refuse(refusal);
  }
}

$("vary").addEventListener("click", vary);
$("describe").addEventListener("click", describe);
$("alike").addEventListener("click", () => history.search({ blob: source.source().blob }));
$("edit").addEventListener("click", () => inFrame() && source.take(inFrame().blob));

// -- history, comparing, saving

async function open(row) {
  try {
    const blob = await history.blobOf(row);
    scene.close();
    stop();
    source.letGo();
    compare.close();
    setPrompt(row.prompt);
    fields.lockDescription(false);
    fields.showDescription(row.description);
    fields.showSeed(row.seed);
    reuse.tell(null);
    await look({ ...row, blob });
  } catch (refusal) {
    refuse(refusal);
  }
}

/** The first is A, the second B. */
async function mark(row) {
  try {
    const item = { ...row, blob: await history.blobOf(row) };
    const first = marked;
    if (first) {
      unmark();
      compare.compare(first, item);
    } else {
      marked = item;
      pressed($("compare-this"), true);
      note("compare_first");
    }
  } catch (refusal) {
    refuse(refusal);
  }
}

function unmark() {
  marked = null;
  pressed($("compare-this"), false);
  if (!refusing()) dismiss();
}

function compareShown() {
  if (compare.comparing()) compare.close();
  else if (marked && marked.blob === inFrame()?.blob) unmark();
  else if (inFrame()) mark(inFrame());
}

/** The file as the server made it, to the byte: its marks tell how it was painted. */
function download() {
  if (!inFrame()) return;
  const { blob, prompt: said, seed } = inFrame();
  const words = said.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60);
  const name = `${words || "flashpaint"}-${seed}.${blob.type.split("/")[1]}`;
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  aloud("downloaded", { name });
}

async function copy() {
  try {
    await navigator.clipboard.writeText(inFrame()?.prompt || prompt.value);
    note("copied");
    setTimeout(() => refusing() || dismiss(), 2500);
  } catch {
    refuse({ code: "no_clipboard" });
  }
}

$("compare-this").addEventListener("click", compareShown);
$("download").addEventListener("click", download);
$("copy").addEventListener("click", copy);

// -- keys

const click = (id) => () => $(id).offsetParent && !$(id).disabled && $(id).click();

/** Escape: the innermost thing that is open. */
function back() {
  if (compare.comparing()) compare.close();
  else if (marked) unmark();
  else if (stop()) aloud("stopped");
  else if (scene.composing()) scene.close();
  else if (source.isBrushing()) source.brushing(false);
  else if (source.source()) source.letGo();
  else dismiss();
}

shortcuts.listen({
  save: download,
  stop: back,
  acts: {
    "/": () => prompt.focus(),
    "?": shortcuts.openSheet,
    s: download,
    c: copy,
    r: click("dice"),
    l: click("seed-lock"),
    e: click("edit"),
    b: click("brush-on"),
    "[": () => brush.resize(-4),
    "]": () => brush.resize(4),
    x: click("compare-this"),
    h: () => $("search").focus(),
    m: () => ($("more").open = !$("more").open),
  },
});

// -- the beginning

/** Everything that was said in code, in the language of now. */
function sayAnew() {
  sayPrompt();
  sayExamples();
  sayLink();
  sayNotices();
  fields.sayFields();
  source.saySource();
  scene.sayScene();
  reuse.sayReuse();
  spark.draw();
  history.draw();
}

dress(sayAnew);
fields.begin(() => (scene.composing() ? scene.soon() : source.source() || typed()));
history.begin({ onOpen: open, onCompare: mark });
reuse.lookUp(history.find);
setPrompt(settings.get("prompt"));
sayAnew();
live.now();
if (matchMedia("(hover: hover)").matches) prompt.focus(); // on a phone, the keyboard would cover the page

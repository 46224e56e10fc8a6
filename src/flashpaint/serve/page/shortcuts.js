// Keys, and the sheet that shows them. Single letters only outside text fields, and only if one likes them.

import { $, make } from "./elements.js";
import { settings } from "./settings.js";
import { say } from "./words.js";

const command = /Mac|iP(hone|ad)/.test(navigator.platform) ? "⌘" : "Ctrl";

const SHOWN = [
  [["/"], "key_prompt"],
  [["Enter"], "key_paint"],
  [["Esc"], "key_stop"],
  [[`${command} S`, "S"], "key_download"],
  [["C"], "key_copy"],
  [["R"], "key_dice"],
  [["L"], "key_lock"],
  [["E"], "key_edit"],
  [["B"], "key_brush"],
  [["[", "]"], "key_size"],
  [["X"], "key_compare"],
  [["H"], "key_search"],
  [["M"], "key_more"],
  [["←", "→", "Enter", "C", "D", "Del"], "key_strip"],
  [["Tab", "←", "→", "Shift", "Enter", "Del"], "key_boxes"],
  [["?"], "key_sheet"],
];

function saySheet() {
  $("sheet-list").replaceChildren(
    ...SHOWN.map(([keys, name]) =>
      make(
        "div",
        {},
        make("dt", {}, ...keys.map((one) => make("kbd", { textContent: one }))),
        make("dd", { textContent: say(name) }),
      ),
    ),
  );
}

const writing = (element) => element.matches("textarea, select, input:not([type=range], [type=checkbox], [type=file])");

/** acts: by letter, what to do; save, stop: with their own keys. */
export function listen({ acts, save, stop }) {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented || $("sheet").open) return;
    const commanded = event.ctrlKey || event.metaKey;
    if (commanded && !event.altKey && event.key.toLowerCase() === "s") {
      event.preventDefault();
      save();
    } else if (event.key === "Escape") stop();
    else if (!commanded && !event.altKey && !writing(event.target) && settings.get("single")) {
      const act = acts[event.key.toLowerCase()];
      if (!act) return;
      event.preventDefault();
      act();
    }
  });
  $("sheet-open").addEventListener("click", openSheet);
  $("single").checked = settings.get("single");
  $("single").addEventListener("change", () => settings.set("single", $("single").checked));
  $("sheet").addEventListener("click", (event) => event.target === $("sheet") && $("sheet").close());
}

export function openSheet() {
  saySheet();
  $("sheet").showModal();
}

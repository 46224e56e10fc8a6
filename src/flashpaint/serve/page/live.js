// The socket /live: the newest prompt wins. Knows frames and reconnecting; knows no element.
//
// A picture is one binary frame: four bytes, big-endian, the length of a JSON header; the header; the file.

import { models, refusalOf } from "./api.js";
import { key } from "./settings.js";
import { parsed, written } from "./wire.js";

const FIRST_MS = 400;
const MOST_MS = 8000;

function unpacked(buffer) {
  const length = new DataView(buffer).getUint32(0);
  const header = parsed(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { ...header, blob: new Blob([new Uint8Array(buffer, 4 + length)], { type: header.media_type }) };
}

/**
 * Events, each a CustomEvent: "link" {state: "open" | "lost" | "waiting" | "locked", seconds}, "told", "progress",
 * "preview", "final", "refused" {refusal}. Only what belongs to the newest asking is told.
 */
export class Live extends EventTarget {
  #socket = null;
  #number = 0;
  #asked = null; // what is not finished yet: it is asked again after a reconnect
  #tries = 0;
  #timer = 0;

  constructor() {
    super();
    addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => document.hidden || this.#socket || this.now());
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Paint this; whatever was asked before is called off by the server. */
  paint(fields) {
    this.#number += 1;
    this.#asked = { type: "paint", id: this.#number, ...fields };
    this.#send(this.#asked);
    return this.#number;
  }

  cancel() {
    this.#number += 1;
    this.#asked = null;
    this.#send({ type: "cancel", id: this.#number });
  }

  /** Connect, without waiting for the next try. */
  now() {
    if (this.#socket) return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  async #connect() {
    this.#tell("link", { state: "waiting" });
    const socket = (this.#socket = {}); // holds the place while we ask
    try {
      // a socket that is turned away does not say why; this does
      this.#tell("models", { models: await models() });
    } catch (refusal) {
      this.#socket = null;
      if (refusal.status === 401 || refusal.status === 403) {
        this.#tell("link", { state: "locked", refusal });
        return;
      }
      this.#again();
      return;
    }
    if (this.#socket === socket) this.#dial();
  }

  #dial() {
    const address = new URL("/live", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address, ["flashpaint", ...(key.get() ? [`flashpaint-key.${key.get()}`] : [])]);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#tries = 0;
      this.#tell("link", { state: "open" });
      if (this.#asked) this.#send(this.#asked);
    };
    socket.onmessage = ({ data }) => this.#heard(typeof data === "string" ? parsed(data) : unpacked(data));
    socket.onclose = () => {
      this.#socket = null;
      this.#again();
    };
  }

  #again() {
    const ms = Math.min(MOST_MS, FIRST_MS * 2 ** this.#tries) * (0.75 + Math.random() / 2);
    this.#tries += 1;
    this.#tell("link", { state: "lost", seconds: ms / 1000 });
    this.#timer = setTimeout(() => this.#connect(), ms);
  }

  #heard({ type, id, ...facts }) {
    if (id !== this.#number) return; // of an older prompt
    if (type === "error") {
      const retry = facts.retry_after_s;
      // a server that stops says so and hangs up: what was asked is asked again by the reconnect
      if (facts.error.code === "stopping") return;
      this.#asked = null;
      this.#tell("refused", { refusal: refusalOf(facts.error, 0, retry) });
      return;
    }
    if (type === "final") this.#asked = null;
    this.#tell(type, facts);
  }

  #send(message) {
    if (this.open) this.#socket.send(written(message));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

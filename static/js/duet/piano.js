/**
 * The piano on the screen: mouse, pen and as many fingers as there are, sliding from key to key; arrows and Enter for
 * those who do not see it.
 */
import { make } from "../dom.js";
import { isBlack, keyAt, layoutOf, nameOf } from "./layout.js";

/**
 * @typedef {object} PianoHooks
 * @property {(pitch: number, velocity: number, at: number) => void} press
 * @property {(pitch: number, at: number) => void} release
 * @property {(pitch: number) => string} hint The computer's key that plays it.
 */

/** How hard Enter strikes. */
const ENTER_VELOCITY = 82;

export class Piano {
  /**
   * @param {HTMLElement} place
   * @param {PianoHooks} hooks
   */
  constructor(place, hooks) {
    this.place = place;
    this.hooks = hooks;
    this.base = 60;
    this.coarse = matchMedia("(pointer: coarse)");
    this.layout = layoutOf(place.clientWidth || 600, this.base, this.coarse.matches);
    /** @type {Map<number, HTMLElement>} */
    this.keys = new Map();
    /** The key under each finger. @type {Map<number, number>} */
    this.fingers = new Map();
    /** @type {number | null} */
    this.entered = null;
    this.focused = 60;
    /** What was drawn: per key its classes. @type {Map<number, string>} */
    this.drawn = new Map();
    this.listen();
    new ResizeObserver(() => this.render()).observe(place);
    this.coarse.addEventListener("change", () => this.render());
  }

  /** @param {number} base */
  move(base) {
    this.base = base;
    this.render();
  }

  /** Lays the keys out anew. */
  render() {
    const { clientWidth } = this.place;
    if (clientWidth === 0) return;
    const hadFocus = this.place.contains(document.activeElement);
    this.layout = layoutOf(clientWidth, this.base, this.coarse.matches);
    this.keys.clear();
    this.drawn.clear();
    const { low, high } = this.layout;
    this.focused = Math.max(low, Math.min(high, this.focused));
    for (const { pitch, black, x, width } of this.layout.keys) {
      const name = nameOf(pitch);
      const key = make("div", { class: black ? "key black" : "key", role: "button", "aria-label": name, "data-pitch": pitch, tabindex: pitch === this.focused ? 0 : -1 },
        make("span", { class: "key-hint", "aria-hidden": "true" }, this.coarse.matches ? "" : this.hooks.hint(pitch)),
        pitch % 12 === 0 ? make("span", { class: "key-name", "aria-hidden": "true" }, name) : null);
      key.style.left = `${x}px`;
      key.style.width = `${width}px`;
      this.keys.set(pitch, key);
    }
    this.place.replaceChildren(...this.keys.values());
    if (hadFocus) this.keys.get(this.focused)?.focus();
  }

  /**
   * Shows what sounds and what would fit.
   * @param {{own: Set<number>, others: Set<number>, partner: Set<number>, chord: Set<number>, root: number | null}} state Chord tones as pitch classes.
   */
  show({ own, others, partner, chord, root }) {
    for (const [pitch, key] of this.keys) {
      const step = pitch % 12;
      const marks = [
        own.has(pitch) ? "own" : others.has(pitch) ? "other" : "",
        partner.has(pitch) ? "partner" : "",
        step === root ? "root" : chord.has(step) ? "tone" : "",
      ].join(" ");
      if (this.drawn.get(pitch) === marks) continue;
      this.drawn.set(pitch, marks);
      key.className = `key ${isBlack(pitch) ? "black " : ""}${marks}`;
    }
  }

  listen() {
    const { place } = this;
    place.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      // A finger stays with the piano, wherever it slides.
      place.setPointerCapture(event.pointerId);
      this.touch(event);
    });
    place.addEventListener("pointermove", (event) => {
      if (this.fingers.has(event.pointerId)) this.touch(event);
    });
    for (const name of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"])) place.addEventListener(name, (event) => this.lift(event.pointerId, event.timeStamp));
    place.addEventListener("contextmenu", (event) => event.preventDefault());
    place.addEventListener("keydown", (event) => this.typed(event));
    place.addEventListener("keyup", (event) => {
      if (event.key === "Enter") this.unenter(event.timeStamp);
    });
    place.addEventListener("focusout", (event) => this.unenter(event.timeStamp));
  }

  /** @param {PointerEvent} event */
  touch(event) {
    const box = this.place.getBoundingClientRect();
    const key = keyAt(this.layout, event.clientX - box.left, (event.clientY - box.top) / box.height);
    const before = this.fingers.get(event.pointerId);
    if (key?.pitch === before && before !== undefined) return;
    if (before !== undefined && before >= 0) this.hooks.release(before, event.timeStamp);
    // Between two keys the finger stays known, so that it can come back.
    this.fingers.set(event.pointerId, key?.pitch ?? -1);
    if (key) this.hooks.press(key.pitch, key.velocity, event.timeStamp);
  }

  /**
   * @param {number} finger
   * @param {number} at
   */
  lift(finger, at) {
    const pitch = this.fingers.get(finger);
    this.fingers.delete(finger);
    if (pitch !== undefined && pitch >= 0) this.hooks.release(pitch, at);
  }

  /** @param {number} at */
  releaseAll(at) {
    for (const finger of [...this.fingers.keys()]) this.lift(finger, at);
    this.unenter(at);
  }

  /** @param {KeyboardEvent} event */
  typed(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 12, ArrowDown: -12 }[event.key];
    if (by !== undefined) {
      event.preventDefault();
      return this.focus(this.focused + by);
    }
    if (event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat || this.entered !== null) return;
    this.entered = this.focused;
    this.hooks.press(this.focused, ENTER_VELOCITY, event.timeStamp);
  }

  /** @param {number} at */
  unenter(at) {
    if (this.entered !== null) this.hooks.release(this.entered, at);
    this.entered = null;
  }

  /** @param {number} pitch */
  focus(pitch) {
    const key = this.keys.get(pitch);
    if (!key) return;
    this.keys.get(this.focused)?.setAttribute("tabindex", "-1");
    key.setAttribute("tabindex", "0");
    this.focused = pitch;
    key.focus();
  }
}
